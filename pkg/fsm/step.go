package fsm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// forwardStep is capture, ledger, do, verify. The one write before Do is the
// step's only one: its success is recorded by the next step's write, and a
// crash in between undoes it, which is always right.
func (e *Engine) forwardStep(r *run, st *Step) error {
	if err := cancelled(r.ctx); err != nil {
		return err
	}
	if err := e.capture(r.ctx, st); err != nil {
		return err
	}
	if err := e.stepTo(r, st, Doing, true); err != nil {
		return err
	}
	err := e.doStep(r.ctx, st)
	if err == nil {
		err = e.verifyStep(r.ctx, st)
	}
	if err != nil {
		e.problem(r, st, err)
		if cause := cancelled(r.ctx); cause != nil {
			return cause
		}
		return err
	}
	return e.stepTo(r, st, Done, false)
}

func cancelled(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

func (e *Engine) verifyStep(ctx context.Context, st *Step) error {
	if st.Leg == Hook {
		return nil
	}
	ok, err := e.settled(ctx, st.Kind, st.Key, st.Want)
	for look := 1; err != nil && !errors.Is(err, ErrMissing) && look < verifyLooks && pause(ctx, verifyEvery); look++ {
		ok, err = e.settled(ctx, st.Kind, st.Key, st.Want)
	}
	if err != nil {
		return fmt.Errorf("cannot verify it: %w", err)
	}
	if !ok {
		return errors.New("it was done, but did not stay so")
	}
	return nil
}

// stepTo moves a step along its ladder, to disk first when write is set.
func (e *Engine) stepTo(r *run, st *Step, status Status, write bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := *st
	st.Status = status
	switch status {
	case Doing, UndoingStep:
		st.Began, st.Ended = time.Now(), time.Time{}
	default:
		st.Ended = time.Now()
	}
	if write {
		err := e.saveLocked()
		if err != nil && !r.forward {
			*st = before
			return err
		}
		if err != nil { // boot is never undone, so it needs no ledger
			r.trouble = appendNew(r.trouble, err.Error())
		}
	}
	r.step, r.note = st.Index, ""
	e.publishLocked()
	e.cfg.Observer.StepChanged(r.transition.ID, len(e.doc.Open.Transition.Steps), *st)
	return nil
}

// problem records why a step failed.
func (e *Engine) problem(r *run, st *Step, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st.Status, st.Problem, st.Ended = Failed, err.Error(), time.Now()
	e.publishLocked()
	e.cfg.Observer.StepChanged(r.transition.ID, len(e.doc.Open.Transition.Steps), *st)
}

// note is a long step's progress.
func (e *Engine) note(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != nil && e.run.note != text {
		e.run.note = text
		e.publishLocked()
	}
}
