package fsm

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// judge asks the edge's guards, or only those that want a last look, and then
// who holds the mode: guards take their time.
func (e *Engine) judge(r *run, c *claim, lastLook bool) Judgement {
	judgement := e.askGuards(r, c, lastLook)
	held, _ := e.held(r.request)
	judgement.Verdicts = append(held, judgement.Verdicts...)
	return judgement
}

func (e *Engine) askGuards(r *run, c *claim, lastLook bool) Judgement {
	e.mu.Lock()
	specs := e.catalog.Guards(c.edge.Guards)
	e.mu.Unlock()
	if lastLook {
		specs = slices.DeleteFunc(specs, func(g GuardSpec) bool { return !g.LastLook })
	}
	if len(specs) == 0 && lastLook {
		return Judgement{}
	}
	q := Question{Guards: specs, From: c.edge.From, To: c.edge.To, Ends: r.plan.Ends, Fresh: true,
		Units: planner{e.cfg.Actions}.owned(r.plan.Steps, c.from, c.to)}
	judgement, err := bounded(r.ctx, readBound, func(ctx context.Context) (Judgement, error) {
		return e.cfg.Judge.Judge(ctx, q), nil
	})
	if err != nil {
		for _, g := range specs {
			judgement.Verdicts = append(judgement.Verdicts, Verdict{Guard: g.Name, Kind: g.Kind, Outcome: Unknown,
				Code: "no-answer", Summary: "the guard did not answer", Remedy: "look at the log of moded", Overridable: !g.Final})
		}
	}
	return judgement
}

func blocked(verdicts []Verdict, override bool) bool {
	return slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Blocks(override) })
}

// home lets root go to the default mode with the override flag whatever the
// plan lacks: a machine whose desktop cannot come up whole is better there than
// where nobody can work on it. What is lacking stays as it is, and in Degraded.
func (r Request) home(p Plan, home string) Plan {
	if !r.Override || r.UID != 0 || p.To != home {
		return p
	}
	p.Verdicts = slices.Clone(p.Verdicts)
	for i := range p.Verdicts {
		p.Verdicts[i].Overridable = p.Verdicts[i].Overridable || p.Verdicts[i].Kind == "preflight"
	}
	return p
}

// refusal is the one-line summary of why; the verdicts say the rest.
func refusal(verdicts []Verdict, override bool) string {
	var why []string
	for _, v := range verdicts {
		if v.Blocks(override) {
			why = append(why, v.Summary)
		}
	}
	return "refused: " + strings.Join(why, "; ")
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

// lastLook asks once more, right before the first session is ended.
func (e *Engine) lastLook(r *run, c *claim) error {
	if err := e.sameSessions(r); err != nil {
		return err
	}
	judgement := e.judge(r, c, true)
	if blocked(judgement.Verdicts, r.request.Override) {
		return e.refuse(r, judgement.Verdicts)
	}
	return nil
}

// refuse keeps the verdicts with the transition and returns why.
func (e *Engine) refuse(r *run, verdicts []Verdict) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.verdicts, r.transition.Verdicts = verdicts, verdicts
	return requestErrorf(ErrRefused, "%s", refusal(verdicts, r.request.Override))
}
