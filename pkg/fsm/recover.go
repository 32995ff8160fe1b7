package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// RecoverHow says how to get out of a stuck transition.
type RecoverHow uint32

// The ways out.
const (
	// RecoverUndo tries to undo again.
	RecoverUndo RecoverHow = 0
	// RecoverFresh makes a new plan from what the machine is to the mode that
	// the transition began in.
	RecoverFresh RecoverHow = 1
	// RecoverAdopt takes the mode whose settings verify.
	RecoverAdopt RecoverHow = 2
)

// Recover gets a stuck engine going again, also out of safe mode. It returns
// when the recovery has begun; State tells how it goes on.
func (e *Engine) Recover(ctx context.Context, how RecoverHow) error {
	if err := e.recoverable(how); err != nil {
		return err
	}
	switch how {
	case RecoverUndo:
		return e.undoAgain()
	case RecoverFresh:
		return e.fresh(ctx)
	case RecoverAdopt:
		return e.adoptNow(ctx)
	}
	return requestErrorf(ErrInvalid, "recover knows 0 (undo again), 1 (fresh plan) and 2 (adopt)")
}

func (e *Engine) recoverable(how RecoverHow) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	lost := how == RecoverAdopt && e.doc.Mode == Boot
	if e.run != nil || !e.doc.SafeMode && e.doc.Open == nil && !lost {
		return requestErrorf(ErrNotAllowed, "nothing is stuck")
	}
	return e.awakeLocked()
}

// unchangedLocked refuses a recovery that took its time to look at the machine
// when something else has begun meanwhile.
func (e *Engine) unchangedLocked(gen uint64) error {
	if e.run != nil || e.gen != gen {
		return requestErrorf(ErrBusy, "the machine changed meanwhile; look again and try once more")
	}
	return e.awakeLocked()
}

func (e *Engine) undoAgain() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.unchangedLocked(e.gen); err != nil {
		return err
	}
	e.doc.SafeMode = false
	open := e.doc.Open
	switch {
	case open == nil:
		e.degradeIf(e.saveLocked(), "while recovering")
		e.publishLocked()
		return nil
	case open.Forward: // boot is never undone: it is tried again
		e.doc.Open, e.bootCrash = nil, OpenPlan{}
		return e.bootLocked(open.Transition.To)
	}
	open.Crashes, open.CrashStep, open.StuckAt = 0, "", ""
	cause := errors.New(cmp.Or(open.Undoing, "recovered"))
	r := e.recoveryLocked()
	e.tasks.Go(func() { e.back(r, cause) })
	return nil
}

// recoveryLocked makes a run of the open plan. Whoever asked for the recovery
// must not read stuck again.
func (e *Engine) recoveryLocked() *run {
	r := e.reopenLocked()
	r.phase, r.undoing = Undoing, true
	e.publishLocked()
	e.announceLocked(r)
	return r
}

