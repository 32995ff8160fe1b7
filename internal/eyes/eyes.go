// Package eyes collects Facts for the brain: from moded-probe over its socket,
// from what the users' agents reported, from logind and from PID 1, side by
// side and each with its deadline. A source that is missing or late makes its
// part unknown and holds up none of the others.
package eyes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modectl/moded/internal/probe"
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
	// GPUName is what the configuration calls a GPU, or empty; nil knows none.
	GPUName func(facts.GPU) string
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

	mu     sync.Mutex
	last   *facts.Facts
	covers guards.Needs
	till   time.Time
}

var (
	_ guards.Eyes     = (*Eyes)(nil)
	_ actions.Devices = (*Eyes)(nil)
)

// New returns eyes that look through src.
func New(src Sources) *Eyes { return &Eyes{src: src, turn: make(chan struct{}, 1)} }

// Everything is what a person who asks for the machine's resources wants to see:
// all parts, and no call that could take long.
func Everything(units ...string) guards.Needs {
	return guards.Needs{Load: true, Memory: true, Audio: true, Sessions: true, GPU: true, Usage: true, Units: units}
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
		return unasked("another look at the machine is under way")
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

// unasked returns facts of which nothing is known.
func unasked(why string) *facts.Facts {
	p := facts.Part{Unknown: why}
	f := &facts.Facts{At: time.Now()}
	f.Load.Part, f.Memory.Part, f.GPUs.Part, f.Audio.Part = p, p, p, p
	f.Sessions.Part, f.Process.Part, f.Units.Part = p, p, p
	return f
}

// collect asks all sources side by side.
func (e *Eyes) collect(ctx context.Context, n guards.Needs, fresh bool) *facts.Facts {
	f := unasked("not asked for")
	var wg sync.WaitGroup
	if q, ask := question(n, fresh); ask {
		wg.Go(func() { e.askProbe(ctx, q, f) })
	}
	if n.Audio {
		f.Audio = e.audio()
	}
	if n.Sessions || n.GPU {
		wg.Go(func() { f.Sessions = e.sessions(ctx) })
	}
	if len(n.Units) > 0 {
		wg.Go(func() { f.Units = e.units(ctx, n.Units) })
	}
	wg.Wait()
	e.label(f)
	return f
}

// question is what the probe is asked, and whether it is at all.
func question(n guards.Needs, fresh bool) (probe.Question, bool) {
	q := probe.Question{
		Load: n.Load, Memory: n.Memory, Audio: n.Audio, Processes: n.Processes,
		GPUs: n.GPU, Usage: n.GPU && n.Usage, NVML: n.GPU && n.NVML, Window: n.Window, Patient: fresh || n.NVML,
	}
	return q, q.Load || q.Memory || q.Audio || q.GPUs || len(q.Processes) > 0
}

// askProbe fills in what was asked; each part of it is unknown when there is no
// answer.
func (e *Eyes) askProbe(ctx context.Context, q probe.Question, f *facts.Facts) {
	a, err := e.answer(ctx, q)
	missing := facts.Part{At: time.Now(), Unknown: "moded-probe did not speak of it"}
	if err != nil {
		missing.Unknown = err.Error()
	}
	if q.Load {
		f.Load = given(a.Load, facts.Load{Part: missing})
	}
	if q.Memory {
		f.Memory = given(a.Memory, facts.Memory{Part: missing})
	}
	if q.Audio || len(q.Processes) > 0 {
		f.Process = given(a.Process, facts.Processes{Part: missing})
	}
	if q.GPUs {
		f.GPUs = given(a.GPUs, facts.GPUs{Part: missing})
	}
}

func given[T any](have *T, or T) T {
	if have == nil {
		return or
	}
	return *have
}

func (e *Eyes) answer(ctx context.Context, q probe.Question) (probe.Answer, error) {
	if e.src.Probe == nil {
		return probe.Answer{}, errors.New("there is no moded-probe")
	}
	limit := quick
	if q.NVML {
		limit = slow
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return e.src.Probe.Ask(ctx, q)
}

func (e *Eyes) audio() facts.Audio {
	if e.src.Audio == nil {
		return facts.Audio{Part: facts.Part{Unknown: "no agents can report"}}
	}
	return facts.Audio{Part: facts.Part{At: time.Now()}, Users: e.src.Audio.Audio()}
}

func (e *Eyes) sessions(ctx context.Context) facts.Sessions {
	if e.src.Sessions == nil {
		return facts.Sessions{Part: facts.Part{Unknown: "there is no logind"}}
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	s := e.src.Sessions.Facts(ctx)
	s.At = time.Now()
	return s
}

// units asks PID 1. A unit that it does not know is not-found, not unknown.
func (e *Eyes) units(ctx context.Context, names []string) facts.Units {
	if e.src.Units == nil {
		return facts.Units{Part: facts.Part{Unknown: "there is no systemd"}}
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	out := facts.Units{Part: facts.Part{At: time.Now()}}
	for _, name := range names {
		s, err := e.src.Units.State(ctx, name)
		switch {
		case errors.Is(err, actions.ErrNoUnit):
			out.List = append(out.List, facts.Unit{Name: name, Load: "not-found", Active: "inactive"})
		case err != nil:
			out.Unknown = fmt.Sprintf("cannot see %s: %v", name, err)
			return out
		default:
			out.List = append(out.List, facts.Unit{Name: name, ID: s.ID, Load: s.Load, Active: s.Active, Sub: s.Sub})
		}
	}
	return out
}

// label adds names that the probe cannot know: the configuration's of GPUs, and
// of users that are not in /etc/passwd.
func (e *Eyes) label(f *facts.Facts) {
	users := map[uint32]string{}
	for _, s := range f.Sessions.List {
		users[s.UID] = s.User
	}
	name := func(uid uint32, user *string) {
		if *user == "" {
			*user = users[uid]
		}
	}
	for i := range f.GPUs.List {
		g := &f.GPUs.List[i]
		if e.src.GPUName != nil {
			g.Name = e.src.GPUName(*g)
		}
		for j := range g.Holders {
			name(g.Holders[j].UID, &g.Holders[j].User)
		}
	}
	for i := range f.Process.List {
		name(f.Process.List[i].UID, &f.Process.List[i].User)
	}
	for i := range f.Process.Audio {
		name(f.Process.Audio[i].UID, &f.Process.Audio[i].User)
	}
}
