package fsm

import (
	"context"
	"fmt"
	"sync"
)

// flight is steps of a plan that run side by side: none of them needs what
// another one leaves behind.
type flight []*Step

// flights cuts the steps that are not left for the background into flights, in
// the plan's order. Those of one stage fly together, and so do the barrier and
// the limits: waiting for a GPU's holders needs nothing of the kernel's knobs.
// Hooks are an admin's list, and run in its order. The end of the GUI is alone:
// it has a last look of its own.
func flights(steps []Step) []flight {
	var all []flight
	for i := range steps {
		st := &steps[i]
		if st.Background {
			continue
		}
		if n := len(all); n > 0 && together(all[n-1][0], st) {
			all[n-1] = append(all[n-1], st)
			continue
		}
		all = append(all, flight{st})
	}
	return all
}

func together(a, b *Step) bool {
	if a.Leg == Hook || b.Leg == Hook || a.Stage == StageEndGUI {
		return false
	}
	return a.Stage == b.Stage || a.Stage == StageGPUFree && b.Stage == StageLimits
}

// fly captures all steps of a flight, writes that they are under way, and does
// them side by side. When an essential one fails, the others are told to end,
// and waited for: what is undone next must not move any more. The error is that
// of the first to fail.
func (e *Engine) fly(r *run, f flight) error {
	if err := cancelled(r.ctx); err != nil {
		return err
	}
	ready, err := e.captureAll(r, f)
	if err != nil || len(ready) == 0 {
		return err
	}
	if err := e.flightTo(r, ready, Doing, true); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(r.ctx)
	defer end(nil)
	var group sync.WaitGroup
	for _, st := range ready {
		group.Go(func() {
			if err := e.reach(ctx, r, st); err != nil {
				e.missed(r, st, err, end)
			}
		})
	}
	group.Wait()
	return cancelled(ctx)
}

// captureAll notes what the steps' knobs are. A step that cannot be captured was
// never begun; one that is not essential stays behind.
func (e *Engine) captureAll(r *run, f flight) (ready flight, err error) {
	failed := make([]error, len(f))
	ctx := Round(r.ctx)
	var group sync.WaitGroup
	for i, st := range f {
		group.Go(func() { failed[i] = e.capture(ctx, st) })
	}
	group.Wait()
	for i, st := range f {
		switch err := failed[i]; {
		case err == nil:
			ready = append(ready, st)
		case st.Essential || r.ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", st.Name(), err)
		default:
			e.problem(r, st, err)
			e.trouble(r, fmt.Sprintf("cannot %s: %v", st.Summary, err))
		}
	}
	return ready, nil
}

// reach does a step that is written down, and verifies it.
func (e *Engine) reach(ctx context.Context, r *run, st *Step) error {
	err := e.doStep(ctx, st)
	if err == nil {
		err = e.verifyStep(ctx, st)
	}
	if err == nil {
		return e.stepTo(r, st, Done, false)
	}
	if cause := cancelled(ctx); cause != nil {
		err = cause
		if r.ctx.Err() == nil { // the cause is what another step of the flight failed with
			err = fmt.Errorf("ended early, because of %w", cause)
		}
	}
	e.problem(r, st, err)
	return err
}

// missed ends the flight for the failure of an essential step. Its first call
// counts: the others fail because of it.
func (e *Engine) missed(r *run, st *Step, err error, end context.CancelCauseFunc) {
	if st.Essential || r.ctx.Err() != nil {
		end(fmt.Errorf("%s: %w", st.Name(), err))
		return
	}
	e.trouble(r, fmt.Sprintf("cannot %s: %v", st.Summary, err))
}

// trouble remembers what went wrong without taking the mode back.
func (e *Engine) trouble(r *run, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.trouble = appendNew(r.trouble, text)
}

// caution remembers what a step that succeeds says of itself, be it done in a
// run or in the background.
func (e *Engine) caution(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != nil {
		e.run.trouble = appendNew(e.run.trouble, text)
		return
	}
	e.degraded = appendNew(e.degraded, text)
	e.publishLocked()
}
