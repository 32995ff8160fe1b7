package actions

import (
	"context"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// target is the kind target: one target a mode, whose members are WantedBy= and
// PartOf= it, and theirs in turn. Changing it is a soft isolate: what is part of
// the other modes' targets and not of the new one stops, by name, and what is
// part of the new one starts; nothing else on the machine is touched.
//
// With isolate = true systemd's own isolation follows as the last step: see
// isolate.go.
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
	// Keep are units that the mode wants up, and the GUI's unless it is off:
	// isolating must not stop them. Gone are those that other knobs stop first.
	Keep []string `json:"keep,omitempty"`
	Gone []string `json:"gone,omitempty"`
	// Next is, in the value of a release, the target that will be entered.
	Next string `json:"next,omitempty"`
	// Stop and Start are what Bind found, by name, Doomed what isolating the
	// target would stop besides, Revived what of Gone it would start again.
	Stop    []string `json:"stop,omitempty"`
	Start   []string `json:"start,omitempty"`
	Doomed  []string `json:"doomed,omitempty"`
	Revived []string `json:"revived,omitempty"`
}

// targetSnapshot says of each unit that the step may touch whether it was up.
type targetSnapshot struct {
	Up   []string `json:"up"`
	Down []string `json:"down"`
	// Isolated are units that an isolation stops.
	Isolated []string `json:"isolated,omitempty"`
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
	if v.Isolate {
		stops++ // all that are isolated away stop together
	}
	return time.Duration(stops)*t.jobs.timing.UnitStop + time.Duration(starts)*t.jobs.timing.UnitStart + slack
}

// Bind finds by name what will stop and start.
func (t target) Bind(ctx context.Context, _ string, want fsm.Value, _ fsm.Context) (fsm.Value, error) {
	v, err := decodeTarget(want)
	if err != nil {
		return "", err
	}
	stay, err := t.staying(ctx, v)
	if err != nil {
		return "", err
	}
	if v.Stop, err = t.leaving(ctx, v, stay); err != nil {
		return "", err
	}
	if v.Target != "" {
		members, err := t.members(ctx, v.Target)
		if err != nil {
			return "", err
		}
		v.Start = append(members, v.Target)
	}
	if v.Isolate {
		if err := t.bindIsolation(ctx, &v); err != nil {
			return "", err
		}
	}
	return fsm.NewValue(v), nil
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
	if !v.Isolate {
		return "enter " + v.Target, details
	}
	for _, unit := range v.Doomed {
		details = append(details, "stop "+unit+", which the target does not want")
	}
	return "isolate " + v.Target, details
}

// Preflight tells whether the target is there, and may be isolated.
func (t target) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeTarget(want)
	if err != nil || v.Target == "" {
		return err
	}
	if _, err = t.jobs.usable(ctx, v.Target); err != nil || !v.Isolate {
		return err
	}
	return t.mayIsolate(ctx, v)
}

// Capture keeps which of the targets and their members are up, and what an
// isolation would stop.
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
		s, err := t.jobs.glance(ctx, unit)
		switch {
		case err != nil:
			return "", err
		case s.up():
			was.Up = append(was.Up, unit)
		case s.down():
			was.Down = append(was.Down, unit)
		}
	}
	if v.Isolate {
		if was.Isolated, err = t.atRisk(ctx, v.Target); err != nil {
			return "", err
		}
	}
	return fsm.NewValue(was), nil
}

// Do leaves the others and enters the target.
func (t target) Do(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeTarget(want)
	if err != nil {
		return err
	}
	if err := t.leave(ctx, v); err != nil {
		return err
	}
	switch {
	case v.Target == "":
		return nil
	case v.Isolate:
		return t.isolate(ctx, v)
	default:
		return t.jobs.start(ctx, v.Target, t.jobs.timing.UnitStart)
	}
}

// Undo stops what has come up and starts what has gone down since the capture.
func (t target) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	var snapshot targetSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return err
	}
	if err := t.stopBut(ctx, ctx, snapshot.Down, snapshot.Up); err != nil {
		return err
	}
	if err := t.bringBack(ctx, snapshot.Isolated); err != nil {
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
		if s, err := t.jobs.glance(ctx, other); err != nil || !s.down() {
			return false, err
		}
	}
	if v.Target == "" {
		return true, nil
	}
	s, err := t.jobs.glance(ctx, v.Target)
	if err == nil {
		err = s.there(v.Target)
	}
	return err == nil && s.up(), err
}
