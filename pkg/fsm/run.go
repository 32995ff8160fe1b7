package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// verifyPatience is how long a settled mode may take to look settled: agents
// register and services settle a moment after their jobs are done.
const (
	verifyPatience = 15 * time.Second
	verifyEvery    = 500 * time.Millisecond
)

// transit is the life of an admitted transition, in the run's own goroutine:
// grace, the second look, the steps, confirmation, and settling, or the way
// back.
func (e *Engine) transit(r *run, c *claim) {
	if end, err := e.beforehand(r, c); err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.closeLocked(r, end, err.Error())
		return
	}
	err := e.open(r)
	if err == nil {
		err = e.forward(r, c)
	}
	if err == nil && r.request.ConfirmWithin > 0 {
		err = e.awaitConfirm(r)
	}
	if err == nil {
		err = e.settle(r)
	}
	switch {
	case errors.Is(err, errKeep):
		e.leave(r)
	case err != nil:
		e.back(r, err)
	default:
		e.acquireInBackground(r, c)
	}
}

// errKeep ends a run without touching anything more: the document says how to
// go on at the next start.
var errKeep = errors.New("kept as it is")

// beforehand is everything between the promise and the first touch. Cancelling
// is free here.
func (e *Engine) beforehand(r *run, c *claim) (End, error) {
	waited, err := e.grace(r)
	if err != nil {
		return Cancelled, err
	}
	if err := e.sameSessions(r); err != nil {
		return Refused, err
	}
	if !waited {
		return "", nil
	}
	judgement := e.judge(r, c, false)
	if blocked(judgement.Verdicts, r.request.Override) {
		e.mu.Lock()
		e.verdicts, r.transition.Verdicts = judgement.Verdicts, judgement.Verdicts
		e.mu.Unlock()
		return Refused, errors.New(refusal(judgement.Verdicts, r.request.Override))
	}
	plan := planner{e.cfg.Actions}.plan(r.ctx, c.from, c.to, c.edge, r.frozen)
	if blocked(plan.Verdicts, false) {
		return Refused, errors.New(refusal(plan.Verdicts, false))
	}
	e.mu.Lock()
	r.plan = plan
	e.mu.Unlock()
	return "", nil
}

// grace waits for the countdown, where there is somebody to be warned. It
// tells whether it waited.
func (e *Engine) grace(r *run) (bool, error) {
	if r.plan.Grace <= 0 || r.request.SkipCountdown || !slices.ContainsFunc(r.plan.Ends, Session.interactive) {
		return false, cancelCause(r.ctx)
	}
	timer := time.NewTimer(r.plan.Grace)
	defer timer.Stop()
	e.enter(r, Grace, time.Now().Add(r.plan.Grace))
	e.cfg.Notifier.Notify(Notice{Kind: "grace", ID: r.transition.ID, From: r.plan.From, To: r.plan.To,
		Deadline: r.deadline, Ends: r.plan.Ends, Text: r.transition.Reason})
	select {
	case <-timer.C:
	case <-r.proceed:
	case <-r.ctx.Done():
		e.cfg.Notifier.Notify(Notice{Kind: "cancelled", ID: r.transition.ID, From: r.plan.From, To: r.plan.To, Ends: r.plan.Ends})
		return true, cancelCause(r.ctx)
	}
	return true, nil
}

func cancelCause(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w before anything was touched", context.Cause(ctx))
}

// interactive tells whether a person sits in the session.
func (s Session) interactive() bool { return s.Class != "greeter" && s.Class != "lock-screen" }

// sameSessions is the second look at who is there. No override skips it.
func (e *Engine) sameSessions(r *run) error {
	if !slices.ContainsFunc(r.plan.Steps, func(s Step) bool { return s.Stage == StageEndGUI }) {
		return nil
	}
	now, err := bounded(context.WithoutCancel(r.ctx), readBound, e.cfg.Sessions.Graphical)
	if err != nil {
		return fmt.Errorf("cannot see who is logged in: %w", err)
	}
	for _, s := range now {
		if !slices.ContainsFunc(r.frozen, func(f Session) bool { return f.ID == s.ID && f.UID == s.UID }) {
			return fmt.Errorf("a new session appeared: %s of %s; nobody was ended", s.ID, s.User)
		}
	}
	return nil
}

