package guards

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// Eyes see the machine. They never fail: what they cannot see is unknown in the
// facts. Unless fresh is set, facts younger than a second may be shared.
type Eyes interface {
	Look(ctx context.Context, n Needs, fresh bool) *facts.Facts
}

// Set judges a transition by its guards. It is safe for many goroutines.
type Set struct {
	eyes Eyes
	// built keeps guards by kind and parameters, which are immutable.
	built sync.Map
}

var _ fsm.Judge = (*Set)(nil)

// New returns a Set that looks at the machine through eyes.
func New(eyes Eyes) *Set { return &Set{eyes: eyes} }

// Judge collects the facts that the guards of q need, once, and asks every one
// of them, whatever the others say.
func (s *Set) Judge(ctx context.Context, q fsm.Question) fsm.Judgement {
	guards := make([]Guard, len(q.Guards))
	errs := make([]error, len(q.Guards))
	var needs Needs
	for i, spec := range q.Guards {
		if guards[i], errs[i] = s.guard(spec); errs[i] == nil {
			needs = needs.Union(guards[i].Needs())
		}
	}
	if needs.GPU || needs.Jobs || len(needs.Processes) > 0 {
		// A process's cgroup has the primary name of its unit, the plan an alias.
		needs.Units = merge(needs.Units, q.Units)
	}
	f := s.look(ctx, needs, q.Fresh)
	asked := Asked{Ends: q.Ends, Units: q.Units, Now: time.Now()}
	verdicts := make([]fsm.Verdict, len(q.Guards))
	for i, spec := range q.Guards {
		v := unknown(GuardBroken, fmt.Sprintf("the guard cannot be asked: %v", errs[i]), "mend its configuration")
		if errs[i] == nil {
			v = ask(guards[i], f, asked)
		}
		verdicts[i] = finish(spec, v)
	}
	return fsm.Judgement{Verdicts: verdicts, Facts: f.Record()}
}

func (s *Set) guard(spec fsm.GuardSpec) (Guard, error) {
	key := spec.Kind + " " + string(spec.Params)
	if g, ok := s.built.Load(key); ok {
		return g.(Guard), nil
	}
	g, err := build(spec)
	if err == nil {
		s.built.Store(key, g)
	}
	return g, err
}

// look returns facts in which everything is unknown when the eyes break.
func (s *Set) look(ctx context.Context, n Needs, fresh bool) (f *facts.Facts) {
	defer func() {
		if p := recover(); p != nil || f == nil {
			f = facts.Unseen("the machine could not be looked at: internal error")
		}
	}()
	return s.eyes.Look(ctx, n, fresh)
}

// ask asks one guard; one that panics does not know.
func ask(g Guard, f *facts.Facts, a Asked) (v fsm.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			v = unknown(GuardBroken, fmt.Sprintf("the guard broke: internal error: %v", p), "report this as a bug of moded")
		}
	}()
	return g.Judge(f, a)
}

// finish adds what the configuration says, and makes all texts fit to be shown:
// a kind that forgot to clean a foreign name does no harm.
func finish(spec fsm.GuardSpec, v fsm.Verdict) fsm.Verdict {
	v.Guard, v.Kind, v.Overridable = spec.Name, spec.Kind, !spec.Final
	if v.Outcome == fsm.Unknown && spec.WarnUnknown {
		v.Outcome = fsm.Warn
	}
	if len(v.Culprits) > maxCulprits {
		v.Culprits = v.Culprits[:maxCulprits:maxCulprits]
	}
	for _, text := range []*string{&v.Summary, &v.Measured, &v.Limit, &v.Remedy} {
		*text = line(*text)
	}
	v.Culprits = slices.Clone(v.Culprits)
	for i := range v.Culprits {
		c := &v.Culprits[i]
		for _, text := range []*string{&c.Comm, &c.User, &c.Unit, &c.Session, &c.Client, &c.Detail} {
			*text = line(*text)
		}
	}
	return v
}

// maxCulprits bounds a verdict: who reads it has seen enough by then.
const maxCulprits = 32
