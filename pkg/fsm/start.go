package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// crashLimit is how many starts may find the same step under way before the
// engine stops acting.
const crashLimit = 3

// adoptLooks is how often in all a knob is looked at that cannot be seen: on a
// machine that is busy, as while it installs packages, eyes are late.
const adoptLooks = 3

// Resumer is an Action with a memory beside the machine: a standing order.
// Resume restores it for a mode that the engine found itself in. It does not
// touch the machine.
type Resumer interface {
	Resume(key string, want Value)
}

// Adopter is an Action that can tell whether a machine that moded has never
// touched looks like want, whatever moded's own marks (orders, gates, targets)
// say. Others are asked Settled.
type Adopter interface {
	Resembles(ctx context.Context, key string, want Value) (bool, error)
}

// Start reads the ledger and takes the machine over as it is. systemStarting
// tells whether the machine is coming up; Start then returns true when the
// caller must call Boot once the machine is up. It never blocks on undoing,
// which goes on in the background.
func (e *Engine) Start(ctx context.Context, systemStarting bool) (boot bool, err error) {
	doc, found, err := e.cfg.Ledger.Load()
	e.mu.Lock()
	e.degradeIf(err, "the ledger was set aside")
	e.last = e.lastOf()
	_, known := e.catalog.Mode(doc.Mode)
	known = known || doc.Mode == Boot
	e.mu.Unlock()
	defer e.begin()
	switch {
	case found && doc.Open != nil: // needs nothing of today's configuration
		return e.resumeOpen(doc), nil
	case found && known && doc.Mode != Boot:
		e.takeOver(doc)
		return false, nil
	case systemStarting && err == nil:
		e.takeOver(Document{Mode: Boot})
		return true, nil
	}
	if found && !known {
		e.mu.Lock()
		e.degradeIf(fmt.Errorf("mode %q is not in the configuration", doc.Mode), "the ledger names an unknown mode")
		e.mu.Unlock()
	}
	e.adopt(ctx)
	return false, nil
}

func (e *Engine) lastOf() *Transition {
	list, err := e.cfg.History.List(16)
	e.degradeIf(err, "cannot read the history")
	for _, t := range list {
		if t.Outcome != Refused {
			return &t
		}
	}
	return nil
}

// begin lets requests in, once it is known where the machine is.
func (e *Engine) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started = true
}

// takeOver makes the document the truth and restores the actions' memory.
func (e *Engine) takeOver(doc Document) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.takeLocked(doc)
}

func (e *Engine) takeLocked(doc Document) {
	e.doc = doc
	e.law = newMachine(e.catalog, doc.Mode)
	e.gen++
	e.publishLocked()
	mode, ok := e.catalog.Mode(doc.Mode)
	if !ok || e.ctx.Err() != nil {
		return
	}
	e.resumeLocked(mode)
	e.tasks.Go(func() { e.lookForDrift(mode) })
}

func (e *Engine) resumeLocked(mode Mode) {
	for _, s := range mode.Settings {
		if a, ok := e.cfg.Actions[s.Kind].(Resumer); ok {
			a.Resume(s.Key, s.Value)
		}
	}
}

// resumeOpen goes on with a plan that a dead process left: always back, never
// forward, except for boot and for what only waits to be confirmed.
func (e *Engine) resumeOpen(doc Document) (boot bool) {
	open := doc.Open
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doc = doc
	e.law = newMachine(e.catalog, doc.Mode)
	if open.Through {
		e.law = newMachine(e.catalog, transitioningState(open.Transition.From, open.Transition.To))
	}
	if mode, ok := e.catalog.Mode(doc.Mode); ok {
		e.resumeLocked(mode)
	}
	if open.StuckAt != "" || e.countCrashLocked() {
		e.publishLocked()
		return false
	}
	if open.Forward {
		e.doc.Open, e.bootCrash = nil, OpenPlan{Crashes: open.Crashes, CrashStep: open.CrashStep}
		e.publishLocked()
		return true
	}
	if e.waitingLocked() {
		r := e.reopenLocked()
		r.phase = AwaitingConfirm
		e.publishLocked()
		e.tasks.Go(func() { e.wait(r) })
		return false
	}
	cause := errors.New(cmp.Or(open.Undoing, "moded was killed on the way"))
	r := e.recoveryLocked()
	e.tasks.Go(func() { e.back(r, cause) })
	return false
}

// countCrashLocked writes down that a start found the plan open, and tells
// whether that has now happened too often in the same step.
func (e *Engine) countCrashLocked() bool {
	open := e.doc.Open
	at := "between steps"
	for _, st := range open.Transition.Steps {
		if st.Status == Doing || st.Status == UndoingStep {
			at = st.Name() + " " + string(st.Status)
		}
	}
	if open.Settled {
		return e.doc.SafeMode
	}
	if open.CrashStep == at {
		open.Crashes++
	} else {
		open.CrashStep, open.Crashes = at, 1
	}
	if open.Crashes >= crashLimit {
		e.doc.SafeMode = true
	}
	e.degradeIf(e.saveLocked(), "while starting")
	return e.doc.SafeMode
}