// open writes the plan to the ledger: from here on the machine is between two
// modes, and every way out leads through settle or back.
func (e *Engine) open(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.phase, r.deadline = Running, time.Time{}
	e.doc.Open = &OpenPlan{Transition: r.transition, Through: r.plan.Through, Ends: r.plan.Ends, NoReturn: r.plan.NoReturn}
	e.doc.Open.Transition.Steps = r.plan.Steps
	r.transition.Steps = nil
	if err := e.saveLocked(); err != nil {
		return err
	}
	if r.plan.Through {
		if err := e.law.fire(on(r.plan.Event, r.plan.From, r.plan.To)); err != nil {
			return err
		}
	}
	e.publishLocked()
	return nil
}

// saveLocked writes the document.
func (e *Engine) saveLocked() error {
	if err := e.cfg.Ledger.Save(context.WithoutCancel(e.ctx), e.doc); err != nil {
		return fmt.Errorf("cannot write the ledger: %w", err)
	}
	return nil
}

// forward does the steps in order and verifies the whole mode at the end.
func (e *Engine) forward(r *run, c *claim) error {
	for i := range e.doc.Open.Transition.Steps {
		st := &e.doc.Open.Transition.Steps[i]
		if st.Background {
			continue
		}
		if st.Irreversible {
			if err := e.lastLook(r, c); err != nil {
				return err
			}
		}
		if err := e.forwardStep(r, st); err != nil {
			return fmt.Errorf("%s: %w", st.Name(), err)
		}
	}
	return e.verifyMode(r, c.to, e.doc.Open.Transition.Steps)
}

// lastLook asks once more, right before the first session is ended.
func (e *Engine) lastLook(r *run, c *claim) error {
	if err := e.sameSessions(r); err != nil {
		return err
	}
	judgement := e.judge(r, c, true)
	if blocked(judgement.Verdicts, r.request.Override) {
		return errors.New(refusal(judgement.Verdicts, r.request.Override))
	}
	return nil
}

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
		if err := e.saveLocked(); err != nil {
			*st = before
			return err
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

// enter moves the run to a phase.
func (e *Engine) enter(r *run, phase Phase, deadline time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.phase, r.deadline = phase, deadline
	e.publishLocked()
}

// verifyMode checks every essential setting of the mode, with some patience.
func (e *Engine) verifyMode(r *run, mode Mode, steps []Step) error {
	deadline := time.Now().Add(verifyPatience)
	for {
		differences := e.differences(r.ctx, mode, steps)
		essential := slices.IndexFunc(differences, func(d Difference) bool { return d.Essential })
		if essential < 0 {
			return nil
		}
		if err := cancelled(r.ctx); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not as %s wants it: %s", differences[essential].ID(), mode.Name, differences[essential].Problem)
		}
		e.note("verifying: " + differences[essential].ID())
		if !pause(r.ctx, verifyEvery) {
			return cancelled(r.ctx)
		}
	}
}

// pause sleeps and tells whether the context is still good.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// awaitConfirm keeps the plan open until somebody says that it is good. Expiry
// is the same undo as a failure.
func (e *Engine) awaitConfirm(r *run) error {
	e.mu.Lock()
	if e.doc.Open.UnconfirmedUntil == 0 {
		e.doc.Open.UnconfirmedUntil = e.cfg.Host.Boottime() + r.request.ConfirmWithin
		e.doc.Open.Settled = true
		if err := e.saveLocked(); err != nil {
			e.mu.Unlock()
			return err
		}
	}
	until := e.doc.Open.UnconfirmedUntil
	r.phase, r.deadline = AwaitingConfirm, time.Now().Add(until-e.cfg.Host.Boottime())
	e.publishLocked()
	e.mu.Unlock()
	select {
	case <-r.confirm:
		return nil
	case <-e.cfg.Host.Alarm(r.ctx, until):
		return errors.New("nobody confirmed it in time")
	case <-r.ctx.Done():
		if errors.Is(context.Cause(r.ctx), errShutdown) {
			return errKeep
		}
		return context.Cause(r.ctx)
	}
}

