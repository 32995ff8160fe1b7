package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// units is the kind units: a system unit that is active, with a certain
// environment and ready to serve, or inactive.
type units struct {
	Hands
	jobs jobs
}

type unitValue struct {
	State        string            `json:"state"`
	Environment  map[string]string `json:"environment,omitempty"`
	Ready        string            `json:"ready,omitempty"`
	ReadyTimeout duration          `json:"ready-timeout,omitzero"`
	StartTimeout duration          `json:"start-timeout,omitzero"`
	StopTimeout  duration          `json:"stop-timeout,omitzero"`
}

type unitSnapshot struct {
	Active bool `json:"active"`
	// Env is the environment file's text, nil when there was none.
	Env          *string  `json:"env"`
	StartTimeout duration `json:"start-timeout,omitzero"`
	StopTimeout  duration `json:"stop-timeout,omitzero"`
}

func decodeUnit(want fsm.Value) (unitValue, error) {
	var v unitValue
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if v.State != "active" && v.State != "inactive" {
		return v, fmt.Errorf("a unit is active or inactive, not %q", v.State)
	}
	return v, validEnvironment(v.Environment)
}

// Rest of an active unit is the inactive one.
func (u units) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeUnit(want)
	if err != nil || v.State == "inactive" {
		return want
	}
	return fsm.NewValue(unitValue{State: "inactive", StopTimeout: v.StopTimeout})
}

// Bound is the sum of the deadlines that the value gives.
func (u units) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeUnit(want) // a broken value fails at once
	bound := v.StopTimeout.or(u.Timing.UnitStop) + v.StartTimeout.or(u.Timing.UnitStart) + slack
	if v.Ready != "" {
		bound += v.ReadyTimeout.or(u.Timing.UnitReady)
	}
	return bound
}

// Units names the unit.
func (u units) Units(key string, _ fsm.Value) []string { return []string{key} }

// Describe names the unit, and its environment by the names of the variables.
func (u units) Describe(key string, want fsm.Value, _ bool) (summary string, details []string) {
	v, _ := decodeUnit(want) // a broken value is told by Do
	if v.State != "active" {
		return "stop " + key, nil
	}
	for _, name := range slices.Sorted(maps.Keys(v.Environment)) {
		details = append(details, "with "+name+"="+v.Environment[name])
	}
	if v.Ready != "" {
		details = append(details, fmt.Sprintf("wait until it is ready, for %s at most", v.ReadyTimeout.or(u.Timing.UnitReady)))
	}
	return "start " + key, details
}

// Preflight tells whether the unit is there and would read its environment.
func (u units) Preflight(ctx context.Context, key string, want fsm.Value) error {
	v, err := decodeUnit(want)
	if err != nil || v.State != "active" {
		return err
	}
	s, err := u.jobs.usable(ctx, key)
	if err != nil {
		return err
	}
	if s.Type == "oneshot" && !s.RemainAfterExit {
		return fmt.Errorf("%s is a oneshot that cannot stay active: add RemainAfterExit=yes to it, or use it as a hook", key)
	}
	if len(v.Environment) > 0 && !u.reads(key, s) {
		return fmt.Errorf("%s would not be given its environment: add the line EnvironmentFile=%s to its [Service] section"+
			" (without a dash: it must not start without it)", key, u.envFile(key))
	}
	return nil
}

func (u units) envFile(key string) string { return path.Join(u.EnvDir, key) }

// reads tells whether the unit insists on the file that Files writes for it.
func (u units) reads(key string, s UnitState) bool {
	return slices.Contains(s.EnvironmentFiles, u.envFile(key))
}

// Capture keeps whether the unit is active, and its environment file.
func (u units) Capture(ctx context.Context, key string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeUnit(want)
	if err != nil {
		return "", err
	}
	s, err := u.jobs.glance(ctx, key)
	if err != nil {
		return "", err
	}
	env, err := u.env(key)
	if err != nil {
		return "", err
	}
	return fsm.NewValue(unitSnapshot{Active: s.wanted(), Env: env,
		StartTimeout: v.StartTimeout, StopTimeout: v.StopTimeout}), nil
}

