package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bootTries is how often a step of boot is tried. Boot never undoes: a machine
// that half came up is better than one that was taken down again.
const (
	bootTries = 3
	bootPause = 2 * time.Second
)

// Boot goes from boot to the default mode (or the one given), in the
// background. It never undoes: what succeeded stays, the rest is tried three
// times, and the mode settles degraded.
func (e *Engine) Boot(_ context.Context, to string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.freeLocked(); err != nil {
		return err
	}
	if e.doc.Mode != Boot {
		return requestErrorf(ErrBusy, "the machine has left boot already")
	}
	return e.bootLocked(to)
}

func (e *Engine) bootLocked(to string) error {
	mode, ok := e.catalog.Mode(to)
	if !ok {
		mode, _ = e.catalog.Mode(e.catalog.Default())
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
	e.tasks.Go(func() { e.boot(r, c) })
	return nil
}

func (e *Engine) boot(r *run, c *claim) {
	sessions, err := bounded(r.ctx, readBound, e.cfg.Sessions.Graphical)
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
