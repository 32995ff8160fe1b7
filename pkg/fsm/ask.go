package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Cancel ends a transition that is under way. Before the first step that costs
// nothing; afterwards it is undone like a failure.
func (e *Engine) Cancel(_ context.Context, id uint32, uid uint32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return err
	}
	if r.undoing {
		return requestErrorf(ErrNotAllowed, "transition %d is being rolled back already", id)
	}
	r.cancel(fmt.Errorf("%w by uid %d", errCancelled, uid))
	return nil
}

// Confirm accepts a transition that waits to be confirmed.
func (e *Engine) Confirm(id uint32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return err
	}
	if r.phase != AwaitingConfirm {
		return requestErrorf(ErrNotAllowed, "transition %d does not wait to be confirmed", id)
	}
	select {
	case r.confirm <- id:
	default:
	}
	return nil
}

// Proceed ends the countdown of a transition in its grace period.
func (e *Engine) Proceed(id uint32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return err
	}
	if r.phase != Grace {
		return requestErrorf(ErrNotAllowed, "transition %d has no countdown to skip", id)
	}
	select {
	case <-r.proceed:
	default:
		close(r.proceed)
	}
	return nil
}

// Owner returns who began the transition that is under way.
func (e *Engine) Owner(id uint32) (uid uint32, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return 0, false
	}
	return r.transition.UID, true
}

// runLocked finds the run of that id; 0 means whatever is under way.
func (e *Engine) runLocked(id uint32) (*run, error) {
	if e.run == nil || id != 0 && e.run.transition.ID != id {
		return nil, requestErrorf(ErrNotFound, "no such transition is under way")
	}
	return e.run, nil
}

// revert undoes an unconfirmed transition at somebody's request: its owner may
// always, others must be authorised.
func (e *Engine) revert(ctx context.Context, req Request, c *claim) error {
	if req.UID != c.effect.Owner {
		if err := authorize(ctx, req, c.effect); err != nil {
			return err
		}
	}
	return e.Cancel(ctx, c.id, req.UID)
}

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

// Difference is a setting that is not as the mode wants it.
type Difference struct {
	Kind      string
	Key       string
	Want      Value
	Essential bool
	// Problem is a sentence for people.
	Problem string
}

// ID names the knob.
func (d Difference) ID() string { return knobID(d.Kind, d.Key) }

// Verify compares the machine with the present mode; while a transition is
// under way, with the mode that it goes to. In boot there is nothing to compare
// with.
func (e *Engine) Verify(ctx context.Context) ([]Difference, error) {
	e.mu.Lock()
	name := e.doc.Mode
	if e.run != nil && !e.run.undoing {
		name = e.run.transition.To
	}
	mode, ok := e.catalog.Mode(name)
	e.mu.Unlock()
	if !ok {
		return nil, nil
	}
	return e.differences(ctx, mode, nil), nil
}

// differences lists what is not as the mode wants it. Where steps have just
// moved a knob, their bound value is what it is compared with.
func (e *Engine) differences(ctx context.Context, mode Mode, steps []Step) []Difference {
	var found []Difference
	for _, s := range mode.Settings {
		want, background := e.wanted(ctx, s, steps)
		if background {
			continue
		}
		ok, err := e.settled(ctx, s.Kind, s.Key, want)
		switch {
		case errors.Is(err, ErrMissing) && s.WhenMissing == Skip, ok && err == nil:
		case err != nil:
			found = append(found, Difference{s.Kind, s.Key, want, s.Essential, err.Error()})
		default:
			found = append(found, Difference{s.Kind, s.Key, want, s.Essential, "it is not " + string(want)})
		}
	}
	return found
}

func (e *Engine) wanted(ctx context.Context, s Setting, steps []Step) (want Value, background bool) {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Kind == s.Kind && steps[i].Key == s.Key {
			return steps[i].Want, steps[i].Background
		}
	}
	if b, ok := e.cfg.Actions[s.Kind].(Binder); ok {
		if bound, err := b.Bind(ctx, s.Key, s.Value, Context{To: e.doc.Mode}); err == nil {
			return bound, false
		}
	}
	return s.Value, false
}

// lookForDrift puts what differs from a mode just taken over into Degraded. It
// never acts.
func (e *Engine) lookForDrift(mode Mode) {
	differences := e.differences(e.ctx, mode, nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doc.Mode != mode.Name || e.run != nil || e.ctx.Err() != nil {
		return
	}
	e.drift = nil
	for _, d := range differences {
		e.drift = append(e.drift, fmt.Sprintf("%s differs from %s: %s", d.ID(), mode.Name, d.Problem))
	}
	e.publishLocked()
}

// Reload puts a new catalog in force. It is refused while a plan is open, and
// when the present mode would vanish; changed values of the present mode are
// drift.
func (e *Engine) Reload(catalog *Catalog) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != nil || e.doc.Open != nil {
		return requestErrorf(ErrBusy, "a transition is under way; reload when it has ended")
	}
	mode, ok := catalog.Mode(e.doc.Mode)
	if !ok && e.doc.Mode != Boot {
		return requestErrorf(ErrNotAllowed, "the machine is in %s mode, which the new configuration does not have; switch first", e.doc.Mode)
	}
	e.catalog = catalog
	e.law = newMachine(catalog, e.doc.Mode)
	e.gen++
	e.resumeLocked(mode)
	e.publishLocked()
	if ok {
		e.tasks.Go(func() { e.lookForDrift(mode) })
	}
	return nil
}

// Degrade adds a sentence to Degraded, or with ok takes it away again: for what
// the daemon around the engine finds wrong.
func (e *Engine) Degrade(text string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.standing = slices.DeleteFunc(slices.Clone(e.standing), func(s string) bool { return s == text })
	if !ok {
		e.standing = append(e.standing, text)
	}
	e.publishLocked()
}
