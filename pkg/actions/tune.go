package actions

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// tuneUnit holds the kernel's knobs while it is active and puts them back in its
// ExecStopPost=, which PID 1 runs whatever ended it.
const tuneUnit = "moded-tune.service"

// tune is the kind tune: the knobs that low-latency audio wants of the kernel.
// What they are and were is the unit's knowledge; the action moves the unit.
type tune struct{ jobs jobs }

type tuneValue struct {
	State string `json:"state"`
}

type tuneSnapshot struct {
	Active bool `json:"active"`
}

func decodeTune(want fsm.Value) (active bool, err error) {
	var v tuneValue
	if err := want.Decode(&v); err != nil {
		return false, err
	}
	if v.State != "off" && v.State != "low-latency" {
		return false, fmt.Errorf("tune is off or low-latency, not %q", v.State)
	}
	return v.State == "low-latency", nil
}

// Bound is how long the unit may take to start or stop.
func (t tune) Bound(string, fsm.Value) time.Duration {
	return max(t.jobs.timing.UnitStart, t.jobs.timing.UnitStop) + slack
}

// Units names the unit.
func (tune) Units(string, fsm.Value) []string { return []string{tuneUnit} }

// Describe says what is tuned.
func (tune) Describe(_ string, want fsm.Value, _ bool) (summary string, details []string) {
	if active, _ := decodeTune(want); !active { // a broken value is told by Do
		return "end low-latency tuning", nil
	}
	return "tune the kernel for low latency", []string{"CPU governor, wake-up latency and swappiness, while " + tuneUnit + " is active"}
}

// Preflight tells whether the unit is there.
func (t tune) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	active, err := decodeTune(want)
	if err == nil && active {
		_, err = t.jobs.usable(ctx, tuneUnit)
	}
	return err
}

// Capture keeps whether the unit was active.
func (t tune) Capture(ctx context.Context, _ string, _ fsm.Value) (fsm.Snapshot, error) {
	s, err := t.jobs.glance(ctx, tuneUnit)
	return fsm.NewValue(tuneSnapshot{Active: s.wanted()}), err
}

// Do starts or stops the unit. One that is up has read back each knob.
func (t tune) Do(ctx context.Context, _ string, want fsm.Value) error {
	active, err := decodeTune(want)
	if err != nil {
		return err
	}
	return t.reach(ctx, active)
}

// Undo goes back to what it was.
func (t tune) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	var snapshot tuneSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return err
	}
	return t.reach(ctx, snapshot.Active)
}

func (t tune) reach(ctx context.Context, active bool) error {
	if active {
		return t.jobs.start(ctx, tuneUnit, t.jobs.timing.UnitStart)
	}
	if s, err := t.jobs.glance(ctx, tuneUnit); err != nil || s.Active == "inactive" {
		return err
	}
	return t.jobs.stop(ctx, tuneUnit, t.jobs.timing.UnitStop)
}

// Settled tells whether the unit is as wanted.
func (t tune) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	active, err := decodeTune(want)
	if err != nil {
		return false, err
	}
	s, err := t.jobs.glance(ctx, tuneUnit)
	switch {
	case err != nil:
		return false, err
	case !active:
		return s.down(), nil
	}
	return s.up(), s.there(tuneUnit)
}
