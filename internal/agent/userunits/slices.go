package userunits

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/godbus/dbus/v5"
)

// Infinite is how systemd says that a limit is not set.
const Infinite = ^uint64(0)

// Slice is a slice of the user's manager, with the limits that it was given;
// Infinite ones were not given.
type Slice struct {
	CPUWeight, IOWeight, MemoryHigh uint64
	// Cgroup is the slice's control group below the root of the hierarchy;
	// empty while nothing is in the slice.
	Cgroup string
}

// Slices names the slices that the manager has loaded, sorted.
func (m *Manager) Slices(ctx context.Context) ([]string, error) {
	rows, err := m.list(m.call(ctx, "ListUnitsByPatterns", []string{}, []string{"*.slice"}))
	if err != nil {
		return nil, fmt.Errorf("cannot list the user's slices: %w", err)
	}
	return slices.Sorted(maps.Keys(rows)), nil
}

// Slice reads one; the manager loads it if need be. One that no file describes
// and that nobody is in is a slice too, of nothing as yet.
func (m *Manager) Slice(ctx context.Context, name string) (Slice, error) {
	var props map[string]dbus.Variant
	err := m.conn.Object(busName, unitPath(name)).
		CallWithContext(ctx, properties+".GetAll", dbus.FlagNoAutoStart, busName+".Slice").Store(&props)
	if err != nil {
		return Slice{}, fmt.Errorf("cannot read %s of the user: %w", name, err)
	}
	s := Slice{CPUWeight: Infinite, IOWeight: Infinite, MemoryHigh: Infinite}
	for key, to := range map[string]*uint64{"CPUWeight": &s.CPUWeight, "IOWeight": &s.IOWeight, "MemoryHigh": &s.MemoryHigh} {
		if v, ok := props[key].Value().(uint64); ok {
			*to = v
		}
	}
	s.Cgroup, _ = props["ControlGroup"].Value().(string)
	return s, nil
}

// Limit sets limits of a slice by the names of systemd's properties, until the
// manager ends.
func (m *Manager) Limit(ctx context.Context, name string, limits map[string]uint64) error {
	type property struct {
		Name  string
		Value dbus.Variant
	}
	var list []property
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		list = append(list, property{key, dbus.MakeVariant(limits[key])})
	}
	if err := m.call(ctx, "SetUnitProperties", name, true, list).Err; err != nil {
		return fmt.Errorf("cannot limit %s of the user: %w", name, err)
	}
	return nil
}
