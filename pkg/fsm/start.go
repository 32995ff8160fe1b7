package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// crashLimit is how many starts may find the same step under way before the
// engine stops acting.
const crashLimit = 3

// bootTries is how often a step of boot is tried. Boot never undoes: a machine
// that half came up is better than one that was taken down again.
const (
	bootTries = 3
	bootPause = 2 * time.Second
)

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
	e.started = true
	e.degradeIf(err, "the ledger was set aside")
	e.last = e.lastOf()
	_, known := e.catalog.Mode(doc.Mode)
	known = known || doc.Mode == Boot
	e.mu.Unlock()
	switch {
	case found && known && doc.Open != nil:
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

// takeOver makes the document the truth and restores the actions' memory.
func (e *Engine) takeOver(doc Document) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doc = doc
	e.law = newMachine(e.catalog, doc.Mode)
	e.gen++
	e.publishLocked()
	mode, ok := e.catalog.Mode(doc.Mode)
	if !ok {
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
	if e.countCrashLocked() || open.StuckAt != "" {
		e.publishLocked()
		return false
	}
	if open.Forward {
		e.doc.Open = nil
		e.publishLocked()
		return true
	}
	r := e.reopenLocked()
	waiting := open.Settled && open.Undoing == "" && open.UnconfirmedUntil > 0
	e.publishLocked()
	e.tasks.Go(func() { e.resume(r, waiting) })
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

func (e *Engine) resume(r *run, waiting bool) {
	err := errors.New("moded was killed on the way")
	if waiting {
		if err = e.awaitConfirm(r); err == nil {
			err = e.settle(r)
		}
	} else if text := e.doc.Open.Undoing; text != "" {
		err = errors.New(text)
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
func (e *Engine) adopt(ctx context.Context) bool {
	catalog := e.Catalog()
	modes := catalog.Modes()
	slices.SortStableFunc(modes, func(a, b Mode) int {
		return rank(a.Name, catalog.Default()) - rank(b.Name, catalog.Default())
	})
	for _, mode := range modes {
		if !e.resembles(ctx, mode) {
			continue
		}
		e.takeOver(Document{Mode: mode.Name})
		e.mu.Lock()
		e.degradeIf(e.saveLocked(), "while adopting "+mode.Name)
		e.publishLocked()
		e.mu.Unlock()
		e.cfg.Observer.ModeChanged(Boot, mode.Name, 0)
		return true
	}
	e.takeOver(Document{Mode: Boot})
	e.mu.Lock()
	e.degraded = appendNew(e.degraded, "the machine is in none of its modes; say modectl switch "+catalog.Default())
	e.publishLocked()
	e.mu.Unlock()
	return false
}

func rank(name, first string) int {
	if name == first {
		return 0
	}
	return 1
}

func (e *Engine) resembles(ctx context.Context, mode Mode) bool {
	for _, s := range mode.Settings {
		ok, err := e.looksLike(ctx, s)
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

// Boot goes from boot to the default mode (or the one given), in the
// background. It never undoes: what succeeded stays, the rest is tried three
// times, and the mode settles degraded.
func (e *Engine) Boot(ctx context.Context, to string) error {
	e.mu.Lock()
	mode, ok := e.catalog.Mode(to)
	if !ok {
		mode, _ = e.catalog.Mode(e.catalog.Default())
	}
	if e.doc.Mode != Boot || e.run != nil {
		e.mu.Unlock()
		return requestErrorf(ErrBusy, "the machine has left boot already")
	}
	id, err := e.cfg.History.NextID()
	e.degradeIf(err, "cannot give boot an id")
	edge := Edge{Event: eventDefault, From: Boot, To: mode.Name}
	c := &claim{to: mode, edge: edge}
	r := newRun(e.ctx, id, Request{Mode: mode.Name, Trigger: eventDefault}, c)
	r.phase = Running
	e.run = r
	e.gen++
	e.publishLocked()
	e.mu.Unlock()
	e.tasks.Go(func() { e.boot(ctx, r, c) })
	return nil
}

func (e *Engine) boot(ctx context.Context, r *run, c *claim) {
	sessions, err := bounded(ctx, readBound, e.cfg.Sessions.Graphical)
	if err != nil {
		sessions = nil
	}
	r.frozen = sessions
	r.plan = planner{e.cfg.Actions}.plan(r.ctx, Mode{}, c.to, c.edge, sessions)
	e.openForward(r)
	for i := range e.doc.Open.Transition.Steps {
		st := &e.doc.Open.Transition.Steps[i]
		if r.ctx.Err() != nil {
			e.leave(r)
			return
		}
		e.bootStep(r, st)
	}
	trouble := e.troubles()
	if err := e.settle(r); err != nil {
		trouble = append(trouble, fmt.Sprintf("while booting: %v", err))
		e.leave(r)
	}
	e.mu.Lock()
	e.degraded = trouble
	e.mu.Unlock()
	e.lookForDrift(c.to)
}

// troubles returns what has degraded the machine so far.
func (e *Engine) troubles() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.degraded)
}

func (e *Engine) openForward(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range r.plan.Verdicts {
		e.degraded = appendNew(e.degraded, v.Summary)
	}
	e.doc.Open = &OpenPlan{Transition: r.transition, NoReturn: -1, Forward: true}
	e.doc.Open.Transition.Steps = r.plan.Steps
	e.degradeIf(e.saveLocked(), "while booting")
	e.publishLocked()
	e.announceLocked(r)
}

// bootStep tries a step three times. It never ends a person's session: there
// was no prompt and no grace.
func (e *Engine) bootStep(r *run, st *Step) {
	if st.Irreversible && slices.ContainsFunc(r.frozen, Session.interactive) {
		e.problem(r, st, errors.New("somebody is logged in; boot ends no session"))
		e.degradeStep(st)
		return
	}
	for try := range bootTries {
		if try > 0 && !pause(r.ctx, bootPause) {
			return
		}
		if e.forwardStep(r, st) == nil {
			return
		}
	}
	e.degradeStep(st)
}

func (e *Engine) degradeStep(st *Step) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.degraded = appendNew(e.degraded, fmt.Sprintf("cannot %s: %s", st.Summary, st.Problem))
}

// Shutdown cancels what runs, lets it be undone, and returns when nothing runs
// any more or ctx ends; the rest is done at the next start.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.stop(errShutdown)
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
