package fsm

import (
	"context"
	"errors"
	"slices"
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
	e.mu.Lock()
	stuck := e.doc.SafeMode || e.doc.Open != nil && e.doc.Open.StuckAt != ""
	adoptable := how == RecoverAdopt && e.run == nil && e.doc.Open == nil && e.doc.Mode == Boot
	if !stuck && !adoptable || e.run != nil {
		e.mu.Unlock()
		return requestErrorf(ErrNotAllowed, "nothing is stuck")
	}
	e.mu.Unlock()
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

func (e *Engine) undoAgain() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doc.SafeMode = false
	if e.doc.Open == nil {
		e.degradeIf(e.saveLocked(), "while recovering")
		e.publishLocked()
		return nil
	}
	e.doc.Open.Crashes, e.doc.Open.CrashStep, e.doc.Open.StuckAt = 0, "", ""
	cause := errors.New(orElse(e.doc.Open.Undoing, "recovered"))
	r := e.reopenLocked()
	r.phase, r.undoing = Undoing, true // whoever asked must not read stuck again
	e.publishLocked()
	e.tasks.Go(func() { e.back(r, cause) })
	return nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// fresh plans from what the machine is to the mode that the transition began
// in. It ends nobody's session that was not in the old plan.
func (e *Engine) fresh(ctx context.Context) error {
	sessions, err := e.graphical(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	open := e.doc.Open
	if open == nil {
		return requestErrorf(ErrNotAllowed, "nothing is open to plan from; say modectl recover")
	}
	from, _ := e.catalog.Mode(open.Transition.To)
	to, ok := e.catalog.Mode(open.Transition.From)
	if !ok {
		return requestErrorf(ErrNotAllowed, "the transition began in %s, which has no plan; say modectl recover --adopt", open.Transition.From)
	}
	plan := planner{e.cfg.Actions}.plan(ctx, from, to, Edge{Event: "recover", From: from.Name, To: to.Name}, sessions)
	if stranger, found := foreign(plan, open.Ends); found {
		return requestErrorf(ErrRefused, "session %s of %s was not in the plan and is never ended by a recovery; ask %s to log out, then say modectl recover", stranger.ID, stranger.User, stranger.User)
	}
	e.doc.SafeMode = false
	open.Crashes, open.CrashStep, open.StuckAt, open.Undoing = 0, "", "", "recovered with a fresh plan"
	r := e.reopenLocked()
	r.phase, r.undoing = Undoing, true
	e.publishLocked()
	e.tasks.Go(func() { e.runFresh(r, plan, to) })
	return nil
}

func foreign(plan Plan, known []Session) (Session, bool) {
	for _, s := range plan.Ends {
		if !slices.ContainsFunc(known, func(k Session) bool { return k.ID == s.ID }) {
			return s, true
		}
	}
	return Session{}, false
}

func (e *Engine) runFresh(r *run, plan Plan, to Mode) {
	e.mu.Lock()
	old := e.doc.Open.Transition.Steps
	e.doc.Open.Transition.Steps = append(slices.Clone(old), plan.Steps...)
	for i := range e.doc.Open.Transition.Steps {
		e.doc.Open.Transition.Steps[i].Index = i
	}
	r.phase, r.undoing = Undoing, true
	e.publishLocked()
	e.mu.Unlock()
	steps := e.doc.Open.Transition.Steps[len(old):]
	for i := range steps {
		if err := e.forwardStep(r, &steps[i]); err != nil {
			e.stick(r, errors.New("the fresh plan failed"), &steps[i], err)
			return
		}
	}
	if err := e.verifyMode(r, to, steps); err != nil {
		e.stick(r, errors.New("the fresh plan did not settle"), &e.doc.Open.Transition.Steps[0], err)
		return
	}
	e.rolledBack(context.WithoutCancel(r.ctx), r, errors.New("recovered with a fresh plan"))
}

// adoptNow drops the open plan and takes the mode that the machine is in.
func (e *Engine) adoptNow(ctx context.Context) error {
	before := e.State()
	if !e.adopt(ctx) {
		return requestErrorf(ErrNotAllowed, "the machine is in none of its modes; try modectl recover --fresh")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.degraded = nil
	if before.Open != nil {
		e.degradeIf(e.cfg.History.Append(Transition{ID: before.Open.ID, From: before.Open.From, To: before.Open.To,
			Event: before.Open.Event, UID: before.Open.UID, Outcome: Settled, Mode: e.doc.Mode,
			Message: "adopted after it was stuck: the machine is in " + e.doc.Mode + " mode"}), "cannot write the history")
	}
	e.publishLocked()
	return nil
}
