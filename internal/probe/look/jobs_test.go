package look_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// fake is a process of a fake table.
type fake struct {
	pid, ppid             int
	comm, exe             string // the executable's path, /usr/bin/COMM when empty
	cgroup                string // dev's session when empty
	uid                   int    // dev's when 0, root's when negative
	pgrp, tty, tpgid      int
	own, waited           int // ticks
	start                 int // ticks since the start of the machine, 1000 when 0
	ignored, flags        uint64
	state                 string // "S" when empty
	noDescriptors, noStat bool
}

const (
	pts0, pts1, tty2, tty7 = 136 << 8, 136<<8 | 1, 4<<8 | 2, 4<<8 | 7
	// atPrompt are the signals that a shell ignores which controls jobs:
	// SIGTERM, SIGTSTP, SIGTTIN and SIGTTOU.
	atPrompt = 1<<14 | 1<<19 | 1<<20 | 1<<21

	session = "/user.slice/user-1000.slice/session-3.scope"
	manager = "/user.slice/user-1000.slice/user@1000.service"
)

// stat is its /proc/PID/stat.
func (p fake) stat() string {
	f := make([]string, 52)
	for i := range f {
		f[i] = "0"
	}
	for i, v := range map[int]any{
		1: p.pid, 2: "(" + p.comm + ")", 3: cmp.Or(p.state, "S"), 4: p.ppid, 5: cmp.Or(p.pgrp, p.pid), 6: cmp.Or(p.pgrp, p.pid),
		7: p.tty, 8: cmp.Or(p.tpgid, -1), 9: p.flags, 14: p.own, 16: p.waited, 20: 1, 22: cmp.Or(p.start, 1000), 33: p.ignored,
		25: uint64(1<<64 - 1), 18: 20, 19: -5,
	} {
		f[i-1] = fmt.Sprint(v)
	}
	return strings.Join(f, " ") + "\n"
}

func (at tree) process(p fake) {
	at.t.Helper()
	dir := fmt.Sprintf("proc/%d/", p.pid)
	uid := max(cmp.Or(p.uid, 1000), 0)
	if !p.noStat {
		at.put(dir+"stat", p.stat())
	}
	at.put(dir+"comm", p.comm+"\n")
	at.put(dir+"exe", "-> "+cmp.Or(p.exe, "/usr/bin/"+strings.ReplaceAll(p.comm, "/", "_")))
	at.put(dir+"status", fmt.Sprintf("Name:\t%q\nState:\tS (sleeping)\nUid:\t%d\t%d\t%d\t%d\nThreads:\t1\n", p.comm, uid, uid, uid, uid))
	at.put(dir+"cgroup", "0::"+cmp.Or(p.cgroup, session)+"\n")
	if !p.noDescriptors {
		at.put(dir+"fd/0", "-> /dev/null")
	}
}

// table makes a root with nothing but processes.
func table(t *testing.T, procs ...fake) tree {
	t.Helper()
	at := tree{t, t.TempDir()}
	at.put("proc/uptime", "1000.00 4000.00\n")
	at.put("sys/devices/system/cpu/online", "0-1\n")
	at.put("etc/passwd", "root:x:0:0::/root:/bin/sh\ndev:x:1000:1000::/home/dev:/bin/sh\n")
	for _, p := range procs {
		at.process(p)
	}
	return at
}

func (at tree) machine() *look.Machine {
	return &look.Machine{Root: at.root, Budget: 10 * time.Second, Patience: 10 * time.Second, Gap: 200 * time.Millisecond}
}

// between asks for jobs, and makes the table anew half way.
func (at tree) between(after ...fake) *facts.Jobs {
	at.t.Helper()
	var a probe.Answer
	synctest.Test(at.t, func(*testing.T) {
		go func() {
			<-time.After(100 * time.Millisecond)
			old, _ := filepath.Glob(at.path("proc/[0-9]*"))
			for _, dir := range old {
				_ = os.RemoveAll(dir)
			}
			for _, p := range after {
				at.process(p)
			}
		}()
		a = at.machine().Look(context.Background(), probe.Question{Jobs: true})
	})
	return a.Jobs
}

