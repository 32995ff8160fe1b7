package actions

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// hook is the kind hook: a unit that is started before or after the steps of an
// edge, awaited, and must succeed. Its undo stops it, if we started it.
type hook struct {
	units Units
	jobs  jobs
}

type hookSnapshot struct {
	Active bool `json:"active"`
}

// Bound is how long a hook may run.
func (h hook) Bound(string, fsm.Value) time.Duration { return h.jobs.timing.Hook + slack }

// Describe names the unit.
func (h hook) Describe(key string, _ fsm.Value, _ bool) (summary string, details []string) {
	return "run " + key, nil
}

// Preflight tells whether the unit is there.
func (h hook) Preflight(ctx context.Context, key string, _ fsm.Value) error {
	_, err := h.jobs.usable(ctx, key)
	return err
}

// Capture keeps whether the unit was active before.
func (h hook) Capture(ctx context.Context, key string, _ fsm.Value) (fsm.Snapshot, error) {
	s, err := h.units.State(ctx, key)
	if err != nil {
		return "", fmt.Errorf("cannot look at %s: %w", key, missing(key, err))
	}
	return fsm.NewValue(hookSnapshot{Active: s.wanted()}), nil
}

// Do runs the unit. A oneshot has run when its job is done; one whose condition
// is not met counts as run, as it does for systemd.
func (h hook) Do(ctx context.Context, key string, _ fsm.Value) error {
	s, err := h.jobs.usable(ctx, key)
	if err != nil || s.up() {
		return err
	}
	if err := h.jobs.startJob(ctx, key, s, h.jobs.timing.Hook); err != nil {
		return err
	}
	s, err = h.units.State(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("cannot look at %s: %w", key, err)
	case s.Active == "failed":
		return fmt.Errorf("cannot run %s: it is %s", key, s.describe())
	case s.down():
		return nil
	}
	return h.jobs.stays(ctx, watched{unit: key, first: s, since: time.Now()})
}

// Undo stops the unit unless it was active before.
func (h hook) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	var snapshot hookSnapshot
	if err := was.Decode(&snapshot); err != nil || snapshot.Active {
		return err
	}
	return h.jobs.stop(ctx, key, h.jobs.timing.UnitStop)
}

// Settled tells that the unit has not failed. More cannot be known: a oneshot
// that has run leaves no trace once PID 1 forgets it.
func (h hook) Settled(ctx context.Context, key string, _ fsm.Value) (bool, error) {
	s, err := h.units.State(ctx, key)
	if err != nil {
		return false, fmt.Errorf("cannot look at %s: %w", key, missing(key, err))
	}
	return s.Active != "failed", nil
}
