package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verifyPatience is how long a settled mode may take to look settled: agents
// register and services settle a moment after their jobs are done.
const (
	verifyPatience = 15 * time.Second
	verifySoon     = 30 * time.Millisecond // before the second look; then half as long again each time
	verifyEvery    = 500 * time.Millisecond
	// verifyLooks is how often one looks at least: on a machine that is busy with
	// what has just begun, one look may come too late and see nothing.
	verifyLooks = 3
)

// transit is the life of an admitted transition, in the run's own goroutine:
// grace, the second look, the steps, confirmation, and settling, or the way
// back.
func (e *Engine) transit(r *run, c *claim) {
	if end, err := e.beforehand(r, c); err != nil {
		e.turnAway(r, c, end, err)
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
	}
}

// turnAway ends a run that has touched nothing.
func (e *Engine) turnAway(r *run, c *claim, end End, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closeLocked(r, end, err.Error())
	if r.stopped {
		e.tasks.Go(func() { e.lookForDrift(c.from) })
	}
}

// errKeep ends a run without touching anything more: the document says how to
// go on at the next start.
var errKeep = errors.New("kept as it is")

// beforehand is everything between the promise and the first touch. Cancelling
// is free here.
func (e *Engine) beforehand(r *run, c *claim) (End, error) {
	waited, err := e.grace(r)
	switch {
	case errors.Is(err, ErrRefused):
		return Refused, err
	case err != nil:
		return Cancelled, err
	}
	if err := e.sameSessions(r); err != nil {
		return Refused, err
	}
	if waited {
		if err := e.judgeAgain(r, c); err != nil {
			return Refused, err
		}
	}
	if err := cancelCause(r.ctx); err != nil {
		return Cancelled, err
	}
	r.stopped = e.stopBackground() && !c.rested
	if r.stopped || waited {
		return e.planAgain(r, c)
	}
	return "", nil
}

