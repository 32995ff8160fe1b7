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
	return e.reach(r.ctx, r, st)
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
	return e.flightTo(r, flight{st}, status, write)
}

// flightTo moves all steps of a flight along their ladder, with one write.
func (e *Engine) flightTo(r *run, f flight, status Status, write bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := make([]Step, len(f))
	for i, st := range f {
		before[i] = *st
		st.move(status, time.Now())
	}
	if write {
		err := e.saveLocked()
		if err != nil && !r.forward {
			for i, st := range f {
				*st = before[i]
			}
			return err
		}
		if err != nil { // boot is never undone, so it needs no ledger
			r.trouble = appendNew(r.trouble, err.Error())
		}
	}
	for _, st := range f {
		r.step = st.Index
		delete(r.notes, st.Index)
	}
	e.publishLocked()
	for _, st := range f {
		e.cfg.Observer.StepChanged(r.transition.ID, len(e.doc.Open.Transition.Steps), *st)
	}
	return nil
}

func (st *Step) move(status Status, now time.Time) {
	st.Status = status
	switch status {
	case Doing:
		st.Began, st.Ended = now, time.Time{}
	case UndoingStep:
		st.UndoBegan, st.UndoEnded = now, time.Time{}
	case Undone:
		st.UndoEnded = now
	default:
		st.Ended = now
	}
}

func (st *Step) fail(err error) {
	st.move(Failed, time.Now())
	st.Problem = err.Error()
}

// problem records why a step failed.
func (e *Engine) problem(r *run, st *Step, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st.fail(err)
	e.publishLocked()
	e.cfg.Observer.StepChanged(r.transition.ID, len(e.doc.Open.Transition.Steps), *st)
}

// note is the progress of a step that takes its time, by the step's index.
func (e *Engine) note(index int, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.run
	if r == nil || r.notes[index] == text {
		return
	}
	if r.notes == nil {
		r.notes = map[int]string{}
	}
	r.notes[index] = text
	e.publishLocked()
}
