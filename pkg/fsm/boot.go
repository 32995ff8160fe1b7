package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	r := e.takeRunLocked(id, Request{Mode: mode.Name, Trigger: eventDefault}, c)
	r.phase, r.forward, r.trouble = Running, true, slices.Clone(e.degraded)
	e.publishLocked()
	e.tasks.Go(func() { e.boot(r, c) })
	return nil
}

func (e *Engine) boot(r *run, c *claim) {
	sessions, err := bounded(r.ctx, readBound, e.cfg.Sessions.Graphical)
	if err != nil {
		sessions = nil
	}
	plan := planner{e.cfg.Actions}.plan(r.ctx, Mode{}, c.to, c.edge, sessions)
	e.openForward(r, plan)
	for _, f := range flights(e.doc.Open.Transition.Steps) {
		if r.ctx.Err() != nil {
			e.leave(r)
			return
		}
		var group sync.WaitGroup
		for _, st := range f {
			group.Go(func() { e.bootStep(r, st) })
		}
		group.Wait()
	}
	if err := e.settle(r); err != nil { // only a ledger could be in the way, and boot needs none
		e.leave(r)
		return
	}
	e.lookForDrift(c.to)
}

func (e *Engine) openForward(r *run, plan Plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.plan = plan
	for _, v := range plan.Verdicts {
		r.trouble = appendNew(r.trouble, v.Summary)
	}
	e.doc.Open = &OpenPlan{Transition: r.transition, NoReturn: -1, Forward: true,
		Crashes: e.bootCrash.Crashes, CrashStep: e.bootCrash.CrashStep}
	e.doc.Open.Transition.Steps = plan.Steps
	if err := e.saveLocked(); err != nil {
		r.trouble = appendNew(r.trouble, err.Error())
	}
	e.publishLocked()
	e.announceLocked(r)
}

// bootStep tries a step three times. It never ends a person's session: there
// was no prompt and no grace.
func (e *Engine) bootStep(r *run, st *Step) {
	var err error
	for try := range bootTries {
		if try > 0 && !pause(r.ctx, bootPause) {
			return
		}
		if err = e.nobodyThere(r, st); err == nil {
			err = e.forwardStep(r, st)
		}
		if err == nil {
			return
		}
	}
	e.trouble(r, fmt.Sprintf("cannot %s: %v", st.Summary, err))
}

// nobodyThere lets boot end the GUI only when it can be seen that no person has
// a session, now and not when boot was planned.
func (e *Engine) nobodyThere(r *run, st *Step) error {
	if st.Stage != StageEndGUI {
		return nil
	}
	now, err := bounded(r.ctx, readBound, e.cfg.Sessions.Graphical)
	switch {
	case err != nil:
		err = fmt.Errorf("cannot see who is logged in: %w", err)
	case slices.ContainsFunc(now, Session.interactive):
		err = errors.New("somebody is logged in; boot ends no session")
	default:
		return nil
	}
	e.problem(r, st, err)
	return err
}