// Do writes the environment and starts the unit, or stops it and takes the
// environment away, so that nobody starts it with that of another mode.
//
// A unit that runs with another environment is stopped before the file
// changes: whatever moment we die at, a unit that runs has read the file that
// is there.
func (u units) Do(ctx context.Context, key string, want fsm.Value) error {
	v, err := decodeUnit(want)
	if err != nil {
		return err
	}
	if v.State == "inactive" {
		_, err := u.reach(ctx, key, unitSnapshot{StopTimeout: v.StopTimeout})
		return err
	}
	s, err := u.jobs.usable(ctx, key)
	if err != nil {
		return err
	}
	goal := unitSnapshot{Active: true, Env: u.wantEnv(key, v, s), StartTimeout: v.StartTimeout, StopTimeout: v.StopTimeout}
	begun, err := u.reach(ctx, key, goal)
	if err == nil {
		err = u.awaitReady(ctx, key, v)
	}
	if err != nil {
		return err
	}
	return u.jobs.stays(ctx, begun)
}

// Undo restores the environment file and the state.
func (u units) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	var goal unitSnapshot
	if err := was.Decode(&goal); err != nil {
		return err
	}
	begun, err := u.reach(ctx, key, goal)
	if err != nil {
		return err
	}
	return u.jobs.stays(ctx, begun)
}

// Settled tells whether the unit is as wanted, reads what was wanted and is
// ready.
func (u units) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	v, err := decodeUnit(want)
	if err != nil {
		return false, err
	}
	s, err := u.jobs.glance(ctx, key)
	if err != nil {
		return false, err
	}
	if v.State == "inactive" {
		return s.down(), nil
	}
	if err := s.there(key); err != nil {
		return false, err
	}
	if !s.up() {
		return false, nil
	}
	if s, err = u.jobs.state(ctx, key); err != nil {
		return false, err
	}
	env, err := u.env(key)
	if err != nil {
		return false, err
	}
	if !s.up() || !sameText(env, u.wantEnv(key, v, s)) {
		return false, nil
	}
	return v.Ready == "" || u.Prober.Ready(ctx, v.Ready) == nil, nil
}

// reach is the way to a state from any other: down if the environment differs,
// the environment, then up or down. What it started is
// to be watched.
func (u units) reach(ctx context.Context, key string, goal unitSnapshot) (begun watched, err error) {
	env, err := u.env(key)
	if err != nil {
		return begun, err
	}
	if same := sameText(env, goal.Env); !same || !goal.Active {
		if err := u.jobs.stop(ctx, key, goal.StopTimeout.or(u.Timing.UnitStop)); err != nil {
			return begun, err
		}
		if err := u.setEnv(key, same, goal.Env); err != nil {
			return begun, err
		}
	}
	if !goal.Active {
		return begun, nil
	}
	return u.jobs.begin(ctx, key, goal.StartTimeout.or(u.Timing.UnitStart))
}

// awaitReady asks until the service is ready. It gives up early when the unit
// goes down.
func (u units) awaitReady(ctx context.Context, key string, v unitValue) error {
	if v.Ready == "" {
		return nil
	}
	var last error
	limit := v.ReadyTimeout.or(u.Timing.UnitReady)
	ok, err := until(ctx, limit, 2*u.Timing.Poll, func() (bool, error) {
		if last = u.Prober.Ready(ctx, v.Ready); last == nil {
			return true, nil
		}
		fsm.Report(ctx, fmt.Sprintf("waiting for %s to be ready: %v", key, last))
		s, err := u.jobs.glance(ctx, key)
		if err == nil && !s.wanted() {
			err = fmt.Errorf("it is %s", u.jobs.account(ctx, key, s))
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("%s did not become ready: %w", key, err)
	}
	if !ok {
		return fmt.Errorf("%s is not ready after %s: %w", key, limit, cmp.Or(last, errors.New("no answer")))
	}
	return nil
}
