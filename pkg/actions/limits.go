package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// limits is the kind slices: resource limits of a slice of PID 1, at run time
// only. It touches the properties that the value names and no others.
type limits struct{ slices Slices }

func decodeLimits(v fsm.Value) (l Limits, err error) {
	if err := v.Decode(&l); err != nil {
		return l, err
	}
	return l.canonical()
}

// canonical writes the CPU list the one way.
func (l Limits) canonical() (Limits, error) {
	if l.AllowedCPUs == nil {
		return l, nil
	}
	set, err := ParseCPUs(*l.AllowedCPUs)
	if err != nil {
		return l, err
	}
	text := set.String()
	l.AllowedCPUs = &text
	return l, nil
}

// like keeps the fields of l that model has.
func (l Limits) like(model Limits) Limits {
	return Limits{
		CPUWeight:   ifSet(model.CPUWeight, l.CPUWeight),
		IOWeight:    ifSet(model.IOWeight, l.IOWeight),
		MemoryHigh:  ifSet(model.MemoryHigh, l.MemoryHigh),
		CPUQuota:    ifSet(model.CPUQuota, l.CPUQuota),
		AllowedCPUs: ifSet(model.AllowedCPUs, l.AllowedCPUs),
	}
}

func ifSet[T any](model, value *T) *T {
	if model == nil {
		return nil
	}
	return value
}

func (l Limits) describe() string {
	var words []string
	number := func(name string, v *uint64) {
		switch {
		case v == nil:
		case *v == Unset:
			words = append(words, name+" unset")
		default:
			words = append(words, fmt.Sprintf("%s %d", name, *v))
		}
	}
	number("cpu-weight", l.CPUWeight)
	number("io-weight", l.IOWeight)
	number("memory-high", l.MemoryHigh)
	number("cpu-quota", l.CPUQuota)
	if l.AllowedCPUs != nil {
		words = append(words, fmt.Sprintf("allowed-cpus %q", *l.AllowedCPUs))
	}
	return strings.Join(words, ", ")
}

// Describe names the slice and what is set.
func (s limits) Describe(key string, want fsm.Value, _ bool) (summary string, details []string) {
	l, _ := decodeLimits(want) // a broken value is told by Do
	return "limit " + key, []string{l.describe()}
}

// Preflight tells whether there is anything to limit.
func (s limits) Preflight(ctx context.Context, key string, want fsm.Value) error {
	_, err := s.read(ctx, key, want)
	return err
}

// Capture keeps the values of the properties that want names.
func (s limits) Capture(ctx context.Context, key string, want fsm.Value) (fsm.Snapshot, error) {
	now, err := s.read(ctx, key, want)
	if err != nil {
		return "", err
	}
	return fsm.NewValue(now), nil
}

// Do sets the limits and reads them back.
func (s limits) Do(ctx context.Context, key string, want fsm.Value) error {
	l, err := decodeLimits(want)
	if err != nil {
		return err
	}
	return s.set(ctx, key, l)
}

// Undo sets what was there before.
func (s limits) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	l, err := decodeLimits(was)
	if err != nil {
		return err
	}
	return s.set(ctx, key, l)
}

// Settled compares.
func (s limits) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	l, err := decodeLimits(want)
	if err != nil {
		return false, err
	}
	now, err := s.read(ctx, key, want)
	return err == nil && fsm.NewValue(now) == fsm.NewValue(l), err
}

// Tell says what the limits are instead.
func (s limits) Tell(ctx context.Context, key string, want fsm.Value) (string, error) {
	now, err := s.read(ctx, key, want)
	return "it has " + now.describe(), err
}

func (s limits) set(ctx context.Context, key string, l Limits) error {
	if now, err := s.read(ctx, key, fsm.NewValue(l)); err != nil || fsm.NewValue(now) == fsm.NewValue(l) {
		return err
	}
	if err := s.slices.SetLimits(ctx, key, l); err != nil {
		return fmt.Errorf("cannot limit %s: %w", key, missing(key, err))
	}
	now, err := s.read(ctx, key, fsm.NewValue(l))
	if err != nil {
		return err
	}
	if fsm.NewValue(now) != fsm.NewValue(l) {
		return fmt.Errorf("cannot limit %s: it reads %s after setting %s", key, now.describe(), l.describe())
	}
	return nil
}

// read returns the present values of the properties that want names.
func (s limits) read(ctx context.Context, key string, want fsm.Value) (Limits, error) {
	model, err := decodeLimits(want)
	if err != nil {
		return Limits{}, err
	}
	now, err := s.slices.Limits(ctx, key)
	if errors.Is(err, ErrNoUnit) {
		return now, fmt.Errorf("%s has no processes and no unit file, limits on it would do nothing: it %w", key, fsm.ErrMissing)
	}
	if err != nil {
		return now, fmt.Errorf("cannot read limits of %s: %w", key, err)
	}
	now = now.like(model)
	return now.canonical()
}