// say writes jobs as people would read them.
func say(jobs *facts.Jobs) string {
	var out []string
	for _, j := range jobs.List {
		words := []string{j.Comm, fmt.Sprintf("%d%%", j.CPUPercent)}
		if j.Build != "" {
			words = append(words, j.Build)
		}
		if j.Foreground {
			words = append(words, "on", j.TTY)
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, ", ")
}

func TestWhatIsAJob(t *testing.T) {
	t.Parallel()
	bash := fake{pid: 10, comm: "bash", tty: pts0, tpgid: 10, ignored: atPrompt}
	behind := bash
	behind.tpgid = 20
	for name, c := range map[string]struct {
		first, then []fake
		want        string
	}{
		"a shell at its prompt is none":       {[]fake{bash}, []fake{bash}, ""},
		"a shell that runs a script is one":   {nil, []fake{behind, {pid: 20, ppid: 10, comm: "bash", tty: pts0, tpgid: 20}}, "bash 0% on pts/0"},
		"a shell in a shell is none":          {nil, []fake{behind, {pid: 20, ppid: 10, comm: "zsh", tty: pts0, tpgid: 20, ignored: atPrompt}}, ""},
		"a command in the foreground":         {nil, []fake{behind, {pid: 20, ppid: 10, comm: "vim", tty: pts0, tpgid: 20}}, "vim 0% on pts/0"},
		"a command in the background is none": {nil, []fake{bash, {pid: 20, ppid: 10, comm: "vim", tty: pts0, tpgid: 10}}, ""},
		"a terminal with a program alone":     {nil, []fake{{pid: 20, ppid: 9, comm: "vim", tty: pts0, tpgid: 20}}, "vim 0% on pts/0"},
		"of a pipeline the leader": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "find", tty: pts0, tpgid: 20},
			{pid: 21, ppid: 10, comm: "less", pgrp: 20, tty: pts0, tpgid: 20}}, "find 0% on pts/0"},
		"of a pipeline without leader the eldest": {nil, []fake{behind, {pid: 21, ppid: 10, comm: "less", pgrp: 20, tty: pts0, tpgid: 20},
			{pid: 22, ppid: 10, comm: "tee", pgrp: 20, tty: pts0, tpgid: 20, start: 1001}}, "less 0% on pts/0"},
		"tmux shows what is elsewhere": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "tmux: client", tty: pts0, tpgid: 20},
			{pid: 30, comm: "bash", tty: pts1, tpgid: 31, ignored: atPrompt}, {pid: 31, ppid: 30, comm: "top", tty: pts1, tpgid: 31}}, "top 0% on pts/1"},
		"root's command on a user's terminal": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "sudo", uid: -1, tty: pts0, tpgid: 20},
			{pid: 21, ppid: 20, comm: "apt", uid: -1, pgrp: 20, tty: pts0, tpgid: 20}}, "apt 0% on pts/0"},
		"sudo asks for a password": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "sudo", uid: -1, tty: pts0, tpgid: 20}}, "sudo 0% on pts/0"},
		"sudo with a terminal of its own": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "sudo", uid: -1, tty: pts0, tpgid: 20},
			{pid: 21, ppid: 20, comm: "sudo", uid: -1, tty: pts1, tpgid: 22}, {pid: 22, ppid: 21, comm: "vim", uid: -1, tty: pts1, tpgid: 22}}, "vim 0% on pts/1"},
		"a root shell in sudo is none": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "sudo", uid: -1, tty: pts0, tpgid: 20},
			{pid: 21, ppid: 20, comm: "sudo", uid: -1, tty: pts1, tpgid: 22}, {pid: 22, ppid: 21, comm: "bash", uid: -1, tty: pts1, tpgid: 22, ignored: atPrompt}}, ""},
		"modectl is no reason to wait": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "mode", exe: "/usr/bin/modectl", tty: pts0, tpgid: 20, own: 15}}, ""},
		"a getty is nobody's":          {nil, []fake{{pid: 20, comm: "agetty", cgroup: "/system.slice/system-getty.slice/getty@tty2.service", uid: -1, tty: tty2, tpgid: 20}}, ""},
		"run0 has a terminal of its own": {nil, []fake{behind, {pid: 20, ppid: 10, comm: "run0", tty: pts0, tpgid: 20},
			{pid: 21, ppid: 1, comm: "vim", uid: -1, cgroup: "/user.slice/user-0.slice/session-c3.scope", tty: pts1, tpgid: 21}}, "vim 0% on pts/1"},
		"a login screen is nobody's": {nil, []fake{{pid: 20, comm: "tuigreet", uid: 995, cgroup: "/user.slice/user-995.slice/session-1.scope", tty: tty2, tpgid: 20, own: 9}}, ""},
		"a desktop on a console is no command": {nil, []fake{{pid: 20, comm: "weston", tty: tty7, tpgid: 20, own: 15},
			{pid: 30, comm: "desk-session", tty: tty2, tpgid: 30}, {pid: 31, ppid: 30, comm: "sway", tty: tty2, tpgid: 30, pgrp: 30}}, ""},
		"a command on a console": {nil, []fake{{pid: 20, comm: "vim", tty: tty2, tpgid: 20}}, "vim 0% on tty2"},

		"a process that burns CPU":        {[]fake{{pid: 20, comm: "x264", own: 500}}, []fake{{pid: 20, comm: "x264", own: 505}}, "x264 25%"},
		"one that burns little is none":   {[]fake{{pid: 20, comm: "x264", own: 500}}, []fake{{pid: 20, comm: "x264", own: 501}}, ""},
		"one that burned before is none":  {[]fake{{pid: 20, comm: "x264", own: 500}}, []fake{{pid: 20, comm: "x264", own: 500}}, ""},
		"one that has just begun":         {nil, []fake{{pid: 20, comm: "x264", own: 8, start: 99990}}, "x264 40%"},
		"the pid is another's now":        {[]fake{{pid: 20, comm: "x264", own: 500}}, []fake{{pid: 20, comm: "x265", own: 4, start: 99990}}, "x265 20%"},
		"children that ended in between":  {[]fake{{pid: 20, comm: "sh"}}, []fake{{pid: 20, comm: "sh", waited: 10}}, "sh 50%"},
		"a child that ended after long":   {[]fake{{pid: 20, comm: "sh"}, {pid: 21, ppid: 20, comm: "x264", own: 60000}}, []fake{{pid: 20, comm: "sh", waited: 60006}}, "sh 30%"},
		"with a grandchild":               {[]fake{{pid: 20, comm: "sh"}, {pid: 21, ppid: 20, comm: "sh", waited: 100}, {pid: 22, ppid: 21, comm: "x", own: 70}}, []fake{{pid: 20, comm: "sh", waited: 174}}, "sh 20%"},
		"a system service is nobody's":    {nil, []fake{{pid: 20, comm: "x264", cgroup: "/system.slice/x.service", own: 9}}, ""},
		"the desktop may burn":            {nil, []fake{{pid: 20, comm: "gnome-shell", cgroup: manager + "/session.slice/org.gnome.Shell@wayland.service", own: 9}}, ""},
		"sound may burn":                  {nil, []fake{{pid: 20, comm: "pipewire", cgroup: manager + "/app.slice/pipewire.service", own: 9}}, ""},
		"the kernel may burn":             {nil, []fake{{pid: 20, comm: "kworker", flags: 0x00200000, own: 9, cgroup: session}}, ""},
		"an app may not, nor a dead one":  {nil, []fake{{pid: 20, comm: "ff", cgroup: manager + "/app.slice/ff.scope", own: 9}, {pid: 21, comm: "dead", own: 9, state: "Z"}}, "ff 45%"},
		"more than the machine has is it": {[]fake{{pid: 20, comm: "x"}}, []fake{{pid: 20, comm: "x", own: 1 << 40}}, "x 200%"},
		"the busiest first":               {nil, []fake{{pid: 20, comm: "a", own: 3}, {pid: 21, comm: "b", own: 9}, {pid: 22, comm: "c", own: 3}}, "b 45%, a 15%, c 15%"},

		"a compiler by being there":      {nil, []fake{{pid: 20, comm: "cc1plus"}}, "cc1plus 0% compiler"},
		"a cross compiler":               {nil, []fake{{pid: 20, comm: "x86_64-linux-gn", exe: "/usr/bin/x86_64-linux-gnu-as"}}, "x86_64-linux-gn 0% compiler"},
		"a compiler with its version":    {nil, []fake{{pid: 20, comm: "clang++-19"}}, "clang++-19 0% compiler"},
		"a compiler that Nix wraps":      {nil, []fake{{pid: 20, comm: ".rustc-wrapped", exe: "/nix/store/x/bin/.rustc-wrapped"}}, ".rustc-wrapped 0% compiler"},
		"a compiler that has just ended": {[]fake{{pid: 20, comm: "cc1"}}, nil, "cc1 0% compiler"},
		"Go's compiler":                  {nil, []fake{{pid: 20, comm: "compile", exe: "/usr/lib/go/pkg/tool/linux_amd64/compile"}}, "compile 0% compiler"},
		"what is only called so":         {nil, []fake{{pid: 20, comm: "compile"}, {pid: 21, comm: "clangd"}, {pid: 22, comm: "asmail"}}, ""},
		"a compiler from cron":           {nil, []fake{{pid: 20, comm: "cc1", cgroup: "/system.slice/cron.service"}}, "cc1 0% compiler"},
		"the system's own compiler":      {nil, []fake{{pid: 20, comm: "cc1", uid: -1, cgroup: "/system.slice/dkms.service"}}, ""},
		"a pod's compiler":               {nil, []fake{{pid: 20, comm: "cc1", cgroup: "/kubepods/burstable/pod0123456789abcdef0/1"}}, ""},
		"a prompt of a compiler is none": {nil, []fake{{pid: 20, comm: "ghc"}}, ""},
		"a compiler that has a prompt":   {nil, []fake{{pid: 20, comm: "ghc", own: 1}}, "ghc 5% compiler"},
		"make while something is at work": {[]fake{{pid: 20, comm: "make"}, {pid: 21, ppid: 20, comm: "sh"}, {pid: 22, ppid: 21, comm: "x"}},
			[]fake{{pid: 20, comm: "make"}, {pid: 21, ppid: 20, comm: "sh"}, {pid: 22, ppid: 21, comm: "x", own: 1}}, "make 0% driver"},
		"make while a compiler ended": {[]fake{{pid: 20, comm: "make"}, {pid: 21, ppid: 20, comm: "cc1"}}, []fake{{pid: 20, comm: "make"}}, "make 0% driver, cc1 0% compiler"},
		"make that only waits is none": {[]fake{{pid: 20, comm: "make"}, {pid: 21, ppid: 20, comm: "server"}},
			[]fake{{pid: 20, comm: "make"}, {pid: 21, ppid: 20, comm: "server"}}, ""},
		"a circle of parents ends": {nil, []fake{{pid: 20, ppid: 21, comm: "make", own: 1}, {pid: 21, ppid: 20, comm: "sudo", tty: pts0, tpgid: 21},
			{pid: 22, ppid: 22, comm: "sudo", tty: pts1, tpgid: 22}}, "make 5% driver"},
		"a builder of Nix": {[]fake{{pid: 20, comm: "nix-daemon", uid: -1, cgroup: "/system.slice/nix-daemon.service"}},
			[]fake{{pid: 20, comm: "nix-daemon", uid: -1, cgroup: "/system.slice/nix-daemon.service"},
				{pid: 21, ppid: 20, comm: "bash", uid: 30001, cgroup: "/system.slice/nix-daemon.service/nix-build-uid-30001"}}, "bash 0% builder"},
		"Nix's daemon alone is none": {nil, []fake{{pid: 20, comm: "nix-daemon", uid: -1, cgroup: "/system.slice/nix-daemon.service"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := table(t, c.first...).between(c.then...)
			if !got.Known() || got.Total != len(got.List) || say(got) != c.want {
				t.Errorf("got %q of %d, want %q; unknown %q", say(got), got.Total, c.want, got.Unknown)
			}
		})
	}
}

func TestAJobSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	job := fake{pid: 20, comm: "ev\x1b[2Jil) R 1\n(", cgroup: manager + "/app.slice/app-x.scope", own: 9, start: 40000}
	got := table(t).between(job)
	if len(got.List) != 1 {
		t.Fatalf("got %+v", got)
	}
	j := got.List[0]
	if j.Comm != "ev?[2Jil) R 1?(" || j.User != "dev" || j.Slice != "user.slice" || j.UserSlice != "app.slice" || j.UserUnit != "app-x.scope" ||
		j.Age != 10*time.Minute || got.Over != 200*time.Millisecond {
		t.Errorf("got %+v over %v", j, got.Over)
	}
}

func TestTheLooksAtJobsAndAtGPUsShareOneWait(t *testing.T) {
	t.Parallel()
	at := machineTree(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a := at.machine().Look(context.Background(), all)
		if took := time.Since(began); took != 200*time.Millisecond || !a.Jobs.Known() || !a.GPUs.Known() {
			t.Errorf("they took %v; unknown %q, %q", took, a.Jobs.Unknown, a.GPUs.Unknown)
		}
	})
}

func TestMoreJobsThanAreListedAreCounted(t *testing.T) {
	t.Parallel()
	at := table(t)
	var crowd []fake
	for i := range facts.MaxJobs + 20 {
		crowd = append(crowd, fake{pid: 100 + i, comm: "x", own: 2 + i%9})
	}
	got := at.between(crowd...)
	if got.Total != facts.MaxJobs+20 || len(got.List) != facts.MaxJobs || got.List[0].CPUPercent != 50 {
		t.Errorf("listed %d of %d, the first at %d%%", len(got.List), got.Total, got.List[0].CPUPercent)
	}
}

func TestJobsThatCannotBeSeenAreUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(at tree)
		want   string
	}{
		"a stat that is nonsense":       {func(at tree) { at.put("proc/20/stat", "20 (x S 1 1") }, "the state of 1 processes cannot be read"},
		"a stat that is a FIFO":         {func(at tree) { at.fifo("proc/20/stat") }, "the state of 1 processes cannot be read"},
		"a stat that is a directory":    {func(at tree) { at.put("proc/20/stat/x", "") }, "the state of 1 processes cannot be read"},
		"an uptime that is nonsense":    {func(at tree) { at.put("proc/uptime", "NaN") }, "how long the machine has been up"},
		"no uptime":                     {func(at tree) { _ = os.Remove(at.path("proc/uptime")) }, "how old processes are"},
		"a process that is gone is not": {func(at tree) { _ = os.Remove(at.path("proc/20/stat")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := table(t, fake{pid: 20, comm: "x", noStat: true}, fake{pid: 21, comm: "y"})
			c.damage(at)
			m := at.machine()
			m.Gap = time.Millisecond
			a := m.Look(context.Background(), probe.Question{Jobs: true})
			if (c.want == "") != a.Jobs.Known() || !strings.Contains(a.Jobs.Unknown, c.want) {
				t.Errorf("unknown %q, want %q", a.Jobs.Unknown, c.want)
			}
		})
	}
}