// reopenLocked makes a run of the document's open plan.
func (e *Engine) reopenLocked() *run {
	open := e.doc.Open
	r := &run{transition: open.Transition, phase: Running, proceed: make(chan struct{}), confirm: make(chan uint32, 1),
		plan: Plan{From: open.Transition.From, To: open.Transition.To, Event: open.Transition.Event,
			Through: open.Through, Ends: open.Ends, NoReturn: open.NoReturn}}
	r.transition.Steps = nil
	r.request = Request{Mode: r.plan.To, UID: open.Transition.UID, Trigger: open.Transition.Trigger}
	r.ctx, r.cancel = context.WithCancelCause(e.ctx)
	r.announced = true
	e.run = r
	e.gen++
	return r
}

// waitingLocked tells whether the open plan only waits to be confirmed, for a
// mode that there still is.
func (e *Engine) waitingLocked() bool {
	open := e.doc.Open
	_, known := e.catalog.Mode(open.Transition.To)
	return known && open.Settled && open.Undoing == "" && open.UnconfirmedUntil > 0
}

// wait goes on waiting to be confirmed.
func (e *Engine) wait(r *run) {
	err := e.awaitConfirm(r)
	if err == nil {
		err = e.settle(r)
	}
	switch {
	case errors.Is(err, errKeep):
		e.leave(r)
	case err != nil:
		e.back(r, err)
	}
}

// adopt finds the mode whose settings all hold and makes it the mode, with no
// effects; where there is none, the machine stays in boot until somebody says.
func (e *Engine) adopt(ctx context.Context) {
	gen := e.generation()
	mode, found := e.resembled(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != nil || e.gen != gen {
		return
	}
	if !found {
		e.degraded = appendNew(e.degraded, "the machine is in none of its modes; say modectl switch "+e.catalog.Default())
		e.takeLocked(Document{Mode: Boot})
		return
	}
	e.doc = Document{Mode: mode.Name}
	e.degradeIf(e.saveLocked(), "while adopting "+mode.Name)
	e.takeLocked(e.doc)
	e.cfg.Observer.ModeChanged(Boot, mode.Name, 0)
}

// generation is what a long look is compared with once it is over.
func (e *Engine) generation() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gen
}

// resembled finds the mode that the machine is in, the default one first.
func (e *Engine) resembled(ctx context.Context) (Mode, bool) {
	catalog := e.Catalog()
	modes := catalog.Modes()
	slices.SortStableFunc(modes, func(a, b Mode) int {
		return rank(a.Name, catalog.Default()) - rank(b.Name, catalog.Default())
	})
	again := adoptLooks - 1
	for _, mode := range modes {
		if e.resembles(ctx, mode, &again) {
			return mode, true
		}
	}
	return Mode{}, false
}

func rank(name, first string) int {
	if name == first {
		return 0
	}
	return 1
}

// resembles asks again, as often as that may be, where nothing could be seen.
func (e *Engine) resembles(ctx context.Context, mode Mode, again *int) bool {
	for _, s := range mode.Settings {
		ok, err := e.looksLike(ctx, s)
		for ; err != nil && !errors.Is(err, ErrMissing) && *again > 0; *again-- {
			ok, err = e.looksLike(ctx, s)
		}
		if errors.Is(err, ErrMissing) && s.WhenMissing == Skip {
			continue
		}
		if (err != nil || !ok) && s.Essential {
			return false
		}
	}
	return true
}

func (e *Engine) looksLike(ctx context.Context, s Setting) (bool, error) {
	a, ok := e.cfg.Actions[s.Kind]
	if !ok {
		return false, ErrMissing
	}
	adopter, ok := a.(Adopter)
	if !ok {
		return e.settled(ctx, s.Kind, s.Key, s.Value)
	}
	return bounded(ctx, readBound, func(ctx context.Context) (bool, error) {
		return adopter.Resembles(ctx, s.Key, s.Value)
	})
}

// Shutdown cancels what runs, lets it be undone, and returns when nothing runs
// any more or ctx ends; the rest is done at the next start.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.mu.Lock() // nothing begins from here on: tasks only become fewer
	e.stop(errShutdown)
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot finish undoing: %w", ctx.Err())
	}
}

// StopAtRest is Shutdown where nothing is under way, and nothing otherwise; it
// tells which. A plan that is stuck is no reason to wait: it is on disk, and the
// next start takes it up as it is.
func (e *Engine) StopAtRest() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != nil || e.background.busy() {
		return false
	}
	e.stop(errShutdown)
	return true
}
