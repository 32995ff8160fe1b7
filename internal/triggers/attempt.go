package triggers

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/pkg/fsm"
)

// recordEvery is how often a refusal of the same trigger goes to the history,
// which is for people first.
const recordEvery = 24 * time.Hour

// attempt is a request on its way. Its goroutine owns it until it is back.
type attempt struct {
	trigger string
	edges   []fsm.Edge
	why     string
	// condition is what it is for, nil for idleness.
	condition *condition
	began     time.Time
	// dry asks first what the guards would say: a refusal is then not recorded.
	dry bool

	refusal  string
	held     bool
	recorded bool
	id       uint32
}

// begin makes the request, unless one is on its way.
func (w *Watcher) begin(ctx context.Context, now time.Time, a *attempt) {
	if w.attempt != nil {
		return
	}
	last, ever := w.recorded[a.trigger]
	a.began, a.dry = now, ever && now.Sub(last) < recordEvery
	w.attempt = a
	if a.trigger == Idle {
		w.idle.started = now // activity from now on ends it
	}
	go func() {
		for _, e := range a.edges {
			if a.id = w.request(ctx, a, e.To); a.id != 0 {
				break
			}
		}
		w.attempted <- struct{}{}
	}()
}

// request asks for a mode. It returns the transition's id, or 0 and says in a
// why there is none.
func (w *Watcher) request(ctx context.Context, a *attempt, mode string) uint32 {
	req := fsm.Request{Mode: mode, Trigger: a.trigger, Reason: a.why}
	if a.dry {
		plan, err := w.engine.Plan(ctx, req)
		if err != nil || !plan.Allowed {
			a.refuse(plan.Verdicts, err)
			return 0
		}
	}
	id, err := w.engine.Switch(ctx, req)
	if err == nil {
		return id
	}
	var refused *fsm.RequestError
	if errors.As(err, &refused) {
		a.recorded = a.recorded || refused.ID != 0 && errors.Is(err, fsm.ErrRefused)
		a.refuse(refused.Verdicts, err)
		return 0
	}
	a.refuse(nil, err)
	return 0
}

func (a *attempt) refuse(verdicts []fsm.Verdict, err error) {
	a.held = a.held || slices.ContainsFunc(verdicts, func(v fsm.Verdict) bool { return v.Kind == "holds" })
	if err != nil {
		a.refusal = err.Error()
		return
	}
	for _, v := range verdicts {
		if v.Outcome == fsm.Deny || v.Outcome == fsm.Unknown {
			a.refusal = v.Guard + ": " + v.Summary
			return
		}
	}
}

// conclude hears what became of the attempt. One that was admitted is over when
// it has finished.
func (w *Watcher) conclude(now time.Time) {
	a := w.attempt
	w.attempt = nil
	if a.recorded {
		w.recorded[a.trigger] = now
	}
	switch {
	case a.id != 0:
		w.cfg.Log.Info("trigger began a transition", zap.String("trigger", a.trigger), zap.Uint32("transition", a.id), zap.String("reason", a.why))
		if a.condition != nil {
			w.calm(a.condition)
		}
	default:
		w.failed(now, a.trigger)
		w.cfg.Log.Info("trigger was refused", zap.String("trigger", a.trigger), zap.String("reason", a.why), zap.String("refusal", a.refusal))
		if a.condition != nil {
			w.complain(a.condition, a.refusal)
		}
	}
	w.held = nil
	if a.held && w.cfg.Holds != nil {
		_, w.held = w.cfg.Holds.Held()
	}
}

// account hears how transitions ended. What a trigger began and did not get to
// its mode is not begun again at once, but when it was only withdrawn.
func (w *Watcher) account(now time.Time, ended []fsm.Transition) {
	for _, t := range ended {
		withdrawn := w.withdrawn == t.ID && t.Outcome == fsm.Cancelled
		if t.Outcome != fsm.Settled && !withdrawn {
			w.failed(now, t.Trigger)
		}
	}
}

func (w *Watcher) failed(now time.Time, trigger string) {
	if trigger == Idle {
		w.idle.patience.failed(now)
		return
	}
	for _, c := range w.conditions {
		if c.trigger == trigger {
			c.patience.failed(now)
		}
	}
}

// released hears that the holds have changed: what they stopped need not wait
// any longer once none is left.
func (w *Watcher) released(now time.Time) {
	holds, changed := w.cfg.Holds.Held()
	if w.held = changed; len(holds) > 0 {
		return
	}
	w.held = nil
	w.idle.patience.until = now
	for _, c := range w.conditions {
		c.patience.until = now
	}
}

// reconsider withdraws what began by itself when the reason is over.
func (w *Watcher) reconsider(open *fsm.Progress) {
	if !withdrawable(open) {
		return
	}
	reason := ""
	switch {
	case open.Trigger == Idle && w.idle.armed():
		reason = w.idle.activeSince(w.idle.started)
	default:
		for _, c := range w.conditions {
			if c.trigger == open.Trigger && c.since.IsZero() {
				reason = c.over()
			}
		}
	}
	if reason == "" {
		return
	}
	w.withdrawn = open.ID
	if err := w.engine.Withdraw(open.ID, reason); err != nil {
		w.cfg.Log.Info("too late to withdraw a transition", zap.Uint32("transition", open.ID), zap.String("reason", reason), zap.Error(err))
	}
}
