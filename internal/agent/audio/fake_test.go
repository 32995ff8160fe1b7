package audio_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/modectl/moded/internal/agent/audio"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userunits"
)

// user is a small user manager with a PipeWire in it: it satisfies Units,
// PipeWire and Memory, and behaves.
type user struct {
	mu      sync.Mutex
	states  map[string]userunits.State
	enabled map[string]bool
	changed chan struct{}
	graph   pipewire.Summary
	streams map[chan pipewire.Summary]bool
	kept    audio.Remembered

	trace    []string
	stopErr  error // Stop fails and leaves everything as it is
	slow     chan struct{}
	liar     bool          // pw-metadata succeeds and does nothing
	lingers  time.Duration // it ends that long after the graph has shown it
	late     time.Duration // the graph shows it that long after it has ended
	thinks   time.Duration // how long the manager thinks about a unit
	missing  bool          // pw-dump is not installed
	followed int
	clocks   []pipewire.Clock // what is measured; nil for what is forced
	topless  bool             // pw-top cannot measure
}

func newUser() *user {
	u := &user{
		states: map[string]userunits.State{}, enabled: map[string]bool{}, changed: make(chan struct{}, 1),
		graph: pipewire.Summary{Settings: true, Quantum: 1024, Rate: 48000}, streams: map[chan pipewire.Summary]bool{},
	}
	for _, unit := range audio.UnitNames() {
		u.states[unit] = userunits.State{Load: "loaded", Active: "active"}
		u.enabled[unit] = true
	}
	return u
}

func (u *user) note(what string) { u.trace = append(u.trace, what) }

func (u *user) States(_ context.Context, units ...string) (map[string]userunits.State, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := map[string]userunits.State{}
	for _, unit := range units {
		out[unit] = u.states[unit]
	}
	return out, nil
}

func (u *user) Enabled(_ context.Context, unit string) (bool, error) {
	time.Sleep(u.thinks)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.enabled[unit], nil
}

func (u *user) Start(_ context.Context, units ...string) error {
	u.set("active", units...)
	return nil
}

func (u *user) Stop(ctx context.Context, units ...string) error {
	if u.slow != nil {
		select {
		case <-u.slow:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if u.stopErr != nil {
		return u.stopErr
	}
	u.set("inactive", units...)
	return nil
}

func (u *user) Changed() <-chan struct{} { return u.changed }

// set moves units; PipeWire's streams end with it, and what was forced.
func (u *user) set(active string, units ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.note(active + " " + joined(units))
	for _, unit := range units {
		s := u.states[unit]
		s.Active = active
		u.states[unit] = s
	}
	if u.states["pipewire.service"].Active != "active" {
		for c := range u.streams {
			close(c)
		}
		clear(u.streams)
		u.graph.ForcedQuantum, u.graph.ForcedRate = 0, 0
	}
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

func joined(units []string) string {
	short := map[string]string{
		"pipewire.socket": "s", "pipewire-pulse.socket": "ps", "pipewire.service": "p", "pipewire-pulse.service": "pp", "wireplumber.service": "w",
	}
	var out string
	for _, unit := range units {
		out += short[unit] + ","
	}
	return out
}

func (u *user) Follow(ctx context.Context, emit func(pipewire.Summary)) error {
	c := make(chan pipewire.Summary, 16)
	u.mu.Lock()
	u.followed++
	if u.missing {
		u.mu.Unlock()
		return pipewire.ErrMissing
	}
	c <- u.graph
	u.streams[c] = true
	u.mu.Unlock()
	for {
		select {
		case s, ok := <-c:
			if !ok {
				return nil
			}
			emit(s)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change changes the graph and tells all streams.
func (u *user) change(f func(*pipewire.Summary)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.graph)
	for c := range u.streams {
		c <- u.graph
	}
}

func (u *user) Force(_ context.Context, quantum, rate uint32) error {
	u.mu.Lock()
	u.note("force")
	liar := u.liar
	u.mu.Unlock()
	show := func() { u.change(func(s *pipewire.Summary) { s.ForcedQuantum, s.ForcedRate = quantum, rate }) }
	if !liar && u.late == 0 {
		show()
	}
	time.Sleep(u.lingers)
	if u.late > 0 {
		time.AfterFunc(u.late, show)
	}
	return nil
}

func (u *user) Measure(context.Context) ([]pipewire.Clock, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.note("measure")
	switch {
	case u.topless:
		return nil, errors.New("pw-top: invalid option -- 'b'")
	case u.clocks != nil:
		return u.clocks, nil
	}
	return []pipewire.Clock{{Driver: "alsa_output", Quantum: u.graph.ForcedQuantum, Rate: u.graph.ForcedRate}}, nil
}

func (u *user) Load() audio.Remembered {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.kept
}

func (u *user) Save(r audio.Remembered) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	r.Active = slices.Clone(r.Active)
	u.kept = r
	return nil
}

// forced is what PipeWire has.
func (u *user) forced() [2]uint32 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return [2]uint32{u.graph.ForcedQuantum, u.graph.ForcedRate}
}

// active lists units that are up.
func (u *user) active() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var up []string
	for _, unit := range audio.UnitNames() {
		if u.states[unit].Active == "active" {
			up = append(up, unit)
		}
	}
	return joined(up)
}

func (u *user) count(what string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for _, t := range u.trace {
		if t == what {
			n++
		}
	}
	return n
}
