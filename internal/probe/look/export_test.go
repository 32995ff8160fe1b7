package look

import (
	"context"
	"os"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// Place is how a cgroup file is read.
func Place(text string) (slice, unit, userSlice, userUnit, session, pod string) {
	p := placeIn(text)
	return p.slice, p.unit, p.userSlice, p.userUnit, p.session, p.pod
}

// Identified tells whether a process is whose a descriptor of its directory says.
func Identified(dir *os.File, pid uint32) bool {
	w := newWalker(context.Background(), probe.Question{}, -1, nil)
	return w.identify(int(dir.Fd()), &proc{Process: facts.Process{PID: pid}}) == nil
}

// Fdinfo is how an fdinfo file is read.
func Fdinfo(text string) (id string, engines map[string]uint64, ok bool) {
	c, ok := parseFdinfo(text)
	return c.id, c.engines, ok
}

// Since is the busiest engine of a client between two fdinfo files.
func Since(was, is string, elapsed time.Duration) float64 {
	a, _ := parseFdinfo(was)
	b, _ := parseFdinfo(is)
	return busiest(b.since(a, elapsed))
}

// Stat is how a stat file is read: the name, the state, the parent, the terminal
// with what is in its foreground, the CPU used and the start.
func Stat(text string) (comm string, state byte, numbers [6]int64, ok bool) {
	s, ok := parseStat([]byte(text))
	return s.comm, s.state, [6]int64{s.ppid, s.pgrp, s.tty, s.tpgid, int64(s.total()), int64(s.start)}, ok
}

// Status is how a status file is read.
func Status(text string) (uid uint32, gone, ok bool) {
	uid, ok = parseUID(text)
	return uid, zombie(text), ok
}

// Lock is how a line of /proc/locks is read.
func Lock(line string) (class string, waits bool, pid int64, major, minor uint32, inode uint64, ok bool) {
	l, ok := parseLock(line)
	return l.class, l.waits, l.pid, l.major, l.minor, l.inode, ok
}

// Users is how a passwd file is read.
func Users(text string) map[uint32]string { return parsePasswd(text) }

// Charge is how a battery's values are read.
func Charge(values map[string]string) (now, full float64, err error) {
	return charge(func(file string) string { return values[file] })
}

// CPUs is how the list of CPUs is read.
func CPUs(text string) (int, bool) { return countCPUs(text) }

// Interactive tells of a shell by its stat whether it controls jobs.
func Interactive(text string) bool {
	s, ok := parseStat([]byte(text))
	t := task{stat: s}
	return ok && t.interactive()
}

// ParsePCM is how the status of a sound card's stream is read.
func ParsePCM(text string) (state string, thread uint32, open bool) { return parsePCM(text) }
