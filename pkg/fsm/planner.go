package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// planner makes steps. It reads the machine through the actions' reading
// methods only, so making a plan touches nothing.
type planner struct {
	actions map[string]Action
}

// draft is a plan being made.
type draft struct {
	planner
	ctx      context.Context
	mode     Mode
	context  Context
	steps    []Step
	verdicts []Verdict
	lacks    []string
}

// plan makes the steps from one mode to another. current is the mode being
// left (its zero value at boot); sessions are those that ending the GUI would
// end.
func (p planner) plan(ctx context.Context, current, next Mode, edge Edge, sessions []Session) Plan {
	d := &draft{planner: p, ctx: Round(ctx), mode: next,
		context: Context{From: edge.From, To: edge.To, Ends: sessions}}
	d.addAll(current, next.Settings)
	d.openGates(current, next)
	d.hooks(edge)
	return d.finish(edge, sessions)
}

// addAll looks at all settings side by side: most of the time somebody else is at
// work, PID 1 for one and a helper that is being started for another. The outcome
// is in the order of the settings.
func (d *draft) addAll(current Mode, settings []Setting) {
	parts := make([]draft, len(settings))
	var group sync.WaitGroup
	for i, s := range settings {
		parts[i] = draft{planner: d.planner, ctx: d.ctx, mode: d.mode, context: d.context}
		parts[i].context.Current = valueOf(current, s.Kind, s.Key)
		group.Go(func() { parts[i].addGuarded(s) })
	}
	group.Wait()
	for _, part := range parts {
		d.steps = append(d.steps, part.steps...)
		d.verdicts = append(d.verdicts, part.verdicts...)
		d.lacks = append(d.lacks, part.lacks...)
	}
}

// addGuarded is add in a goroutine of its own, where a panic would be everybody's.
func (d *draft) addGuarded(s Setting) {
	if _, err := guarded(func() (struct{}, error) { d.add(s); return struct{}{}, nil }); err != nil {
		d.steps = nil
		d.problem(s, err)
	}
}

// gateKind is the kind of setting that no mode states: a unit that nobody holds
// any more.
const gateKind = "gate"

// openGates lets go of what the mode being left held and the next one says
// nothing about.
func (d *draft) openGates(current, next Mode) {
	held := d.gates(next.Settings)
	left := slices.DeleteFunc(slices.Clone(current.Settings), func(s Setting) bool { return valueOf(next, s.Kind, s.Key) != "" })
	for _, unit := range d.gates(left) {
		if !slices.Contains(held, unit) {
			d.add(Setting{Kind: gateKind, Key: unit, Value: `{"state":"open"}`, Essential: true, WhenMissing: Skip})
		}
	}
}