// planAgain plans for what the machine is by now, within what was authorised.
func (e *Engine) planAgain(r *run, c *claim) (End, error) {
	plan := r.request.home(planner{e.cfg.Actions}.plan(r.ctx, c.from, c.to, c.edge, r.frozen), e.Catalog().Default())
	if c.edge.Event == eventCorrect {
		plan = gentle(plan)
	}
	if err := cancelCause(r.ctx); err != nil {
		return Cancelled, err
	}
	if blocked(plan.Verdicts, r.request.Override) {
		return Refused, errors.New(refusal(plan.Verdicts, r.request.Override))
	}
	if err := noStranger(plan.Ends, c.effect.Ends); err != nil {
		return Refused, fmt.Errorf("the machine changed and %w; nobody was ended", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.plan = plan
	return "", nil
}

// judgeAgain asks all guards once more: the countdown is long enough for a take
// to begin. A cancellation meanwhile is not a guard's no.
func (e *Engine) judgeAgain(r *run, c *claim) error {
	judgement := e.judge(r, c, false)
	if r.ctx.Err() == nil && blocked(judgement.Verdicts, r.request.Override) {
		return e.refuse(r, judgement.Verdicts)
	}
	return nil
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
	return true, e.countDown(r, timer.C)
}

// countDown waits for the end of the grace period. A hold ends what no person
// asked for at once; people are refused by the second look, and may have it
// lifted until then.
func (e *Engine) countDown(r *run, end <-chan time.Time) error {
	for {
		held, changed := e.held(r.request)
		if !r.request.person() && blocked(held, r.request.Override) {
			return e.refuse(r, held)
		}
		select {
		case <-end:
			return nil
		case <-r.proceed:
			return nil
		case <-changed:
		case <-r.ctx.Done():
			e.cfg.Notifier.Notify(Notice{Kind: "cancelled", ID: r.transition.ID, From: r.plan.From, To: r.plan.To, Ends: r.plan.Ends})
			return cancelCause(r.ctx)
		}
	}
}

func cancelCause(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w before anything was touched", context.Cause(ctx))
}

// open writes the plan to the ledger: from here on the machine is between two
// modes, and every way out leads through settle or back.
func (e *Engine) open(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cfg.Notifier.Notify(Notice{Kind: "started", ID: r.transition.ID, From: r.plan.From, To: r.plan.To, Ends: r.plan.Ends})
	r.phase, r.deadline = Running, time.Time{}
	e.doc.Open = &OpenPlan{Transition: r.transition, Through: r.plan.Through, Ends: r.plan.Ends, NoReturn: r.plan.NoReturn}
	e.doc.Open.Transition.Steps = r.plan.Steps
	for _, v := range r.plan.Verdicts {
		if v.Blocks(false) {
			r.trouble = appendNew(r.trouble, v.Summary)
		}
	}
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

// forward does the steps, flight after flight, and verifies the whole mode at
// the end.
func (e *Engine) forward(r *run, c *claim) error {
	for _, f := range flights(e.doc.Open.Transition.Steps) {
		if f[0].Stage == StageEndGUI { // also when nobody was there: somebody may have come
			if err := e.lastLook(r, c); err != nil {
				return err
			}
		}
		if err := e.fly(r, f); err != nil {
			return err
		}
	}
	return e.verifyMode(r, c.to, e.doc.Open.Transition.Steps)
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
	wait := verifySoon
	for look := 1; ; look++ {
		differences := e.differences(r.ctx, mode, steps)
		essential := slices.IndexFunc(differences, func(d Difference) bool { return d.Essential && !slices.Contains(r.plan.Lacks, d.ID()) })
		if essential < 0 {
			return nil
		}
		if err := cancelled(r.ctx); err != nil {
			return err
		}
		if look >= verifyLooks && time.Now().After(deadline) {
			return fmt.Errorf("%s is not as %s wants it: %s", differences[essential].ID(), mode.Name, differences[essential].Problem)
		}
		e.note(-1, "verifying: "+differences[essential].ID())
		if !pause(r.ctx, wait) {
			return cancelled(r.ctx)
		}
		wait = min(wait+wait/2, verifyEvery)
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
func (e *Engine) awaitConfirm(r *run) (err error) {
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
	e.cfg.Notifier.Notify(Notice{Kind: "awaiting-confirm", ID: r.transition.ID, From: r.plan.From, To: r.plan.To, Deadline: r.deadline, Ends: endedSessions(e.doc.Open)})
	e.mu.Unlock()
	select {
	case <-r.confirm:
	case <-e.cfg.Host.Alarm(r.ctx, until):
		err = errors.New("nobody confirmed it in time")
	case <-r.ctx.Done():
		err = context.Cause(r.ctx)
		if errors.Is(err, errShutdown) {
			err = errKeep
		}
	}
	return e.unconfirmed(r, err)
}

// unconfirmed decides between a confirmation and what ended the wait at the
// same moment: a promise given is kept, and none is given from here on.
func (e *Engine) unconfirmed(r *run, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.confirmed {
		return nil
	}
	r.phase = Undoing
	return err
}

// settle makes the new mode the settled one: document first, then the law, then
// what readers see.
func (e *Engine) settle(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cause := context.Cause(r.ctx); errors.Is(cause, errCancelled) && !r.confirmed {
		return cause // whoever cancelled was told that it will be undone
	}
	open := e.doc.Open
	e.doc = Document{Mode: r.plan.To}
	if err := e.saveLocked(); err != nil {
		if !r.forward {
			e.doc = Document{Mode: r.plan.From, Open: open}
			return err
		}
		r.trouble = appendNew(r.trouble, err.Error())
	}
	event := r.plan.Event
	if r.plan.Through {
		event = eventSuccess
	}
	if event != eventCorrect {
		e.moveLawLocked(on(event, r.plan.From, r.plan.To), r.plan.To)
	}
	r.transition.Steps = open.Transition.Steps
	e.degraded, e.drift, e.late = r.trouble, nil, nil
	if r.request.Trigger == triggerManual {
		e.degradeIf(e.cfg.History.SetChosen(r.plan.To), "cannot remember the chosen mode")
	}
	e.closeLocked(r, Settled, strings.Join(r.trouble, "; "))
	e.beginBackgroundLocked(r.transition.ID, open.Transition.Steps)
	if r.plan.From != r.plan.To {
		e.cfg.Observer.ModeChanged(r.plan.From, r.plan.To, r.transition.ID)
	}
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
	t.Ends = r.plan.Ends
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
	if e.ctx.Err() == nil {
		e.publishLocked()
	}
}
