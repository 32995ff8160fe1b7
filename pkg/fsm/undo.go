package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// undoTries is how often an undo is tried before the transition is stuck.
const (
	undoTries = 3
	undoPause = time.Second
)

// back undoes every step begun, the failing one included, newest first, each
// undone before the next, on a fresh context: neither the caller's end nor the
// cancellation that may have caused it reaches an undo.
func (e *Engine) back(r *run, cause error) {
	ctx := context.WithoutCancel(r.ctx)
	if e.cfg.Host.Stopping(ctx) {
		// PID 1 refuses jobs now and /run is about to go: the next boot starts
		// from boot, whatever is written here.
		e.leave(r)
		return
	}
	e.beginUndo(r, cause)
	steps := e.doc.Open.Transition.Steps
	for i := len(steps) - 1; i >= 0; i-- {
		st := &steps[i]
		if !begun(st) {
			continue
		}
		if err := e.backStep(ctx, r, st); err != nil {
			e.stick(r, cause, st, err)
			return
		}
	}
	e.rolledBack(ctx, r, cause)
}

// begun tells whether a step may have touched the machine and is not undone.
func begun(st *Step) bool {
	switch st.Status {
	case Doing, Done, UndoingStep, Failed:
		return st.Captured
	default:
		return false
	}
}

func (e *Engine) beginUndo(r *run, cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.phase, r.undoing, r.deadline = Undoing, true, time.Time{}
	e.doc.Open.Undoing = cause.Error()
	e.doc.Open.StuckAt, e.doc.Open.Settled = "", false
	e.doc.Open.UnconfirmedUntil = 0
	e.degradeIf(e.saveLocked(), "while rolling back")
	e.publishLocked()
}

// backStep undoes one step, with patience. A ledger that cannot be written does
// not stop it: undoing twice is harmless, not undoing is not.
func (e *Engine) backStep(ctx context.Context, r *run, st *Step) error {
	if err := e.stepTo(r, st, UndoingStep, true); err != nil {
		e.mu.Lock()
		e.degradeIf(err, "while rolling back")
		e.mu.Unlock()
	}
	var err error
	for try := range undoTries {
		if try > 0 {
			pause(ctx, undoPause)
		}
		err = e.undoStep(ctx, st)
		if err == nil || errors.Is(err, ErrForeignSession) || e.cfg.Host.Stopping(ctx) {
			break
		}
	}
	if err != nil {
		return err
	}
	return e.stepTo(r, st, Undone, false)
}

// rolledBack settles the machine in the mode it came from.
func (e *Engine) rolledBack(ctx context.Context, r *run, cause error) {
	lost := e.lost(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	steps := e.doc.Open.Transition.Steps
	e.doc = Document{Mode: r.plan.From}
	if err := e.saveLocked(); err != nil {
		e.degradeIf(err, "after rolling back")
	}
	if r.plan.Through {
		e.moveLawLocked(on(eventAbort, r.plan.From, r.plan.To), r.plan.From)
	}
	r.transition.Steps, r.transition.Lost = steps, lost
	e.closeLocked(r, RolledBack, rollbackText(r.plan.From, cause, lost))
	mode, ok := e.catalog.Mode(r.plan.From)
	if !ok && r.plan.From != Boot { // today's configuration does not have it
		e.tasks.Go(func() { e.adopt(e.ctx) })
		return
	}
	e.tasks.Go(func() { e.lookForDrift(mode) })
}

// moveLawLocked fires the event. A plan that outlived the configuration it was
// made with may have no such event today: the law then follows the document.
func (e *Engine) moveLawLocked(event, state string) {
	if e.law.can(event) && e.law.fire(event) == nil {
		return
	}
	e.law = newMachine(e.catalog, state)
}

// lost tells which of the planned sessions are gone for good.
func (e *Engine) lost(ctx context.Context) []Session {
	ended := endedSessions(e.doc.Open)
	if len(ended) == 0 {
		return nil
	}
	now, err := bounded(ctx, readBound, e.cfg.Sessions.Graphical)
	if err != nil {
		return ended
	}
	return slices.DeleteFunc(ended, func(s Session) bool {
		return slices.ContainsFunc(now, func(n Session) bool { return n.ID == s.ID })
	})
}

// rollbackText says what happened, and what cannot be brought back.
func rollbackText(mode string, cause error, lost []Session) string {
	text := fmt.Sprintf("%v; the machine is back in %s mode", cause, mode)
	if len(lost) == 0 {
		return text
	}
	var who []string
	for _, s := range lost {
		who = append(who, fmt.Sprintf("%s (session %s)", s.User, s.ID))
	}
	return text + "; programs of " + strings.Join(who, ", ") + " were closed and cannot be restored"
}

// stick leaves the plan open and says where it could not go on. Only Recover
// moves it from here.
func (e *Engine) stick(r *run, cause error, st *Step, err error) {
	if e.cfg.Host.Stopping(context.WithoutCancel(r.ctx)) {
		e.leave(r)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st.Status, st.Problem = Failed, err.Error()
	e.doc.Open.StuckAt = fmt.Sprintf("cannot undo %s: %v", st.Name(), err)
	e.degradeIf(e.saveLocked(), "while stuck")
	r.transition.Steps = slices.Clone(e.doc.Open.Transition.Steps)
	r.transition.Lost = endedSessions(e.doc.Open)
	r.phase = StuckPhase
	e.publishLocked()
	e.cfg.Observer.StepChanged(r.transition.ID, len(e.doc.Open.Transition.Steps), *st)
	e.closeLocked(r, Stuck, fmt.Sprintf("%v; and then the way back failed: %s; say modectl recover", cause, e.doc.Open.StuckAt))
}