// gates lists the units that settings hold.
func (p planner) gates(settings []Setting) (units []string) {
	for _, s := range settings {
		if g, ok := p.actions[s.Kind].(Gatekeeper); ok {
			units = append(units, g.Gates(s.Key, s.Value)...)
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

func valueOf(m Mode, kind, key string) Value {
	for _, s := range m.Settings {
		if s.Kind == kind && s.Key == key {
			return s.Value
		}
	}
	return ""
}

// add appends the up to two steps that bring one setting to where it should be.
func (d *draft) add(s Setting) {
	action, ok := d.actions[s.Kind]
	if !ok {
		d.deny(s, "kind-unsupported", fmt.Sprintf("this version of moded cannot move %s", s.ID()),
			"take the setting out of the configuration, or upgrade moded")
		return
	}
	want, err := d.bind(action, s)
	if err != nil {
		d.problem(s, err)
		return
	}
	settled, err := d.settled(action, s.Key, want)
	switch {
	case errors.Is(err, ErrMissing):
		d.problem(s, err)
	case err != nil || !settled:
		before := len(d.steps)
		if d.change(action, s, want); len(d.steps) > before {
			d.advise(action, s, want)
		}
	}
}

// change appends release and acquire as the setting's rest value demands.
func (d *draft) change(action Action, s Setting, want Value) {
	rest := restOf(action, s.Key, want)
	if rest != "" {
		if atRest, err := d.settled(action, s.Key, rest); err != nil || !atRest {
			d.step(action, s, Release, rest)
		}
	}
	if rest == want {
		return
	}
	if err := d.preflight(action, s.Key, want); err != nil {
		d.problem(s, err)
		if errors.Is(err, ErrMissing) && s.WhenMissing == Skip {
			d.dropLastOf(s)
		}
		return
	}
	d.step(action, s, Acquire, want)
}

// dropLastOf takes back the release of a setting that is skipped after all.
func (d *draft) dropLastOf(s Setting) {
	d.steps = slices.DeleteFunc(d.steps, func(st Step) bool { return st.Kind == s.Kind && st.Key == s.Key })
}

func (d *draft) bind(action Action, s Setting) (Value, error) {
	if b, ok := action.(Binder); ok {
		return bounded(d.ctx, readBound, func(ctx context.Context) (Value, error) {
			return b.Bind(ctx, s.Key, s.Value, d.context)
		})
	}
	return s.Value, nil
}

func (d *draft) settled(action Action, key string, want Value) (bool, error) {
	return bounded(d.ctx, readBound, func(ctx context.Context) (bool, error) { return action.Settled(ctx, key, want) })
}

func (d *draft) preflight(action Action, key string, want Value) error {
	p, ok := action.(Preflighter)
	if !ok {
		return nil
	}
	_, err := bounded(d.ctx, readBound, func(ctx context.Context) (bool, error) { return true, p.Preflight(ctx, key, want) })
	return err
}

func restOf(action Action, key string, want Value) Value {
	if r, ok := action.(Rester); ok {
		return r.Rest(key, want)
	}
	return ""
}

func (d *draft) step(action Action, s Setting, leg Leg, want Value) {
	st := Step{
		Kind: s.Kind, Key: s.Key, Leg: leg, Stage: StageOf(s.Kind, leg), Want: want,
		Essential: s.Essential, Background: !s.Essential && leg == Acquire, Status: Pending,
		Irreversible: s.Kind == "gui" && leg == Release && slices.ContainsFunc(d.context.Ends, Session.interactive),
	}
	describe(action, &st)
	d.steps = append(d.steps, st)
}

// advise turns what an action would have an admin mend into warnings.
func (d *draft) advise(action Action, s Setting, want Value) {
	a, ok := action.(Adviser)
	if !ok {
		return
	}
	list, err := bounded(d.ctx, readBound, func(ctx context.Context) ([]Advice, error) { return a.Advise(ctx, s.Key, want), nil })
	if err != nil {
		return // who is late with advice gives none
	}
	for _, advice := range list {
		d.verdicts = append(d.verdicts, Verdict{Guard: s.ID(), Kind: "preflight", Outcome: Warn,
			Code: advice.Code, Summary: advice.Summary, Remedy: advice.Remedy})
	}
}

func describe(action Action, st *Step) {
	st.Summary = st.Name()
	if a, ok := action.(Describer); ok {
		st.Summary, st.Details = a.Describe(st.Key, st.Want, st.Leg == Release)
	}
}

// hooks appends the edge's hook units. A hook that does not exist refuses the
// plan or is skipped, as the edge says.
func (d *draft) hooks(edge Edge) {
	for leg, units := range map[Stage][]string{StageBefore: edge.Before, StageAfter: edge.After} {
		for _, unit := range units {
			s := Setting{Kind: "hook", Key: unit, Value: "{}", Essential: true, WhenMissing: edge.WhenMissing}
			action, ok := d.actions["hook"]
			if !ok {
				d.deny(s, "kind-unsupported", "this version of moded cannot run hooks", "take the hook out of the edge")
				continue
			}
			if err := d.preflight(action, unit, "{}"); err != nil {
				d.problem(s, err)
				continue
			}
			st := Step{Kind: "hook", Key: unit, Leg: Hook, Stage: leg, Want: "{}", Essential: true, Status: Pending}
			describe(action, &st)
			d.steps = append(d.steps, st)
		}
	}
}

// problem turns an error about a setting into nothing, a warning or a refusal.
func (d *draft) problem(s Setting, err error) {
	if errors.Is(err, ErrMissing) && s.WhenMissing == Skip {
		return
	}
	code, remedy := "preflight", "mend it, or change the mode in the configuration"
	if errors.Is(err, ErrMissing) {
		code, remedy = "missing", "install it, correct the name, or say when-missing = \"skip\""
	}
	d.deny(s, code, err.Error(), remedy)
	if !s.Essential {
		d.verdicts[len(d.verdicts)-1].Outcome = Warn
	}
}

func (d *draft) deny(s Setting, code, summary, remedy string) {
	d.verdicts = append(d.verdicts, Verdict{Guard: s.ID(), Kind: "preflight", Outcome: Deny,
		Code: code, Summary: summary, Remedy: remedy})
	d.lacks = append(d.lacks, s.ID())
}

// finish sorts the steps into the one fixed order and finds the point of no
// return.
func (d *draft) finish(edge Edge, sessions []Session) Plan {
	sort.SliceStable(d.steps, func(i, j int) bool { return d.steps[i].Stage < d.steps[j].Stage })
	// What settles in the background comes last, whatever its stage.
	sort.SliceStable(d.steps, func(i, j int) bool { return !d.steps[i].Background && d.steps[j].Background })
	p := Plan{From: edge.From, To: edge.To, Event: edge.Event, Through: edge.Through,
		Verdicts: d.verdicts, Steps: d.steps, Lacks: d.lacks, NoReturn: -1, Grace: edge.Grace}
	for i := range p.Steps {
		p.Steps[i].Index = i
		if p.Steps[i].Stage == StageEndGUI {
			p.Ends = slices.Clone(sessions)
		}
		if p.Steps[i].Irreversible && p.NoReturn < 0 {
			p.NoReturn = i
		}
	}
	return p
}

// owned names the units that the plan's modes own, and those that its steps found
// by name when they were bound, such as what a target takes along: what these
// hold is managed.
func (p planner) owned(steps []Step, modes ...Mode) []string {
	var units []string
	own := func(kind, key string, value Value) {
		if a, ok := p.actions[kind].(Manager); ok {
			units = append(units, a.Units(key, value)...)
		}
	}
	for _, m := range modes {
		for _, s := range m.Settings {
			own(s.Kind, s.Key, s.Value)
		}
	}
	for _, st := range steps {
		own(st.Kind, st.Key, st.Want)
	}
	slices.Sort(units)
	return slices.Compact(units)
}
