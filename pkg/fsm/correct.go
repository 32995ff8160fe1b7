package fsm

import (
	"context"
	"slices"
)

// triggerDrift begins what Correct does.
const triggerDrift = "drift"

// Recheck compares the machine with the settled mode now, and puts what differs
// into Degraded, in place of what differed before. It acts on nothing. While
// anything else is under way, or the mode's background acquires go on, it tells
// nothing and changes nothing. It may be called from any goroutine.
func (e *Engine) Recheck(ctx context.Context) []Difference {
	e.mu.Lock()
	mode, ok := e.catalog.Mode(e.doc.Mode)
	free := e.freeLocked() == nil
	e.mu.Unlock()
	if !ok || !free {
		return nil
	}
	return e.recheck(ctx, mode)
}

// Correct puts back what no longer stands as the settled mode wants it: a
// transition from the mode to itself, with a ledger, an undo and a place in the
// history. It returns 0 when there is nothing that it may move.
//
// It ends no person's session, and gives no GPU back that one holds: with a
// person in a mode without a GUI, that is told and left alone. Guards are about
// ways to other modes, and are not asked; neither are holds, which keep the mode
// as it is. A knob that cannot be put back refuses the correction. The knobs that
// are spared by name are neither moved nor asked about. Errors are *RequestError.
func (e *Engine) Correct(ctx context.Context, reason string, spared ...string) (uint32, error) {
	c, err := e.astray(spared)
	if err != nil || c == nil {
		return 0, err
	}
	if c.frozen, err = e.graphical(ctx); err != nil {
		return 0, err
	}
	c.plan = gentle(planner{e.cfg.Actions}.plan(ctx, c.from, c.to, c.edge, c.frozen))
	switch {
	case blocked(c.plan.Verdicts, false):
		return 0, requestErrorf(ErrRefused, "cannot correct %s: %s", c.to.Name, refusal(c.plan.Verdicts, false))
	case len(c.plan.Steps) == 0:
		return 0, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.correctableLocked(c.gen); err != nil {
		return 0, err
	}
	id, err := e.nextID()
	if err != nil {
		return 0, err
	}
	r := e.takeRunLocked(id, Request{Mode: c.to.Name, Trigger: triggerDrift, Reason: reason}, c)
	r.trouble = slices.Clone(e.degraded)
	e.publishLocked()
	e.announceLocked(r)
	e.tasks.Go(func() { e.transit(r, c) })
	return id, nil
}

// astray is the claim of a way from the settled mode to itself, or nil in boot,
// which wants nothing.
func (e *Engine) astray(spared []string) (*claim, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.correctableLocked(e.gen); err != nil {
		return nil, err
	}
	mode, ok := e.catalog.Mode(e.doc.Mode)
	if !ok {
		return nil, nil
	}
	mode.Settings = slices.DeleteFunc(slices.Clone(mode.Settings), func(s Setting) bool { return slices.Contains(spared, s.ID()) })
	edge := Edge{Event: eventCorrect, From: mode.Name, To: mode.Name}
	return &claim{gen: e.gen, from: mode, to: mode, edge: edge, rested: true, effect: Effect{From: mode.Name, To: mode.Name}}, nil
}

func (e *Engine) correctableLocked(gen uint64) error {
	switch err := e.freeLocked(); {
	case err != nil:
		return err
	case e.gen != gen:
		return requestErrorf(ErrBusy, "the machine changed meanwhile; look again")
	case e.background.busy():
		return requestErrorf(ErrBusy, "%s mode is still starting what is not essential; wait for it", e.doc.Mode)
	}
	return nil
}

// gentle takes out of a plan what would end a person's session, and the GPUs
// that such a session may hold: they are not what the correction is measured by.
func gentle(p Plan) Plan {
	if !slices.ContainsFunc(p.Ends, Session.interactive) {
		return p
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(st Step) bool {
		left := st.Kind == "gui" || st.Kind == "gpus"
		if left {
			p.Lacks = append(p.Lacks, knobID(st.Kind, st.Key))
		}
		return left
	})
	for i := range p.Steps {
		p.Steps[i].Index = i
	}
	p.Ends, p.NoReturn = nil, -1
	return p
}
