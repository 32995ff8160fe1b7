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
	return j.look(ctx, "state of "+unit, unit, j.units.State)
}

// glance is ID, Load, Active and Sub of a unit, likewise. The rest may be
// missing.
func (j jobs) glance(ctx context.Context, unit string) (UnitState, error) {
	if g, ok := j.units.(Glancer); ok {
		return j.look(ctx, "glance at "+unit, unit, g.Glance)
	}
	return j.state(ctx, unit)
}

func (j jobs) look(ctx context.Context, question, unit string, how func(context.Context, string) (UnitState, error)) (UnitState, error) {
	s, err := fsm.Once(ctx, question, func(ctx context.Context) (UnitState, error) { return how(ctx, unit) })
	if errors.Is(err, ErrNoUnit) {
		return UnitState{ID: unit, Load: "not-found", Active: "inactive"}, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot look at %s: %w", unit, err)
	}
	return s, nil
}

// account is describe after a closer look, for an error.
func (j jobs) account(ctx context.Context, unit string, s UnitState) string {
	if whole, err := j.units.State(ctx, unit); err == nil {
		s = whole
	}
	return s.describe()
}

// there returns ErrMissing for a unit that is not there, and for one that is down
// and masked, which is how an admin says that there shall be none.
func (s UnitState) there(unit string) error {
	switch {
	case !s.exists():
		return fmt.Errorf("%s %w", unit, fsm.ErrMissing)
	case s.Load == "masked" && s.down():
		return fmt.Errorf("%s is masked: say systemctl unmask %s; until then it %w", unit, unit, fsm.ErrMissing)
	}
	return nil
}

// usable returns nil when the unit can be started.
func (j jobs) usable(ctx context.Context, unit string) (UnitState, error) {
	s, err := j.state(ctx, unit)
	switch {
	case err != nil:
		return s, err
	case s.there(unit) != nil:
		return s, s.there(unit)
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
	w, err := j.begin(ctx, unit, limit)
	if err != nil {
		return err
	}
	return j.stays(ctx, w)
}

// begin runs the start job of a unit that is not up. Whether the unit stays up is
// for stays to find out; of one that was up already it has nothing to say.
func (j jobs) begin(ctx context.Context, unit string, limit time.Duration) (watched, error) {
	s, err := j.glance(ctx, unit)
	if err != nil || s.up() {
		return watched{unit: unit}, err
	}
	if err := j.startJob(ctx, unit, s, limit); err != nil {
		return watched{unit: unit}, err
	}
	return j.watch(ctx, unit)
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
	return fmt.Errorf("cannot start %s: job result %s, it is %s; journalctl -u %s says why", unit, result, j.account(ctx, unit, s), unit)
}

// watched is a unit that was started, as it was right after that.
type watched struct {
	unit  string
	first UnitState
	since time.Time
}

// watch looks at a unit right after its start job.
func (j jobs) watch(ctx context.Context, unit string) (watched, error) {
	w := watched{unit: unit, since: time.Now()}
	var err error
	if w.first, err = j.units.State(ctx, unit); err == nil {
		err = started(w.first)
	}
	if err != nil {
		return w, fmt.Errorf("cannot start %s: %w", unit, err)
	}
	return w, nil
}

// stays returns nil when the unit is up and, if its start alone proved nothing,
// has been so for the stable window that began with its start: what was waited
// for meanwhile counts.
func (j jobs) stays(ctx context.Context, w watched) error {
	if !w.first.provesNothing() {
		return nil
	}
	look := func() (bool, error) {
		now, err := j.units.State(ctx, w.unit)
		if err == nil && now.InvocationID != w.first.InvocationID {
			err = errors.New("it ended and was started again")
		}
		if err == nil {
			err = started(now)
		}
		return false, err
	}
	_, err := until(ctx, max(0, j.timing.Stable-time.Since(w.since)), j.timing.Stable, func() (bool, error) {
		if s, err := j.glance(ctx, w.unit); err != nil || s.up() {
			return false, err
		}
		return look()
	})
	if err == nil {
		_, err = look()
	}
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", w.unit, err)
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
	return j.stopBy(ctx, unit, limit, j.units.Stop)
}

// stopAlone brings the unit down and nothing that is part of it, where that can
// be told apart.
func (j jobs) stopAlone(ctx context.Context, unit string, limit time.Duration) error {
	if g, ok := j.units.(Graph); ok {
		return j.stopBy(ctx, unit, limit, g.StopAlone)
	}
	return j.stop(ctx, unit, limit)
}

func (j jobs) stopBy(ctx context.Context, unit string, limit time.Duration, stop func(context.Context, string) (string, error)) error {
	s, err := j.glance(ctx, unit)
	if err != nil {
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	}
	if !s.exists() || s.down() {
		return nil
	}
	fsm.Report(ctx, "stopping "+unit)
	result, err := j.within(ctx, limit, func(ctx context.Context) (string, error) { return stop(ctx, unit) })
	if err != nil && !errors.Is(err, ErrNoUnit) {
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	}
	s, err = j.glance(ctx, unit)
	switch {
	case err != nil:
		return fmt.Errorf("cannot stop %s: %w", unit, err)
	case s.exists() && !s.down():
		return fmt.Errorf("cannot stop %s: job result %s, it is %s", unit, result, j.account(ctx, unit, s))
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