// fresh plans from what the machine is to the mode that the transition began
// in. It ends nobody's session that was not in the old plan.
func (e *Engine) fresh(ctx context.Context) error {
	sessions, err := e.graphical(ctx)
	if err != nil {
		return err
	}
	c, known, err := e.wayBack()
	if err != nil {
		return err
	}
	plan := planner{e.cfg.Actions}.plan(ctx, c.from, c.to, c.edge, sessions)
	if err := noStranger(plan.Ends, known); err != nil {
		return requestErrorf(ErrRefused, "%v; ask them to log out, then say modectl recover", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.unchangedLocked(c.gen); err != nil {
		return err
	}
	open := e.doc.Open
	e.doc.SafeMode = false
	open.Crashes, open.CrashStep, open.StuckAt, open.Undoing = 0, "", "", "recovered with a fresh plan"
	r := e.recoveryLocked()
	e.tasks.Go(func() { e.runFresh(r, plan, c.to) })
	return nil
}

// wayBack is the claim of a fresh plan, with the sessions that it may end.
func (e *Engine) wayBack() (*claim, []Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	open := e.doc.Open
	if open == nil {
		return nil, nil, requestErrorf(ErrNotAllowed, "nothing is open to plan from; say modectl recover")
	}
	c := &claim{gen: e.gen, edge: Edge{Event: "recover", From: open.Transition.To, To: open.Transition.From}}
	c.from, _ = e.catalog.Mode(open.Transition.To)
	var ok bool
	if c.to, ok = e.catalog.Mode(open.Transition.From); !ok {
		return nil, nil, requestErrorf(ErrNotAllowed, "the transition began in %s, which has no plan; say modectl recover --adopt", open.Transition.From)
	}
	return c, open.Ends, nil
}

// noStranger returns ErrForeignSession when a person's session is among now
// that is not known. A greeter is nobody.
func noStranger(now, known []Session) error {
	for _, s := range now {
		if s.interactive() && !slices.ContainsFunc(known, s.same) {
			return fmt.Errorf("%w: session %s of %s", ErrForeignSession, s.ID, s.User)
		}
	}
	return nil
}

func (s Session) same(other Session) bool { return s.ID == other.ID && s.UID == other.UID }

func (e *Engine) runFresh(r *run, plan Plan, to Mode) {
	steps := e.extend(plan.Steps)
	for i := range steps {
		if err := e.freshStep(r, &steps[i]); err != nil {
			e.stuckFresh(r, "the fresh plan failed", &steps[i], err)
			return
		}
	}
	if err := e.verifyMode(r, to, steps); err != nil {
		e.stuckFresh(r, "the fresh plan did not settle", &Step{Kind: "mode", Key: to.Name, Leg: Acquire}, err)
		return
	}
	e.rolledBack(context.WithoutCancel(r.ctx), r, errors.New("recovered with a fresh plan"))
}

// extend appends the steps to those of the open plan, so that an undo finds
// them as well.
func (e *Engine) extend(steps []Step) []Step {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.doc.Open.Transition.Steps
	all := append(slices.Clone(old), steps...)
	for i := range all {
		all[i].Index = i
	}
	e.doc.Open.Transition.Steps = all
	e.publishLocked()
	return all[len(old):]
}

// freshStep is forwardStep with a last look of its own: whoever came after the
// fresh plan was made is not ended.
func (e *Engine) freshStep(r *run, st *Step) error {
	if st.Stage == StageEndGUI {
		now, err := bounded(r.ctx, readBound, e.cfg.Sessions.Graphical)
		if err != nil {
			return fmt.Errorf("cannot see who is logged in: %w", err)
		}
		if err := noStranger(now, r.plan.Ends); err != nil {
			return err
		}
	}
	return e.forwardStep(r, st)
}

// stuckFresh is stick, but a fresh plan that a shutdown interrupts is undone at
// the next start.
func (e *Engine) stuckFresh(r *run, what string, st *Step, err error) {
	if errors.Is(context.Cause(r.ctx), errShutdown) {
		e.leave(r)
		return
	}
	e.stick(r, errors.New(what), st, err)
}

// adoptNow drops the open plan and takes the mode that the machine is in. Where
// there is none, all stays as it is.
func (e *Engine) adoptNow(ctx context.Context) error {
	gen := e.generation()
	mode, found := e.resembled(ctx)
	if !found {
		return requestErrorf(ErrNotAllowed, "the machine is in none of its modes; try modectl recover --fresh")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.unchangedLocked(gen); err != nil {
		return err
	}
	before := e.doc
	e.doc = Document{Mode: mode.Name}
	if err := e.saveLocked(); err != nil {
		e.doc = before
		return requestErrorf(ErrRefused, "%v; restart moded", err)
	}
	e.degraded = nil
	e.adoptedLocked(before, mode)
	return nil
}

// adoptedLocked tells everybody that the plan of the old document is over.
func (e *Engine) adoptedLocked(before Document, mode Mode) {
	t := Transition{From: before.Mode, To: mode.Name}
	if before.Open != nil {
		t = before.Open.Transition
		t.Outcome, t.Mode, t.Finished, t.Lost = Settled, mode.Name, time.Now(), endedSessions(before.Open)
		t.Ends = before.Open.Ends
		t.Message = "adopted after it was stuck: the machine is in " + mode.Name + " mode"
		e.degradeIf(e.cfg.History.Append(t), "cannot write the history")
		e.last = &t
	}
	e.takeLocked(e.doc)
	if before.Open != nil {
		e.cfg.Observer.Finished(t)
	}
	if before.Mode != mode.Name {
		e.cfg.Observer.ModeChanged(before.Mode, mode.Name, t.ID)
	}
}
