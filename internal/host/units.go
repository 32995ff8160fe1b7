package host

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/pkg/actions"
)

var (
	_ actions.Units   = (*Manager)(nil)
	_ actions.Glancer = (*Manager)(nil)
)

// Glance reads the least of the unit, in one call: a unit that is at rest is
// not kept in memory, and PID 1 loads it for each question anew.
func (m *Manager) Glance(ctx context.Context, unit string) (actions.UnitState, error) {
	list, err := m.list(ctx, []string{unit})
	switch {
	case err != nil:
		return actions.UnitState{}, fmt.Errorf("cannot read state of %s: %w", unit, err)
	case len(list) != 1:
		return actions.UnitState{}, fmt.Errorf("cannot read state of %s: %w", unit, actions.ErrNoUnit)
	}
	return list[0], nil
}

// Glances is Glance at several units, in one call and in their order. Names that
// no unit can have make it an error.
func (m *Manager) Glances(ctx context.Context, units []string) ([]actions.UnitState, error) {
	list, err := m.list(ctx, units)
	if err == nil && len(list) != len(units) {
		err = actions.ErrNoUnit
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read states of %d units: %w", len(units), err)
	}
	return list, nil
}

// list reads the least of units; a name that no unit can have is left out.
func (m *Manager) list(ctx context.Context, units []string) ([]actions.UnitState, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var out []actions.UnitState
	err := m.with(ctx, func(l *link) error {
		list, err := l.api.ListUnitsByNamesContext(ctx, units)
		out = nil
		for _, s := range list {
			out = append(out, actions.UnitState{ID: s.Name, Load: s.LoadState, Active: s.ActiveState, Sub: s.SubState, Processes: -1})
		}
		return err
	})
	return out, err
}

// State reads the unit. One that does not exist is not-found, without an error.
func (m *Manager) State(ctx context.Context, unit string) (actions.UnitState, error) {
	path := unitPath(unit)
	props, err := m.all(ctx, path, unitIface)
	if errors.Is(err, actions.ErrNoUnit) {
		return actions.UnitState{ID: unit, Load: "not-found", Active: "inactive", Processes: -1}, nil
	}
	if err != nil {
		return actions.UnitState{}, fmt.Errorf("cannot read state of %s: %w", unit, err)
	}
	s := actions.UnitState{
		ID: field[string](props, "Id"), Load: field[string](props, "LoadState"),
		Active: field[string](props, "ActiveState"), Sub: field[string](props, "SubState"),
		ConditionResult: field[bool](props, "ConditionResult"),
		InvocationID:    hex.EncodeToString(field[[]byte](props, "InvocationID")),
		Processes:       -1,
	}
	s.Gated, s.Pending = gated(props, s.ID), pending(props)
	switch {
	case s.Load != "loaded":
	case strings.HasSuffix(s.ID, ".service"):
		err = m.service(ctx, path, &s)
	case strings.HasSuffix(s.ID, ".scope"), strings.HasSuffix(s.ID, ".slice"):
		s.Processes, err = m.processes(ctx, s.ID)
	}
	return s, err
}

// gateDir is where the drop-ins of gated units look; it does not move with the
// daemon's runtime directory.
const gateDir = "/run/moded/deny/"

// gated tells whether the unit's starts are held while its gate file is there.
func gated(props bag, id string) bool {
	var conditions []struct {
		Type            string
		Trigger, Negate bool
		Parameter       string
		State           int32
	}
	if props["Conditions"].Store(&conditions) != nil {
		return false
	}
	for _, c := range conditions {
		if c.Type == "ConditionPathExists" && c.Negate && !c.Trigger && c.Parameter == gateDir+id {
			return true
		}
	}
	return false
}

// pending tells whether the unit has a job: number 0 is none.
func pending(props bag) bool {
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	return props["Job"].Store(&job) == nil && job.ID != 0
}

func (m *Manager) service(ctx context.Context, path dbus.ObjectPath, s *actions.UnitState) error {
	props, err := m.some(ctx, path, serviceIface,
		"Type", "Result", "RemainAfterExit", "EnvironmentFiles", "MainPID")
	if err != nil {
		return fmt.Errorf("cannot read state of %s: %w", s.ID, err)
	}
	s.Type, s.Result = field[string](props, "Type"), field[string](props, "Result")
	s.RemainAfterExit, s.MainPID = field[bool](props, "RemainAfterExit"), field[uint32](props, "MainPID")
	var files []struct {
		Path   string
		Ignore bool
	}
	if err := props["EnvironmentFiles"].Store(&files); err != nil {
		return fmt.Errorf("cannot read environment files of %s: %w", s.ID, err)
	}
	for _, f := range files {
		if f.Ignore {
			f.Path = "-" + f.Path
		}
		s.EnvironmentFiles = append(s.EnvironmentFiles, f.Path)
	}
	return nil
}

// processes counts those in the unit's cgroup and below.
func (m *Manager) processes(ctx context.Context, unit string) (int, error) {
	list, err := m.unitProcesses(ctx, unit)
	if err != nil {
		return -1, err
	}
	return len(list), nil
}

// process is a line of GetUnitProcesses.
type process struct {
	CGroup string
	PID    uint32
	Line   string
}

// unitProcesses lists those in the unit's cgroup and below.
func (m *Manager) unitProcesses(ctx context.Context, unit string) ([]process, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var list []process
	err := m.with(ctx, func(l *link) error {
		list = nil
		return l.object(managerPath).CallWithContext(ctx, managerIface+".GetUnitProcesses", 0, unit).Store(&list)
	})
	if errors.Is(err, actions.ErrNoUnit) {
		return nil, nil // gone since we looked
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list processes of %s: %w", unit, err)
	}
	return list, nil
}

// Members lists what the unit pulls in and takes along when it stops.
func (m *Manager) Members(ctx context.Context, unit string) ([]string, error) {
	props, err := m.some(ctx, unitPath(unit), unitIface, "LoadState", "Wants", "Requires", "ConsistsOf")
	if err != nil {
		return nil, fmt.Errorf("cannot list members of %s: %w", unit, err)
	}
	if field[string](props, "LoadState") == "not-found" {
		return nil, fmt.Errorf("cannot list members of %s: %w", unit, actions.ErrNoUnit)
	}
	pulled := slices.Concat(field[[]string](props, "Wants"), field[[]string](props, "Requires"))
	members := slices.DeleteFunc(slices.Clone(field[[]string](props, "ConsistsOf")), func(name string) bool {
		return !slices.Contains(pulled, name)
	})
	slices.Sort(members)
	return members, nil
}

// ResetFailed lets a failed unit be inactive.
func (m *Manager) ResetFailed(ctx context.Context, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	err := m.with(ctx, func(l *link) error { return l.api.ResetFailedUnitContext(ctx, unit) })
	if err != nil {
		return fmt.Errorf("cannot reset %s: %w", unit, err)
	}
	return nil
}
