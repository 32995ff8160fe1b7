package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// graph is how the units hang together, an error where nobody can tell.
func (t target) graph() (Graph, error) {
	if g, ok := t.units.(Graph); ok {
		return g, nil
	}
	return nil, errors.New("isolate = true does not work here: nobody can tell what would stop")
}

// mayIsolate says why isolating must not be tried when it would stop Doomed and
// bring back Revived.
func (t target) mayIsolate(ctx context.Context, v targetValue) error {
	graph, err := t.graph()
	if err != nil {
		return err
	}
	l, err := graph.Links(ctx, v.Target)
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", v.Target, err)
	}
	if !l.AllowIsolate {
		return fmt.Errorf("%s may not be isolated: add AllowIsolate=yes and Requires=multi-user.target to its [Unit] section, or take isolate = true away", v.Target)
	}
	if lost := vitals(v.Doomed); len(lost) > 0 {
		return fmt.Errorf("isolating %s would stop %s: add what it needs to the target by Wants=, or IgnoreOnIsolate=yes to those units",
			v.Target, listed(lost))
	}
	keep, err := t.primary(ctx, v.Keep)
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(v.Doomed), func(unit string) bool { return !slices.Contains(keep, unit) })
	if len(wanted) > 0 {
		return fmt.Errorf("isolating %s would stop %s, which the mode keeps: add Wants=%s to the target",
			v.Target, listed(wanted), strings.Join(wanted, " "))
	}
	if len(v.Revived) > 0 {
		return fmt.Errorf("isolating %s would start %s, which the mode has down: disable what the target pulls in, or state them \"any\"",
			v.Target, listed(v.Revived))
	}
	return nil
}

// isolate starts the target and waits until all that it does not want is down.
func (t target) isolate(ctx context.Context, v targetValue) error {
	if err := t.bindIsolation(ctx, &v); err != nil {
		return err
	}
	if err := t.mayIsolate(ctx, v); err != nil {
		return err
	}
	graph, err := t.graph()
	if err != nil {
		return err
	}
	fsm.Report(ctx, "isolating "+v.Target)
	result, err := t.jobs.within(ctx, t.jobs.timing.UnitStart, func(ctx context.Context) (string, error) { return graph.Isolate(ctx, v.Target) })
	if err != nil {
		return fmt.Errorf("cannot isolate %s: %w", v.Target, err)
	}
	s, err := t.jobs.state(ctx, v.Target)
	if err != nil {
		return err
	}
	if !s.up() {
		return fmt.Errorf("cannot isolate %s: job result %s, it is %s", v.Target, result, s.describe())
	}
	return t.awaitDown(ctx, v.Doomed)
}

// awaitDown waits for units whose stop nobody else waits for. One that is up
// and has no job is one that somebody needed again, or that systemd kept: what a
// doomed socket starts stops or stays as chance has it.
func (t target) awaitDown(ctx context.Context, names []string) error {
	var left []string
	ok, err := until(ctx, t.jobs.timing.UnitStop, t.jobs.timing.Poll, func() (bool, error) {
		left = nil
		for _, unit := range names {
			s, err := t.jobs.state(ctx, unit)
			if err != nil {
				return false, err
			}
			if s.Active == "deactivating" || s.Pending && !s.down() {
				left = append(left, unit)
			}
		}
		if len(left) > 0 {
			fsm.Report(ctx, "waiting until these are down: "+listed(left))
		}
		return len(left) == 0, nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("still up %s after the isolation: %s", t.jobs.timing.UnitStop, listed(left))
	}
	return err
}

// bringBack starts what an isolation has stopped. A socket cannot be started
// while its service runs, so that is stopped before.
func (t target) bringBack(ctx context.Context, names []string) error {
	for _, unit := range names {
		s, err := t.jobs.state(ctx, unit)
		if err != nil {
			return err
		}
		if s.down() && strings.HasSuffix(unit, ".socket") {
			if err := t.stopTriggered(ctx, unit, names); err != nil {
				return err
			}
		}
		if err := t.jobs.start(ctx, unit, t.jobs.timing.UnitStart); err != nil {
			return err
		}
	}
	return nil
}

func (t target) stopTriggered(ctx context.Context, socket string, names []string) error {
	graph, err := t.graph()
	if err != nil {
		return err
	}
	l, err := graph.Links(ctx, socket)
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", socket, err)
	}
	for _, unit := range l.Triggers {
		if !slices.Contains(names, unit) {
			continue
		}
		if err := t.jobs.stop(ctx, unit, t.jobs.timing.UnitStop); err != nil {
			return err
		}
	}
	return nil
}

// bindIsolation finds what the isolation would do when the other targets have
// been left and other knobs have stopped theirs.
func (t target) bindIsolation(ctx context.Context, v *targetValue) error {
	if s, err := t.jobs.state(ctx, v.Target); err != nil || !s.exists() {
		return err // Settled says that it is missing
	}
	gone, err := t.primary(ctx, v.Gone)
	if err != nil {
		return err
	}
	f, err := t.foresee(ctx, v.Target, append(slices.Clone(gone), v.Stop...)...)
	if err != nil {
		return err
	}
	v.Doomed, v.Revived = f.doomed, nil
	for _, unit := range gone {
		s, err := t.jobs.state(ctx, unit)
		if err != nil {
			return err
		}
		if s.exists() && !s.Gated && slices.Contains(f.kept, unit) { // a gate holds
			v.Revived = append(v.Revived, unit)
		}
	}
	return nil
}

// atRisk lists what isolating the target would stop, as far as it can be
// started again.
func (t target) atRisk(ctx context.Context, unit string) ([]string, error) {
	f, err := t.foresee(ctx, unit)
	if err != nil {
		return nil, err
	}
	return t.startable(ctx, f.doomed)
}

// primary gives units the names that a look at the machine has for them.
func (t target) primary(ctx context.Context, names []string) ([]string, error) {
	var ids []string
	for _, name := range names {
		s, err := t.jobs.state(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, s.ID)
	}
	return ids, nil
}

// startable lists those that Undo can bring back, in that order: a socket
// cannot be started once its service runs.
func (t target) startable(ctx context.Context, names []string) ([]string, error) {
	graph, err := t.graph()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		l, err := graph.Links(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("cannot look at %s: %w", name, err)
		}
		if l.Loaded && !l.Lost {
			out = append(out, name)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Compare(strings.Count(b, ".socket"), strings.Count(a, ".socket"))
	})
	return out, nil
}