// settle makes the new mode the settled one: document first, then the law, then
// what readers see.
func (e *Engine) settle(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	open := e.doc.Open
	e.doc = Document{Mode: r.plan.To}
	if err := e.saveLocked(); err != nil {
		e.doc = Document{Mode: r.plan.From, Open: open}
		return err
	}
	event := r.plan.Event
	if r.plan.Through {
		event = eventSuccess
	}
	if err := e.law.fire(on(event, r.plan.From, r.plan.To)); err != nil {
		return err
	}
	r.transition.Steps = open.Transition.Steps
	r.transition.Lost = endedSessions(open)
	if r.request.Trigger == "manual" {
		e.degradeIf(e.cfg.History.SetChosen(r.plan.To), "cannot remember the chosen mode")
	}
	e.degraded, e.drift = nil, nil
	e.closeLocked(r, Settled, "")
	e.cfg.Observer.ModeChanged(r.plan.From, r.plan.To, r.transition.ID)
	return nil
}

// endedSessions are people's sessions of an open plan whose end was begun. A
// greeter is nobody's loss.
func endedSessions(open *OpenPlan) []Session {
	for _, st := range open.Transition.Steps {
		if st.Irreversible && st.Status != Pending {
			return slices.DeleteFunc(slices.Clone(open.Ends), func(s Session) bool { return !s.interactive() })
		}
	}
	return nil
}

// closeLocked ends the run: history, readers, observers.
func (e *Engine) closeLocked(r *run, end End, message string) {
	t := r.transition
	t.Outcome, t.Message, t.Mode, t.Finished = end, message, e.doc.Mode, time.Now()
	if t.Steps == nil {
		t.Steps = r.plan.Steps
	}
	r.transition = t
	e.run = nil
	e.gen++
	r.cancel(nil)
	e.degradeIf(e.cfg.History.Append(t), "cannot write the history")
	if end != Refused || r.announced {
		e.last = &t
	}
	e.publishLocked()
	if r.announced {
		e.cfg.Observer.Finished(t)
		e.cfg.Notifier.Notify(Notice{Kind: "finished", ID: t.ID, From: t.From, To: t.To, Ends: r.plan.Ends, Text: message, Outcome: end})
	}
}

func (e *Engine) degradeIf(err error, what string) {
	if err != nil {
		e.degraded = appendNew(e.degraded, fmt.Sprintf("%s: %v", what, err))
	}
}

func appendNew(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// leave ends the run's goroutine and touches nothing: machine and document stay
// for the next start.
func (e *Engine) leave(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run = nil
	r.cancel(nil)
}

// acquireInBackground does what may fail without taking the mode back, such as
// the desktop's own vLLM.
func (e *Engine) acquireInBackground(r *run, c *claim) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	e.mu.Lock()
	if e.run != nil || e.doc.Open != nil || e.doc.Mode != c.to.Name {
		e.mu.Unlock()
		return
	}
	e.background = cancel
	e.mu.Unlock()
	for _, st := range r.plan.Steps {
		if !st.Background || ctx.Err() != nil {
			continue
		}
		err := e.doStep(ctx, &st)
		if err == nil || ctx.Err() != nil {
			continue
		}
		e.mu.Lock()
		e.degraded = appendNew(e.degraded, fmt.Sprintf("cannot %s: %v", st.Summary, err))
		e.publishLocked()
		e.mu.Unlock()
	}
}

func (e *Engine) stopBackgroundLocked() {
	if e.background != nil {
		e.background()
		e.background = nil
	}
}
