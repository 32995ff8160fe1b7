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
