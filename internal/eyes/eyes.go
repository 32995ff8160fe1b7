// Package eyes collects Facts for the brain: from moded-probe and moded-workload
// over their sockets, from what the users' agents reported, from logind, from
// PID 1 and from who holds the mode, side by side and each with its deadline. A source that is missing or late makes its
// part unknown and holds up none of the others.
package eyes

import (
	"context"
	"sync"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// Sources are what the eyes look through. One that is nil is unknown.
type Sources struct {
	Probe interface {
		Ask(ctx context.Context, q probe.Question) (probe.Answer, error)
	}
	Audio interface {
		Audio() []facts.AudioUser
	}
	Sessions interface {
		Facts(ctx context.Context) facts.Sessions
	}
	Units interface {
		State(ctx context.Context, unit string) (actions.UnitState, error)
	}
	Inhibitors interface {
		Inhibitors(ctx context.Context) facts.Inhibitors
	}
	Holds interface {
		Holds() []facts.Hold
	}
	Workload interface {
		Look(ctx context.Context, q workload.Question) (workload.Answer, error)
	}
	// Workloads is what the configuration has for Workload to ask; nil has
	// nothing.
	Workloads func() Workloads
	// GPUName is what the configuration calls a GPU, or empty; nil knows none.
	GPUName func(facts.GPU) string
}

// Workloads are the services of the configuration that compute for others.
type Workloads struct {
	VLLM []facts.VLLMServer // Name, Unit and URL
	// K3s is its unit, empty without one; Node its name in the cluster, empty for
	// the host's.
	K3s, Node string
}

// How long sources may take, and how long facts may be shared.
const (
	quick  = 10 * time.Second // logind, PID 1, the probe without NVML: it may have to be started on a busy machine
	slow   = 16 * time.Second // the probe when it asks NVML
	shared = time.Second
)

// Eyes implements guards.Eyes and actions.Devices. They are safe for many
// goroutines.
type Eyes struct {
	src Sources
	// turn is held by the one collection that is under way.
	turn chan struct{}
	// asking is held by the one question for the settings of a GPU.
	asking chan struct{}

	mu       sync.Mutex
	last     *facts.Facts
	covers   guards.Needs
	till     time.Time
	settings map[string]facts.GPUSettings // as the drivers said last, by address
}

var (
	_ guards.Eyes     = (*Eyes)(nil)
	_ actions.Devices = (*Eyes)(nil)
)

// New returns eyes that look through src.
func New(src Sources) *Eyes {
	return &Eyes{src: src, turn: make(chan struct{}, 1), asking: make(chan struct{}, 1), settings: map[string]facts.GPUSettings{}}
}

// Everything is what a person who asks for the machine's resources wants to see:
// all parts, and no call that could take long.
func Everything(units ...string) guards.Needs {
	return guards.Needs{Load: true, Memory: true, Audio: true, Sessions: true, GPU: true, Usage: true, Units: units,
		Jobs: true, Inhibitors: true, Holds: true, VLLM: true, Pods: true, Power: true}
}

// Look returns facts with all that n asks for; other parts are unknown. Readers
// share facts younger than a second unless fresh is set. One collection is under
// way at most; who waits for it longer than ctx allows sees nothing.
func (e *Eyes) Look(ctx context.Context, n guards.Needs, fresh bool) *facts.Facts {
	if f := e.recent(n); f != nil && !fresh {
		return f
	}
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return facts.Unseen("another look at the machine is under way")
	}
	if f := e.recent(n); f != nil && !fresh {
		return f
	}
	f := e.collect(ctx, n, fresh)
	if ctx.Err() == nil { // else what is unknown is so for this caller only
		e.keep(f, n)
	}
	return f
}

func (e *Eyes) recent(n guards.Needs) *facts.Facts {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil || time.Now().After(e.till) || !e.covers.Covers(n) {
		return nil
	}
	return e.last
}

func (e *Eyes) keep(f *facts.Facts, n guards.Needs) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last, e.covers, e.till = f, n, time.Now().Add(shared)
}
