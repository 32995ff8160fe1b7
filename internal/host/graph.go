package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/actions"
)

var _ actions.Graph = (*Manager)(nil)

// The job modes of systemd1.Manager.StartUnit and StopUnit, see
// org.freedesktop.systemd1(5). "ignore-requirements" heeds the order of jobs and
// makes none for units that the stopped one would take along.
const (
	jobReplace = "replace"
	jobIsolate = "isolate"
	jobAlone   = "ignore-requirements"
)

// Awake lists the units that are up, on their way, or have a job, but for
// devices.
func (m *Manager) Awake(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var names []string
	err := m.with(ctx, func(l *link) error {
		units, err := l.api.ListUnitsContext(ctx)
		names = nil
		for _, u := range units {
			resting := u.ActiveState == "inactive" || u.ActiveState == "failed"
			if !strings.HasSuffix(u.Name, ".device") && (!resting || u.JobId != 0) {
				names = append(names, u.Name)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list units: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// Links reads the unit's dependencies. Units that do not exist have none.
func (m *Manager) Links(ctx context.Context, unit string) (actions.Links, error) {
	props, err := m.all(ctx, unitPath(unit), unitIface)
	if errors.Is(err, actions.ErrNoUnit) {
		return actions.Links{ID: unit}, nil
	}
	if err != nil {
		return actions.Links{}, fmt.Errorf("cannot read dependencies of %s: %w", unit, err)
	}
	return actions.Links{
		ID: field[string](props, "Id"), Loaded: field[string](props, "LoadState") == "loaded",
		AllowIsolate: field[bool](props, "AllowIsolate"), IgnoreOnIsolate: field[bool](props, "IgnoreOnIsolate"),
		Lost:        field[bool](props, "Transient") || field[bool](props, "RefuseManualStart") || !field[bool](props, "CanStart"),
		Needs:       names(props, "Requires", "Requisite", "BindsTo"),
		Pulls:       names(props, "Wants", "Upholds"),
		Fights:      names(props, "Conflicts", "ConflictedBy"),
		Drags:       names(props, "RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"),
		TriggeredBy: names(props, "TriggeredBy"),
		Triggers:    names(props, "Triggers"),
	}, nil
}

// names joins lists of units.
func names(b bag, properties ...string) []string {
	var out []string
	for _, p := range properties {
		out = append(out, field[[]string](b, p)...)
	}
	return out
}

// Isolate starts the unit and stops all that it does not want.
func (m *Manager) Isolate(ctx context.Context, unit string) (result string, err error) {
	return m.job(ctx, unit, start.as("isolate", jobIsolate))
}

// StopAlone stops the unit and none that is part of it or requires it.
func (m *Manager) StopAlone(ctx context.Context, unit string) (result string, err error) {
	return m.job(ctx, unit, stop.as("stop", jobAlone))
}
