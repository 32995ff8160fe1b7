package look

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// task is a process as it was at one look, or between two.
type task struct {
	stat
	pid   uint32
	seen  time.Time
	trade trade
	// used are its ticks of CPU between the looks, over how long that was.
	used uint64
	over time.Duration
	// proc is set for those who may turn out to be a job.
	proc *proc
}

// percent is the use of CPU between the looks, in percent of one.
func (t task) percent() int {
	if t.over <= 0 {
		return 0
	}
	return percent(float64(t.used) * float64(time.Second/ticks) / float64(t.over))
}

// front tells whether it is in the foreground of its terminal.
func (t task) front() bool { return t.tty != 0 && t.tpgid > 0 && t.tpgid == t.pgrp }

// glimpses is one look at all processes.
type glimpses struct {
	tasks []task
	// blind is of how many the state could not be read.
	blind int
}

func (g *glimpses) join(other glimpses) {
	g.tasks = append(g.tasks, other.tasks...)
	g.blind += other.blind
}

// see reads the stat of a process; false when it has ended or is a secret.
func (w *walker) see(dir int, name string, t *task) bool {
	text, err := readInto(dir, name, w.text)
	if vanished(err) {
		return false
	}
	ok := false
	if err == nil {
		t.stat, ok = parseStat(text)
	}
	if !ok {
		w.blind++
	}
	return ok
}

// glimpse is a process's part of the first look; false when there is no more to
// see of it: it is the kernel's. A compiler may be gone before the second.
func (w *walker) glimpse(dir int, p *proc) bool {
	t := task{pid: p.PID, seen: time.Now()}
	if !w.see(dir, "stat", &t) {
		return true
	}
	if t.kernel() {
		return false
	}
	p.Comm = facts.Clean(t.comm)
	w.name(dir, p)
	t.trade = tradeOf(p)
	if t.trade == compiler {
		w.introduce(dir, &t, *p)
	}
	w.tasks = append(w.tasks, t)
	return true
}

// introduce finds out whose a process is.
func (w *walker) introduce(dir int, t *task, p proc) {
	if t.gone() {
		return
	}
	switch err := w.identify(dir, &p); {
	case err == nil:
		t.proc = &p
	case !vanished(err):
		w.blind++
	}
}

// again is the second look at the processes.
func (m *Machine) again(ctx context.Context, first glimpses) (glimpses, error) {
	s := second{before: make(map[uint32]*task, len(first.tasks)), since: time.Now().Add(-m.Gap)}
	for i := range first.tasks {
		t := &first.tasks[i]
		s.before[t.pid] = t
		s.nix = s.nix || t.comm == "nix-daemon"
	}
	users := m.users()
	var crew []*walker
	err := m.everyProcess(ctx, func(table int) func(uint32) {
		w := newWalker(ctx, probe.Question{}, table, users)
		crew = append(crew, w)
		return func(pid uint32) { s.visit(w, pid) }
	})
	if err != nil {
		return glimpses{}, err
	}
	var out glimpses
	for _, w := range crew {
		out.join(w.glimpses)
	}
	slices.SortFunc(out.tasks, func(a, b task) int { return int(int64(a.pid) - int64(b.pid)) })
	return out, nil
}

// second is what the second look knows of the first.
type second struct {
	before map[uint32]*task
	since  time.Time
	// nix is set where its daemon runs: then anybody may be a builder.
	nix bool
}

// visit looks again at a process. Most were there before and did nothing since:
// of them one file is read.
func (s second) visit(w *walker, pid uint32) {
	name := strconv.FormatUint(uint64(pid), 10)
	t := task{pid: pid, seen: time.Now()}
	if !w.see(w.proc, name+"/stat", &t) || t.kernel() {
		return
	}
	before := s.before[pid]
	if before != nil && before.start != t.start {
		before = nil // the pid is another process's now
	}
	known := before != nil && before.comm == t.comm
	if known {
		t.trade = before.trade
	}
	t.compare(before, s.since)
	if !t.gone() && (!known || t.trade != 0 || t.front() || t.percent() >= burning || s.nix) {
		w.closer(name, &t)
	}
	w.tasks = append(w.tasks, t)
}

// closer finds out who a process is, unless it has just become another.
func (w *walker) closer(name string, t *task) {
	dir, err := directory(w.proc, name)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	var now task
	if !w.see(dir, "stat", &now) || now.start != t.start {
		return
	}
	p := proc{Process: facts.Process{PID: t.pid, Comm: facts.Clean(now.comm)}}
	w.name(dir, &p)
	t.trade = tradeOf(&p)
	w.introduce(dir, t, p)
}

// compare counts what a process used since the first look. Its waited-for
// children are still in there with all that they ever used, see settle.
func (t *task) compare(before *task, since time.Time) {
	if before == nil {
		t.used, t.over = t.total(), t.seen.Sub(since)
		return
	}
	t.over = t.seen.Sub(before.seen)
	t.used = back(t.own, before.own) + back(t.waited, before.waited)
}

// back is how much a counter advanced, 0 when it went back.
func back(now, was uint64) uint64 {
	if now < was {
		return 0
	}
	return now - was
}

// settle takes off what children that ended had used before the first look: the
// kernel adds all that a child ever used to the parent that waits for it.
func settle(first, now glimpses, cpus int) {
	at := make(map[uint32]int, len(now.tasks))
	for i, t := range now.tasks {
		at[t.pid] = i
	}
	was := make(map[uint32]*task, len(first.tasks))
	for i := range first.tasks {
		was[first.tasks[i].pid] = &first.tasks[i]
	}
	lives := func(t *task) bool { i, ok := at[t.pid]; return ok && now.tasks[i].start == t.start }
	for i := range first.tasks {
		t := &first.tasks[i]
		if lives(t) {
			continue
		}
		parent := was[uint32(t.ppid)]
		for n := 0; n < maxDepth && parent != nil && !lives(parent); n++ {
			parent = was[uint32(parent.ppid)]
		}
		if parent == nil || !lives(parent) {
			continue
		}
		p := &now.tasks[at[parent.pid]]
		grown := back(p.waited, parent.waited)
		own := p.used - min(p.used, grown)
		p.waited = parent.waited + back(grown, t.total())
		p.used = own + back(p.waited, parent.waited)
	}
	for i := range now.tasks {
		t := &now.tasks[i]
		t.used = min(t.used, uint64(max(t.over.Seconds(), 0)*ticks*float64(max(cpus, 1))+0.5))
	}
}

// maxDepth bounds how many generations we follow.
const maxDepth = 64

// blindness is the error of processes that could not be read.
func (g glimpses) blindness() error {
	if g.blind == 0 {
		return nil
	}
	return fmt.Errorf("the state of %d processes cannot be read", g.blind)
}
