package actions

import (
	"context"

	"github.com/modectl/moded/pkg/fsm"
)

// What a machine looks like that moded has never touched: the same knobs,
// without moded's own marks on them. See fsm.Adopter.

var (
	_ fsm.Adopter = audio{}
	_ fsm.Adopter = gui{}
	_ fsm.Adopter = k3s{}
	_ fsm.Adopter = limits{}
	_ fsm.Adopter = target{}
	_ fsm.Adopter = units{}
	_ fsm.Adopter = userSlices{}
	_ fsm.Adopter = vllm{}
	_ fsm.Resumer = audio{}
	_ fsm.Resumer = userSlices{}
)

// Resembles leaves the standing order out: what users hear decides.
func (a audio) Resembles(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	left, err := a.disobedient(ctx, want)
	return err == nil && len(left) == 0, err
}

// Resume gives the order of the mode that the daemon found itself in. Agents
// that follow it already notice nothing.
func (a audio) Resume(_ string, want fsm.Value) {
	if _, err := decodeAudio(want); err == nil {
		a.order().give(want)
	}
}

// Resembles leaves the gates out.
func (g gui) Resembles(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeGUI(want)
	if err != nil {
		return false, err
	}
	for _, name := range v.Units {
		unit, err := g.look(ctx, name)
		switch {
		case err != nil:
			return false, err
		case v.State == "on" && unit.ID == "":
			return false, missing(name, ErrNoUnit)
		case unit.Active != (v.State == "on"):
			return false, nil
		}
	}
	if v.State == "on" {
		return g.allUp(ctx, v.Units)
	}
	now, err := g.graphical(ctx)
	return err == nil && len(now) == 0, err
}

// Resembles asks only that no other mode's target is up.
func (t target) Resembles(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeTarget(want)
	if err != nil {
		return false, err
	}
	return t.Settled(ctx, "", fsm.NewValue(targetValue{Others: v.Others}))
}

// Resembles leaves environment and readiness out.
func (u units) Resembles(ctx context.Context, key string, want fsm.Value) (bool, error) {
	v, err := decodeUnit(want)
	if err != nil {
		return false, err
	}
	s, err := u.jobs.glance(ctx, key)
	return err == nil && s.up() == (v.State == "active"), err
}

// Resembles leaves gate, environment and what the server says out.
func (a vllm) Resembles(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeVLLM(want)
	if err != nil {
		return false, err
	}
	s, err := a.jobs.state(ctx, v.Unit)
	return err == nil && s.up() == (v.State == "on"), err
}

// Resembles leaves node and gate out: a cordon is no sign of a mode.
func (k k3s) Resembles(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeK3s(want)
	if err != nil {
		return false, err
	}
	s, err := k.jobs.state(ctx, v.Unit)
	return err == nil && s.up() == v.runs(), err
}

// kernelWeight is what a slice has whose weight nobody has set.
const kernelWeight = 100

// Resembles takes a weight that is not set for the kernel's own: PID 1 tells the
// two apart, and the machine behaves the same.
func (s limits) Resembles(ctx context.Context, key string, want fsm.Value) (bool, error) {
	l, err := decodeLimits(want)
	if err != nil {
		return false, err
	}
	now, err := s.read(ctx, key, want)
	return err == nil && fsm.NewValue(now.weighed()) == fsm.NewValue(l.weighed()), err
}

// weighed says what weights are that are not set.
func (l Limits) weighed() Limits {
	for _, weight := range []**uint64{&l.CPUWeight, &l.IOWeight} {
		if *weight != nil && **weight == Unset {
			own := uint64(kernelWeight)
			*weight = &own
		}
	}
	return l
}
