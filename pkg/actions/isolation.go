package actions

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Isolating a target is systemd's own job mode: what the target does not want
// stops, whoever started it. systemd's rules (src/core/transaction.c) are
// followed here to tell beforehand which units those are, and to refuse when
// one of them is needed to get back.

// isolation is one look at the units; what was read once is not read again.
type isolation struct {
	graph Graph
	known map[string]Links // by any name that was asked
	awake map[string]bool  // by primary name
	// kept is what has a job in the target's transaction, firm what the target
	// cannot do without.
	kept, firm map[string]bool
}

// forecast is what an isolation would do: the units that it stops, and those
// that it starts or keeps.
type forecast struct{ doomed, kept []string }

// foresee tells what isolating the target would do, as the machine is now but
// for the units that are gone by then.
func (t target) foresee(ctx context.Context, unit string, gone ...string) (f forecast, err error) {
	graph, err := t.graph()
	if err != nil {
		return f, err
	}
	awake, err := graph.Awake(ctx)
	if err != nil {
		return f, fmt.Errorf("cannot list the units that are up: %w", err)
	}
	awake = slices.DeleteFunc(awake, func(name string) bool { return slices.Contains(gone, name) })
	i := isolation{graph: graph, known: map[string]Links{}, awake: map[string]bool{}, kept: map[string]bool{}, firm: map[string]bool{}}
	for _, name := range awake {
		i.awake[name] = true
	}
	f.doomed, err = i.doomed(ctx, unit, awake)
	f.kept = sortedKeys(i.kept)
	return f, err
}

func (i *isolation) doomed(ctx context.Context, unit string, awake []string) ([]string, error) {
	if err := i.walk(ctx, unit, i.firm, func(l Links) []string { return l.Needs }); err != nil {
		return nil, err
	}
	if err := i.walk(ctx, unit, i.kept, func(l Links) []string { return slices.Concat(l.Needs, l.Pulls) }); err != nil {
		return nil, err
	}
	var stops []string
	for _, name := range sortedKeys(i.kept) {
		stops = append(stops, i.known[name].Fights...)
	}
	for _, name := range awake {
		stop, err := i.stops(ctx, name)
		if err != nil {
			return nil, err
		}
		if stop {
			stops = append(stops, name)
		}
	}
	return i.dragged(ctx, stops)
}

// walk marks the unit and what starts with it, along some of its dependencies.
func (i *isolation) walk(ctx context.Context, unit string, marked map[string]bool, along func(Links) []string) error {
	for queue := []string{unit}; len(queue) > 0; queue = queue[1:] {
		l, err := i.links(ctx, queue[0])
		if err != nil {
			return err
		}
		if l.Loaded && !marked[l.ID] {
			marked[l.ID] = true
			queue = append(queue, along(l)...)
		}
	}
	return nil
}

// stops tells whether the rule takes the unit: it is up, does not opt out, has
// no job of the target's, and is not started by something that stays.
func (i *isolation) stops(ctx context.Context, name string) (bool, error) {
	l, err := i.links(ctx, name)
	if err != nil || !i.exposed(l) {
		return false, err
	}
	for _, trigger := range l.TriggeredBy {
		by, err := i.links(ctx, trigger)
		if err != nil || !i.exposed(by) {
			return false, err
		}
	}
	return true, nil
}

func (i *isolation) exposed(l Links) bool {
	return i.awake[l.ID] && !l.IgnoreOnIsolate && !i.kept[l.ID]
}

// dragged adds what stops along: a unit that requires one that stops does so
// whatever it says about isolation, and even when the target merely wants it.
// What the target cannot do without must not: systemd refuses that too.
func (i *isolation) dragged(ctx context.Context, stops []string) ([]string, error) {
	out := map[string]bool{}
	for queue := stops; len(queue) > 0; queue = queue[1:] {
		l, err := i.links(ctx, queue[0])
		if err != nil {
			return nil, err
		}
		if !i.awake[l.ID] || out[l.ID] {
			continue
		}
		if i.firm[l.ID] {
			return nil, fmt.Errorf("the target contradicts itself: it requires %s, which stops with what it does not want", l.ID)
		}
		out[l.ID] = true
		queue = append(queue, l.Drags...)
	}
	return sortedKeys(out), nil
}

func (i *isolation) links(ctx context.Context, name string) (Links, error) {
	if l, ok := i.known[name]; ok {
		return l, nil
	}
	l, err := i.graph.Links(ctx, name)
	if err != nil {
		return l, fmt.Errorf("cannot see what hangs on %s: %w", name, err)
	}
	i.known[name], i.known[l.ID] = l, l
	return l, nil
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
