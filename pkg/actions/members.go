package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// What hangs on the modes' targets, and how it comes and goes with them.

// staying lists the target that is entered and its members.
func (t target) staying(ctx context.Context, v targetValue) ([]string, error) {
	entered := cmp.Or(v.Target, v.Next)
	if entered == "" {
		return nil, nil
	}
	members, err := t.members(ctx, entered)
	return append(members, entered), err
}

// leaving lists the others that are up, with their members that are up, but for
// those that stay. Last in, first out: targets first.
func (t target) leaving(ctx context.Context, v targetValue, stay []string) (out []string, err error) {
	for _, other := range v.Others {
		s, err := t.jobs.glance(ctx, other)
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
			if s, err := t.jobs.glance(ctx, m); err != nil {
				return nil, err
			} else if !s.down() && !slices.Contains(stay, m) && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// members are the target's and their own in turn, sorted; those of a target
// that does not exist are none.
func (t target) members(ctx context.Context, unit string) ([]string, error) {
	found := map[string]bool{}
	for queue := []string{unit}; len(queue) > 0; queue = queue[1:] {
		members, err := fsm.Once(ctx, "members of "+queue[0], func(ctx context.Context) ([]string, error) { return t.units.Members(ctx, queue[0]) })
		if errors.Is(err, ErrNoUnit) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list what is part of %s: %w", queue[0], err)
		}
		for _, m := range members {
			if m != unit && !found[m] {
				found[m] = true
				queue = append(queue, m)
			}
		}
	}
	return sortedKeys(found), nil
}

// touched lists what a step with that value may stop or start: the target and
// the others that are up, with their members.
func (t target) touched(ctx context.Context, v targetValue) ([]string, error) {
	names := slices.Concat(v.Stop, v.Start)
	for _, unit := range append(slices.Clone(v.Others), v.Target) {
		if unit == "" {
			continue
		}
		s, err := t.jobs.glance(ctx, unit)
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

// leave stops what the others have and the entered target has not.
func (t target) leave(ctx context.Context, v targetValue) error {
	before := fsm.Round(ctx)
	stay, err := t.staying(before, v)
	if err != nil {
		return err
	}
	out, err := t.leaving(before, v, stay)
	if err != nil {
		return err
	}
	return t.stopBut(ctx, before, out, stay)
}

// stopBut stops units with their members, whom it reads under the context look.
// One with a member that stays is stopped alone: PartOf= would take that along.
func (t target) stopBut(ctx, look context.Context, units, stay []string) error {
	for _, unit := range units {
		members, err := t.members(look, unit)
		if err != nil {
			return err
		}
		stop := t.jobs.stop
		if slices.ContainsFunc(members, func(m string) bool { return slices.Contains(stay, m) }) {
			stop = t.jobs.stopAlone
		}
		if err := stop(ctx, unit, t.jobs.timing.UnitStop); err != nil {
			return err
		}
	}
	return nil
}
