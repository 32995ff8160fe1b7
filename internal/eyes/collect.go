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

// collect asks all sources side by side.
func (e *Eyes) collect(ctx context.Context, n guards.Needs, fresh bool) *facts.Facts {
	f := facts.Unseen(facts.NotAsked)
	var wg sync.WaitGroup
	if q, ask := question(n, fresh); ask {
		wg.Go(func() { e.askProbe(ctx, q, f) })
	}
	if n.Audio {
		f.Audio = e.audio()
	}
	if n.Holds {
		f.Holds = e.holds()
	}
	if n.Inhibitors {
		wg.Go(func() { f.Inhibitors = e.inhibitors(ctx) })
	}
	if n.VLLM || n.Pods || len(n.Web) > 0 {
		wg.Go(func() { e.askWorkload(ctx, n, f) })
	}
	if n.Sessions || n.GPU || n.Jobs {
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
		Load: n.Load, Memory: n.Memory, Audio: n.Audio, Sound: n.Audio, Processes: n.Processes,
		Jobs: n.Jobs, Power: n.Power,
		GPUs: n.GPU, Usage: n.GPU && n.Usage, NVML: n.GPU && n.NVML, Window: n.Window, Patient: fresh || n.NVML,
	}
	return q, q.Load || q.Memory || q.Audio || q.GPUs || q.Jobs || q.Power || len(q.Processes) > 0
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
		f.Process.Names = q.Processes
	}
	if q.Jobs {
		f.Jobs = given(a.Jobs, facts.Jobs{Part: missing})
	}
	if q.Power {
		f.Power = given(a.Power, facts.Power{Part: missing})
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

func (e *Eyes) inhibitors(ctx context.Context) facts.Inhibitors {
	if e.src.Inhibitors == nil {
		return facts.Inhibitors{Part: facts.Part{Unknown: "there is no logind"}}
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	list := e.src.Inhibitors.Inhibitors(ctx)
	list.At = time.Now()
	return list
}

func (e *Eyes) holds() facts.Holds {
	if e.src.Holds == nil {
		return facts.Holds{Part: facts.Part{Unknown: "nobody keeps holds"}}
	}
	return facts.Holds{Part: facts.Part{At: time.Now()}, List: e.src.Holds.Holds()}
}

// units asks PID 1. A unit that it does not know is not-found, not unknown.
func (e *Eyes) units(ctx context.Context, names []string) facts.Units {
	if e.src.Units == nil {
		return facts.Units{Part: facts.Part{Unknown: "there is no systemd"}}
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	out := facts.Units{Part: facts.Part{At: time.Now()}}
	if many, ok := e.src.Units.(glancers); ok {
		if list, err := many.Glances(ctx, names); err == nil {
			for i, s := range list {
				out.List = append(out.List, facts.Unit{Name: names[i], ID: s.ID, Load: s.Load, Active: s.Active, Sub: s.Sub})
			}
			return out
		}
	}
	for _, name := range names {
		s, err := e.glance(ctx, name)
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

// glancers are Units that tell of several in one call, in their order. An error
// may be about one of them.
type glancers interface {
	Glances(ctx context.Context, units []string) ([]actions.UnitState, error)
}

// glance asks for the least of a unit, where that costs less.
func (e *Eyes) glance(ctx context.Context, unit string) (actions.UnitState, error) {
	if g, ok := e.src.Units.(actions.Glancer); ok {
		return g.Glance(ctx, unit)
	}
	return e.src.Units.State(ctx, unit)
}
