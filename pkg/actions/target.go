package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// target is the kind target: one target a mode, whose members are WantedBy= and
// PartOf= it. Changing it is a soft isolate: the members of the other modes'
// targets stop, by name, and those of the new one start; nothing else on the
// machine is touched.
type target struct {
	units Units
	jobs  jobs
}

type targetValue struct {
	// Target is what shall be active; empty to leave the others only.
	Target string `json:"target"`
	// Others are the targets of every other mode.
	Others  []string `json:"others,omitempty"`
	Isolate bool     `json:"isolate,omitempty"`
	// Next is, in the value of a release, the target that will be entered.
	Next string `json:"next,omitempty"`
	// Stop and Start are what Bind found, by name.
	Stop  []string `json:"stop,omitempty"`
	Start []string `json:"start,omitempty"`
}

// targetSnapshot says of each unit that the step may touch whether it was up.
type targetSnapshot struct {
	Up   []string `json:"up"`
	Down []string `json:"down"`
}

func decodeTarget(want fsm.Value) (v targetValue, err error) {
	return v, want.Decode(&v)
}

// Rest is the machine in none of the targets.
func (t target) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeTarget(want)
	if err != nil || v.Target == "" {
		return want
	}
	return fsm.NewValue(targetValue{Others: v.Others, Next: v.Target, Stop: v.Stop})
}

// Bound allows each unit its deadline, as they may end one after the other.
func (t target) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeTarget(want) // a broken value fails at once
	stops, starts := len(v.Stop)+len(v.Others), len(v.Start)+1
	return time.Duration(stops)*t.jobs.timing.UnitStop + time.Duration(starts)*t.jobs.timing.UnitStart + slack
}

// Bind finds by name what will stop and start.
func (t target) Bind(ctx context.Context, _ string, want fsm.Value, _ fsm.Context) (fsm.Value, error) {
	v, err := decodeTarget(want)
	if err != nil {
		return "", err
	}
	if v.Stop, err = t.leaving(ctx, v); err != nil {
		return "", err
	}
	if v.Target != "" {
		members, err := t.members(ctx, v.Target)
		if err != nil {
			return "", err
		}
		v.Start = append(members, v.Target)
	}
	return fsm.NewValue(v), nil
}

// leaving lists the others that are up, with their members that are up, but for
// the members of the target that is entered. Last in, first out: targets first.
func (t target) leaving(ctx context.Context, v targetValue) ([]string, error) {
	entered := v.Target
	if entered == "" {
		entered = v.Next
	}
	var stay, out []string
	if entered != "" {
		members, err := t.members(ctx, entered)
		if err != nil {
			return nil, err
		}
		stay = append(members, entered)
	}
	for _, other := range v.Others {
		s, err := t.jobs.state(ctx, other)
		if err != nil {
			return nil, err
		}
		if s.down() {
			continue
		}
		members, err := t.members(ctx, other)
		if err != nil {
			return nil, err
		}
		out = append(out, other)
		for _, m := range members {
			if s, err := t.jobs.state(ctx, m); err != nil {
				return nil, err
			} else if !s.down() && !slices.Contains(stay, m) && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// members are the target's, sorted; those of a target that does not exist are
// none.
func (t target) members(ctx context.Context, unit string) ([]string, error) {
	members, err := t.units.Members(ctx, unit)
	if errors.Is(err, ErrNoUnit) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list what is part of %s: %w", unit, err)
	}
	slices.Sort(members)
	return members, nil
}

// Units names the targets and the members that were found.
func (t target) Units(_ string, want fsm.Value) []string {
	v, _ := decodeTarget(want) // a broken value is told by Do
	names := slices.Concat(v.Stop, v.Start)
	if v.Target != "" {
		names = append(names, v.Target)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Describe lists what stops and starts by name.
func (t target) Describe(_ string, want fsm.Value, release bool) (summary string, details []string) {
	v, _ := decodeTarget(want) // a broken value is told by Do
	if release || v.Target == "" {
		for _, unit := range v.Stop {
			details = append(details, "stop "+unit)
		}
		return "leave the other modes' targets", details
	}
	for _, unit := range v.Start {
		details = append(details, "start "+unit)
	}
	return "enter " + v.Target, details
}

// Preflight tells whether the target is there.
func (t target) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeTarget(want)
	if err != nil || v.Target == "" {
		return err
	}
	if v.Isolate {
		return errors.New("isolate = true is not supported by this version")
	}
	_, err = t.jobs.usable(ctx, v.Target)
	return err
}

// Capture keeps which of the targets and their members are up.
func (t target) Capture(ctx context.Context, _ string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeTarget(want)
	if err != nil {
		return "", err
	}
	touched, err := t.touched(ctx, v)
	if err != nil {
		return "", err
	}
	var was targetSnapshot
	for _, unit := range touched {
		s, err := t.jobs.state(ctx, unit)
		switch {
		case err != nil:
			return "", err
		case s.up():
			was.Up = append(was.Up, unit)
		case s.down():
			was.Down = append(was.Down, unit)
		}
	}
	return fsm.NewValue(was), nil
}

// touched lists what a step with that value may stop or start: the target and
// the others that are up, with their members.
func (t target) touched(ctx context.Context, v targetValue) ([]string, error) {
	names := slices.Concat(v.Stop, v.Start)
	for _, unit := range append(slices.Clone(v.Others), v.Target) {
		if unit == "" {
			continue
		}
		s, err := t.jobs.state(ctx, unit)
		if err != nil {
			return nil, err
		}
		if unit != v.Target && s.down() {
			continue
		}
		members, err := t.members(ctx, unit)
		if err != nil {
			return nil, err
		}
		names = append(append(names, members...), unit)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Do leaves the others and enters the target.
func (t target) Do(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeTarget(want)
	if err != nil {
		return err
	}
	out, err := t.leaving(ctx, v)
	if err != nil {
		return err
	}
	if err := t.stopAll(ctx, out); err != nil {
		return err
	}
	if v.Target == "" {
		return nil
	}
	return t.jobs.start(ctx, v.Target, t.jobs.timing.UnitStart)
}

func (t target) stopAll(ctx context.Context, names []string) error {
	for _, unit := range names {
		if err := t.jobs.stop(ctx, unit, t.jobs.timing.UnitStop); err != nil {
			return err
		}
	}
	return nil
}

// Undo stops what has come up and starts what has gone down since the capture.
func (t target) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	var snapshot targetSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return err
	}
	if err := t.stopAll(ctx, snapshot.Down); err != nil {
		return err
	}
	for _, unit := range snapshot.Up {
		if err := t.jobs.start(ctx, unit, t.jobs.timing.UnitStart); err != nil {
			return err
		}
	}
	return nil
}

// Settled tells whether the target is up and none of the others is.
func (t target) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeTarget(want)
	if err != nil {
		return false, err
	}
	for _, other := range v.Others {
		if s, err := t.jobs.state(ctx, other); err != nil || !s.down() {
			return false, err
		}
	}
	if v.Target == "" {
		return true, nil
	}
	s, err := t.jobs.state(ctx, v.Target)
	if err == nil && !s.exists() {
		err = fmt.Errorf("%s %w", v.Target, fsm.ErrMissing)
	}
	return err == nil && s.up(), err
}
