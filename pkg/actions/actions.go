// Package actions moves the knobs of a machine, one file for each kind of
// setting, and puts them back.
//
// An action is pure decision: it reads and moves the machine through the small
// interfaces of hands.go only, so that the same code runs on a real machine, on
// the simulated one and on the fakes of a test. It trusts nothing that it is
// told: a job that is "done" may have been skipped, a session that was
// terminated may stay, a stopped unit may leave a process with the GPU open.
// After each move the state is read again.
//
// All actions are safe for use by several goroutines and pass
// fsmtest.Conformance.
package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// Hands are what the actions move the machine with.
type Hands struct {
	Units   Units
	Slices  Slices
	Logind  Logind
	Agents  Agents
	Devices Devices
	Cards   Cards
	Orders  Orders
	Files   Files
	Prober  Prober
	Cluster Cluster
	// Services and Servers are for vLLM.
	Services Services
	Servers  Servers
	Timing   Timing
	// EnvDir is the directory of Files' environment files as units name it;
	// empty means /run/moded/env.
	EnvDir string
}

// New returns the actions by kind.
func New(h Hands) map[string]fsm.Action {
	h.Timing = h.Timing.orDefault()
	h.EnvDir = cmp.Or(h.EnvDir, "/run/moded/env")
	h.Devices = inRounds(h.Devices)
	jobs := jobs{units: h.Units, timing: h.Timing}
	gates := gates{files: h.Files, jobs: jobs}
	return map[string]fsm.Action{
		"gui":         gui{Hands: h, jobs: jobs, gates: gates},
		"gpus":        gpus{devices: h.Devices, cards: h.Cards, orders: h.Orders, jobs: jobs, timing: h.Timing, turn: make(chan struct{}, 1)},
		"target":      target{units: h.Units, jobs: jobs},
		"units":       units{Hands: h, jobs: jobs},
		"slices":      limits{slices: h.Slices},
		"user-slices": userSlices{agents: h.Agents, timing: h.Timing},
		"audio":       audio{agents: h.Agents, timing: h.Timing},
		"tune":        tune{jobs: jobs},
		"vllm":        vllm{Hands: h, jobs: jobs, gates: gates},
		"k3s":         k3s{Hands: h, jobs: jobs, gates: gates},
		"gate":        gate{gates: gates},
		"hook":        hook{units: h.Units, jobs: jobs},
	}
}

func (t Timing) orDefault() Timing {
	return Timing{
		SessionTerm: cmp.Or(t.SessionTerm, 45*time.Second),
		SessionKill: cmp.Or(t.SessionKill, 15*time.Second),
		GPUBarrier:  cmp.Or(t.GPUBarrier, 30*time.Second),
		GPUSettings: cmp.Or(t.GPUSettings, time.Minute),
		UnitStart:   cmp.Or(t.UnitStart, 90*time.Second),
		UnitStop:    cmp.Or(t.UnitStop, 90*time.Second),
		UnitReady:   cmp.Or(t.UnitReady, 2*time.Minute),
		UnitKill:    cmp.Or(t.UnitKill, 15*time.Second),
		Stable:      cmp.Or(t.Stable, time.Second),
		Audio:       cmp.Or(t.Audio, 30*time.Second),
		Hook:        cmp.Or(t.Hook, 10*time.Minute),
		Cluster:     cmp.Or(t.Cluster, time.Minute),
		Drain:       cmp.Or(t.Drain, 5*time.Minute),
		Poll:        cmp.Or(t.Poll, 250*time.Millisecond),
	}
}

// slack is what a Bound adds to the sum of its waits: for the reads between
// them, and so that an action ends by its own deadline, which names a culprit,
// before the engine ends it without one.
const slack = 30 * time.Second

// duration is a time.Duration that is text in a Value: "1m30s".
type duration time.Duration

// MarshalText writes it as time.Duration does.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// or returns the duration, or what applies when nothing is said.
func (d duration) or(otherwise time.Duration) time.Duration {
	return cmp.Or(time.Duration(d), otherwise)
}

// until asks until ok is true or the limit is over, which is false without an
// error. An error of ask, or the end of ctx, ends it too. It asks often at first,
// for most of what is waited for comes at once, and then less and less so, down
// to every interval: what is late by little is noticed late by less.
func until(ctx context.Context, limit, every time.Duration, ask func() (ok bool, err error)) (bool, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	wait := max(every/16, time.Millisecond)
	tick := time.NewTimer(wait)
	defer tick.Stop()
	for {
		if ok, err := ask(); ok || err != nil {
			return ok, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-deadline.C:
			return ask()
		case <-tick.C:
			wait = min(wait+wait/2, every)
			tick.Reset(wait)
		}
	}
}

// cleared looks until nothing is in the way any more, and returns what still is when
// the time is up or ctx ends. A look that fails may be followed by one that sees:
// only the last one's error counts, except that what does not exist stops it all.
// waiting begins the sentence that whoever watches the step is told.
func cleared(ctx context.Context, waiting string, limit, every time.Duration, look func() (inTheWay string, err error)) (left string, err error) {
	var blind error
	_, err = until(ctx, limit, every, func() (bool, error) {
		left, blind = look()
		switch {
		case errors.Is(blind, fsm.ErrMissing):
			return false, blind
		case blind != nil:
			fsm.Report(ctx, blind.Error())
		case left != "":
			fsm.Report(ctx, waiting+left)
		}
		return blind == nil && left == "", nil
	})
	return left, cmp.Or(err, blind)
}

// missing turns ErrNoUnit into what the planner looks for.
func missing(what string, err error) error {
	if errors.Is(err, ErrNoUnit) {
		return fmt.Errorf("%s %w", what, fsm.ErrMissing)
	}
	return err
}
