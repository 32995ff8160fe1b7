package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// jobs starts and stops units and believes only the state that it reads after.
type jobs struct {
	units  Units
	timing Timing
}

// exists tells whether the unit is there.
func (s UnitState) exists() bool { return s.Load != "not-found" }

// up tells whether the unit does its work.
func (s UnitState) up() bool {
	switch s.Active {
	case "active", "reloading", "refreshing":
		return true
	default:
		return false
	}
}

// down tells whether the unit is at rest; a failed one is.
func (s UnitState) down() bool { return s.Active == "inactive" || s.Active == "failed" }

// wanted tells whether the unit is up or on its way there.
func (s UnitState) wanted() bool { return s.up() || s.Active == "activating" }

// provesNothing tells whether the unit is active as soon as it was forked.
func (s UnitState) provesNothing() bool {
	return s.Type == "simple" || s.Type == "exec" || s.Type == "idle"
}

// describe says in what state the unit is: "failed (exit-code)".
func (s UnitState) describe() string {
	text := s.Active
	switch {
	case s.Result != "" && s.Result != "success":
		text += " (" + s.Result + ")"
	case s.Sub != "" && s.Sub != s.Active:
		text += " (" + s.Sub + ")"
	}
	return text
}

// state is State, with a unit that PID 1 does not know as an inactive one.
func (j jobs) state(ctx context.Context, unit string) (UnitState, error) {
	s, err := j.units.State(ctx, unit)
	if errors.Is(err, ErrNoUnit) {
		return UnitState{ID: unit, Load: "not-found", Active: "inactive"}, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot look at %s: %w", unit, err)
	}
	return s, nil
}

// usable returns nil when the unit can be started.
func (j jobs) usable(ctx context.Context, unit string) (UnitState, error) {
	s, err := j.units.State(ctx, unit)
	switch {
	case err != nil:
		return s, missing(unit, err)
	case !s.exists():
		return s, fmt.Errorf("%s %w", unit, fsm.ErrMissing)
	case s.Load == "masked":
		return s, fmt.Errorf("%s is masked: say systemctl unmask %s", unit, unit)
	case s.Load != "loaded" && s.Load != "merged" && s.Load != "":
		return s, fmt.Errorf("%s cannot be loaded (%s): say systemctl status %s", unit, s.Load, unit)
	}
	return s, nil
}

// start brings the unit up. It returns nil only when the unit is up and, if its
// start alone proves nothing, has stayed so for a while.
func (j jobs) start(ctx context.Context, unit string, limit time.Duration) error {
	s, err := j.units.State(ctx, unit)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", unit, missing(unit, err))
	}
	if s.up() {
		return nil
	}
	if err := j.startJob(ctx, unit, s, limit); err != nil {
		return err
	}
	return j.stays(ctx, unit)
}

// startJob runs the job to its end, which may prove nothing. Before, PID 1
// forgets earlier failures and starts: a display manager that was started three
// times in half a minute is at its limit, and would be refused although nothing
// is wrong with it.
func (j jobs) startJob(ctx context.Context, unit string, s UnitState, limit time.Duration) error {
	if err := j.units.ResetFailed(ctx, unit); err != nil && s.Active == "failed" {
		return fmt.Errorf("cannot reset %s: %w", unit, err)
	}
	fsm.Report(ctx, "starting "+unit)
	result, err := j.within(ctx, limit, func(ctx context.Context) (string, error) { return j.units.Start(ctx, unit) })
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", unit, missing(unit, err))
	}
	if result == "done" {
		return nil
	}
	s, err = j.units.State(ctx, unit)
	if err != nil {
		return fmt.Errorf("cannot start %s: job result %s", unit, result)
	}
	return fmt.Errorf("cannot start %s: job result %s, it is %s", unit, result, s.describe())
}

// stays watches a started unit for the stable window.
func (j jobs) stays(ctx context.Context, unit string) error {
	first, err := j.units.State(ctx, unit)
	if err == nil {
		err = started(first)
	}
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", unit, err)
	}
	if !first.provesNothing() {
		return nil
	}
	_, err = until(ctx, j.timing.Stable, j.timing.Poll, func() (bool, error) {
		now, err := j.units.State(ctx, unit)
		if err == nil && now.InvocationID != first.InvocationID {
			err = errors.New("it ended and was started again")
		}
		if err == nil {
			err = started(now)
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", unit, err)
	}
	return nil
}

// started says why a unit whose start job is done is not up.
func started(s UnitState) error {
	switch {
	case s.up():
		return nil
	case s.down() && !s.ConditionResult:
		return errors.New("a condition of the unit is not met, so it was skipped")
	default:
		return fmt.Errorf("it is %s right after its start", s.describe())
	}
}

// stop brings the unit down.
func (j jobs) stop(ctx context.Context, unit string, limit time.Duration) error {
	s, err := j.units.State(ctx, unit)
	if err == nil && (!s.exists() || s.down()) || errors.Is(err, ErrNoUnit) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	}
	fsm.Report(ctx, "stopping "+unit)
	result, err := j.within(ctx, limit, func(ctx context.Context) (string, error) { return j.units.Stop(ctx, unit) })
	if err != nil && !errors.Is(err, ErrNoUnit) {
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	}
	s, err = j.units.State(ctx, unit)
	switch {
	case err != nil && !errors.Is(err, ErrNoUnit):
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	case err == nil && s.exists() && !s.down():
		return fmt.Errorf("cannot stop %s: job result %s, it is %s", unit, result, s.describe())
	}
	return nil
}

// within gives a job its deadline, and its error the deadline's words.
func (j jobs) within(ctx context.Context, limit time.Duration, job func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %s", limit))
	defer cancel()
	result, err := job(ctx)
	if err != nil && ctx.Err() != nil {
		return result, fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return result, err
}
