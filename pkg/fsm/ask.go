package fsm

import (
	"context"
	"fmt"
	"slices"
)

// Cancel ends a transition that is under way. Before the first step that costs
// nothing; afterwards it is undone like a failure.
func (e *Engine) Cancel(_ context.Context, id uint32, uid uint32) error {
	return e.end(id, fmt.Errorf("%w by uid %d", errCancelled, uid))
}

// Withdraw cancels what began by itself and has touched nothing yet, because
// what it began for is no longer so: why says what happened. A person's request
// and what has begun to move are not withdrawn: ErrNotAllowed.
func (e *Engine) Withdraw(id uint32, why string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return err
	}
	if r.request.person() || r.forward || r.phase != Guarding && r.phase != Grace {
		return requestErrorf(ErrNotAllowed, "transition %d cannot be withdrawn any more", r.transition.ID)
	}
	r.cancel(fmt.Errorf("%w: %s", errCancelled, why))
	return nil
}

func (e *Engine) end(id uint32, cause error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if open := e.doc.Open; err != nil && e.run == nil && open != nil && (id == 0 || id == open.Transition.ID) {
		return requestErrorf(ErrStuck, "transition %d is stuck; say modectl recover", open.Transition.ID)
	}
	if err != nil {
		return err
	}
	switch {
	case r.forward:
		return requestErrorf(ErrNotAllowed, "boot is never undone; wait for it")
	case r.confirmed:
		return requestErrorf(ErrNotAllowed, "transition %d is confirmed already", id)
	case r.undoing:
		return requestErrorf(ErrNotAllowed, "transition %d is being rolled back already", id)
	}
	r.cancel(cause)
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
	if r.phase != AwaitingConfirm || r.confirmed {
		return requestErrorf(ErrNotAllowed, "transition %d does not wait to be confirmed", id)
	}
	r.confirmed = true
	r.confirm <- id // it has room for the one
	return nil
}

// Proceed ends the grace period of a transition.
func (e *Engine) Proceed(id uint32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.runLocked(id)
	if err != nil {
		return err
	}
	if r.phase != Grace {
		return requestErrorf(ErrNotAllowed, "transition %d is not in its grace period", id)
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

// Reload puts a new catalog in force. It is refused while a plan is open, and
// when the present mode would vanish; changed values of the present mode are
// drift.
func (e *Engine) Reload(catalog *Catalog) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.awakeLocked(); err != nil {
		return err
	}
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
