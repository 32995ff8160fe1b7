package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Plan answers what Switch would do with the request, a person's if it has no
// trigger. It touches nothing and refuses nothing: law, busy, holds and preflight
// problems are verdicts. Nobody is authorised.
func (e *Engine) Plan(ctx context.Context, req Request) (Plan, error) {
	if req.Trigger == "" {
		req.Trigger = triggerManual
	}
	mode := req.Mode
	c, err := e.legal(req)
	var refused *RequestError
	switch {
	case errors.As(err, &refused) && errors.Is(err, ErrUnknownMode):
		return Plan{}, err
	case errors.As(err, &refused):
		c = e.hypothetical(mode)
		c.plan.Verdicts = append(c.plan.Verdicts, lawVerdict(refused))
	case c == nil:
		return Plan{From: mode, To: mode, Allowed: true, NoReturn: -1}, nil
	case c.revert:
		return Plan{From: c.effect.From, To: c.effect.To, Event: eventAbort, Allowed: true, NoReturn: -1}, nil
	}
	return e.dryRun(ctx, c, req)
}

// hypothetical is a claim for a way that the law does not allow, so that the
// plan can still show what would change.
func (e *Engine) hypothetical(mode string) *claim {
	e.mu.Lock()
	defer e.mu.Unlock()
	from, _ := e.catalog.Mode(e.doc.Mode)
	to, _ := e.catalog.Mode(mode)
	edge, ok := e.catalog.Edge(e.doc.Mode, mode, triggerManual)
	if !ok {
		edge = Edge{From: e.doc.Mode, To: mode}
	}
	return &claim{from: from, to: to, edge: edge}
}

func lawVerdict(refused *RequestError) Verdict {
	kind := "law"
	if errors.Is(refused, ErrBusy) || errors.Is(refused, ErrStuck) {
		kind = "busy"
	}
	return Verdict{Guard: kind, Kind: kind, Outcome: Deny, Code: kind, Summary: refused.Text}
}

func (e *Engine) dryRun(ctx context.Context, c *claim, req Request) (Plan, error) {
	sessions, err := e.graphical(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan := req.home(planner{e.cfg.Actions}.plan(ctx, c.from, c.to, c.edge, sessions), e.Catalog().Default())
	q := Question{Guards: e.Catalog().Guards(c.edge.Guards), From: c.edge.From, To: c.edge.To,
		Ends: plan.Ends, Units: planner{e.cfg.Actions}.owned(plan.Steps, c.from, c.to)}
	judgement, err := bounded(ctx, readBound, func(ctx context.Context) (Judgement, error) {
		return e.cfg.Judge.Judge(ctx, q), nil
	})
	if err != nil {
		return Plan{}, fmt.Errorf("cannot ask the guards: %w", err)
	}
	held, _ := e.held(req)
	plan.Verdicts = slices.Concat(c.plan.Verdicts, plan.Verdicts, held, judgement.Verdicts)
	plan.Allowed = !blocked(plan.Verdicts, req.Override)
	return plan, nil
}

// CanSwitch tells by law, business and holds alone whether a person can ask for
// a mode, without override, and with what effect; it asks no guard and no probe.
// A nil effect means already there.
func (e *Engine) CanSwitch(ctx context.Context, mode string) (*Effect, error) {
	req := Request{Mode: mode, Trigger: triggerManual}
	c, err := e.legal(req)
	if err != nil || c == nil {
		return nil, err
	}
	if held, _ := e.held(req); blocked(held, false) && !c.revert {
		return nil, requestErrorf(ErrRefused, "%s", refusal(held, false))
	}
	if c.to.Headless && !c.from.Headless {
		if c.effect.Ends, err = e.graphical(ctx); err != nil {
			return nil, err
		}
	}
	return &c.effect, nil
}
