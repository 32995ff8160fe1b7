package look

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fronts finds what people wait for in terminals: for each group of processes in
// the foreground of one, the process that stands for it, with the terminal's
// name. See man:credentials(7) and "Job Control" in the manual of glibc.
func (k kinship) fronts() map[uint32]string {
	leads := map[int64]*task{}
	for i := range k.tasks {
		t := &k.tasks[i]
		if !t.front() || t.gone() {
			continue
		}
		// The leader, or when that has ended ("echo | less") the eldest.
		lead := leads[t.pgrp]
		if lead == nil || int64(lead.pid) != t.pgrp && (int64(t.pid) == t.pgrp || t.start < lead.start) {
			leads[t.pgrp] = t
		}
	}
	out := map[uint32]string{}
	for _, lead := range leads {
		if lead = k.behind(lead); lead != nil && lead.proc != nil && k.command(lead) {
			out[lead.pid] = terminal(lead.tty)
		}
	}
	return out
}

// behind looks through sudo and its like: to the command that it runs, to itself
// while it asks for a password, and to nobody where the command is on a terminal
// of its own, where it is found by itself.
func (k kinship) behind(t *task) *task {
	for range maxDepth {
		if !wrappers[called(t.comm)] {
			return t
		}
		children := k.children[t.pid]
		if len(children) == 0 {
			return t
		}
		inner := t
		for _, i := range children {
			if c := &k.tasks[i]; c.pgrp == t.pgrp && !c.gone() {
				inner = c
			}
		}
		if inner == t {
			return nil
		}
		t = inner
	}
	return nil
}

// wrappers run a command as somebody else.
var wrappers = map[string]bool{"sudo": true, "sudo-rs": true, "su": true, "doas": true, "runuser": true, "pkexec": true}

// shells are programs that wait at a prompt.
var shells = map[string]bool{
	"sh": true, "bash": true, "dash": true, "ash": true, "busybox": true, "zsh": true, "fish": true, "ksh": true, "ksh93": true,
	"mksh": true, "lksh": true, "oksh": true, "rbash": true, "tcsh": true, "csh": true, "nu": true, "elvish": true, "xonsh": true,
	"pwsh": true, "ion": true, "osh": true, "ysh": true, "murex": true, "yash": true, "rc": true, "es": true,
}

// viewers show terminals that are elsewhere, where what runs is found by itself.
var viewers = map[string]bool{
	"tmux: client": true, "screen": true, "zellij": true, "dtach": true, "abduco": true, "byobu": true, "script": true, "run0": true,
}

// command tells whether a process in the foreground is a command that somebody
// waits for. A shell at its prompt is not; one that runs a script is.
func (k kinship) command(t *task) bool {
	name := called(t.comm)
	switch {
	case shells[name] && t.interactive(), viewers[name], ours(t.proc.Process):
		return false
	case virtualConsole(t.tty):
		return !k.draws(t)
	}
	return true
}

// interactive tells of a shell whether it controls jobs. Such a one ignores
// SIGTTOU, or it could not take the terminal back; the commands that it starts
// do not. Its command line would tell too, but reading that means to read its
// memory, on which anybody can make us wait.
func (t *task) interactive() bool { return t.ignored&(1<<(unix.SIGTTOU-1)) != 0 }

// draws tells whether a process on a virtual console is somebody's desktop, or
// what started it.
func (k kinship) draws(t *task) bool {
	if desktop[called(t.comm)] {
		return true
	}
	queue := append([]int(nil), k.children[t.pid]...)
	for n := 0; n < len(queue) && n < maxFamily; n++ {
		c := k.tasks[queue[n]]
		if desktop[called(c.comm)] {
			return true
		}
		queue = append(queue, k.children[c.pid]...)
	}
	return false
}

// maxFamily bounds how many descendants we look at.
const maxFamily = 4096

// virtualConsole tells whether a device number is that of a /dev/ttyN.
func virtualConsole(tty int64) bool {
	return unix.Major(uint64(tty)) == 4 && unix.Minor(uint64(tty)) < 64
}

// terminal names a terminal by its device number, see the kernel's
// Documentation/admin-guide/devices.txt.
func terminal(tty int64) string {
	major, minor := unix.Major(uint64(tty)), unix.Minor(uint64(tty))
	switch {
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<20|minor)
	case virtualConsole(tty):
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	}
	return fmt.Sprintf("%d:%d", major, minor)
}
