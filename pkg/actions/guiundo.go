package actions

import (
	"context"
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// Undo brings units and gates back to what they were.
func (g gui) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	var snapshot guiSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return err
	}
	if snapshot.State == "off" {
		return g.undoOff(ctx, snapshot)
	}
	return g.undoOn(ctx, snapshot)
}

// undoOff opens the gates that were open and starts what was up. It stops
// nothing; sessions that were ended stay lost.
func (g gui) undoOff(ctx context.Context, was guiSnapshot) error {
	for _, unit := range was.Units {
		if !unit.Shut {
			if err := g.gates.move(ctx, unit.Name, false); err != nil {
				return err
			}
		}
	}
	var names []string
	for _, unit := range was.Units {
		if unit.Active {
			names = append(names, unit.Name)
		}
	}
	return g.startAll(ctx, names)
}

// undoOn stops the units that it started, unless somebody has logged in by now:
// then it touches nothing and returns ErrForeignSession.
func (g gui) undoOn(ctx context.Context, was guiSnapshot) error {
	var started []string
	for _, unit := range was.Units {
		now, err := g.look(ctx, unit.Name)
		if err != nil {
			return err
		}
		if now.Active && !unit.Active {
			started = append(started, unit.Name)
		}
	}
	ours, err := g.ownSessions(ctx, was, started)
	if err != nil {
		return err
	}
	if len(started) > 0 {
		if err := g.nobodyElse(ctx, slices.Concat(was.Sessions, ours)); err != nil {
			return err
		}
	}
	for _, unit := range was.Units {
		if unit.Shut {
			if err := g.gates.move(ctx, unit.Name, true); err != nil {
				return err
			}
		}
	}
	if err := g.stopAll(ctx, started); err != nil {
		return err
	}
	return g.end(ctx, ours)
}

// ownSessions are new sessions that nobody logged in to: the login screen, and
// one whose first process is that of a unit that we started. Starting a unit
// that is itself somebody's desktop was the step, and undoing the step ends it.
func (g gui) ownSessions(ctx context.Context, was guiSnapshot, started []string) ([]fsm.Session, error) {
	now, err := g.graphical(ctx)
	if err != nil || len(started) == 0 {
		return nil, err
	}
	var ours []fsm.Session
	for _, s := range now {
		if slices.ContainsFunc(was.Sessions, same(s)) {
			continue
		}
		own, err := g.isOwn(ctx, s, started)
		if err != nil {
			return nil, err
		}
		if own || isGreeter(s) {
			ours = append(ours, s)
		}
	}
	return ours, nil
}

func (g gui) isOwn(ctx context.Context, s fsm.Session, started []string) (bool, error) {
	leaders, ok := g.Logind.(Leaders)
	if !ok {
		return false, nil
	}
	leader, err := leaders.Leader(ctx, s.ID)
	if err != nil {
		return false, fmt.Errorf("cannot see who began session %s: %w", s.ID, err)
	}
	for _, name := range started {
		state, err := g.Hands.Units.State(ctx, name)
		if err != nil {
			return false, fmt.Errorf("cannot look at %s: %w", name, err)
		}
		if leader != 0 && state.MainPID == leader {
			return true, nil
		}
	}
	return false, nil
}
