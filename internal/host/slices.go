package host

import (
	"context"
	"fmt"
	"math"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/pkg/actions"
)

var _ actions.Slices = (*Manager)(nil)

// Limits reads those of a slice or a service. PID 1 answers for any name; a unit
// that is nothing but a name is ErrNoUnit.
func (m *Manager) Limits(ctx context.Context, slice string) (actions.Limits, error) {
	iface := "org.freedesktop.systemd1.Slice"
	if strings.HasSuffix(slice, ".service") {
		iface = "org.freedesktop.systemd1.Service"
	}
	props, err := m.some(ctx, unitPath(slice), iface,
		"CPUWeight", "IOWeight", "MemoryHigh", "CPUQuotaPerSecUSec", "AllowedCPUs", "TasksCurrent")
	if err != nil {
		return actions.Limits{}, fmt.Errorf("cannot read limits of %s: %w", slice, err)
	}
	// To list the processes of a large slice takes PID 1 long; it may not count them.
	if tasks := field[uint64](props, "TasksCurrent"); tasks == 0 || tasks == math.MaxUint64 {
		if err := m.inhabited(ctx, slice); err != nil {
			return actions.Limits{}, err
		}
	}
	number := func(name string) *uint64 {
		n := field[uint64](props, name)
		return &n
	}
	cpus := actions.CPUsOf(field[[]byte](props, "AllowedCPUs")).String()
	return actions.Limits{CPUWeight: number("CPUWeight"), IOWeight: number("IOWeight"), MemoryHigh: number("MemoryHigh"),
		CPUQuota: number("CPUQuotaPerSecUSec"), AllowedCPUs: &cpus}, nil
}

// inhabited tells whether the slice has a fragment or processes.
func (m *Manager) inhabited(ctx context.Context, slice string) error {
	props, err := m.some(ctx, unitPath(slice), unitIface, "LoadState", "FragmentPath")
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", slice, err)
	}
	if field[string](props, "LoadState") == "loaded" && field[string](props, "FragmentPath") != "" {
		return nil
	}
	count, err := m.processes(ctx, slice)
	if err == nil && count == 0 {
		err = fmt.Errorf("cannot limit %s: %w", slice, actions.ErrNoUnit)
	}
	return err
}

// SetLimits sets the limits that are given, until the next boot. Numbers must
// be D-Bus t and CPUs a bitmap, or PID 1 refuses them.
func (m *Manager) SetLimits(ctx context.Context, slice string, l actions.Limits) error {
	var props []systemd.Property
	set := func(name string, v any) {
		props = append(props, systemd.Property{Name: name, Value: dbus.MakeVariant(v)})
	}
	number := func(name string, v *uint64) {
		if v != nil {
			set(name, *v)
		}
	}
	number("CPUWeight", l.CPUWeight)
	number("IOWeight", l.IOWeight)
	number("MemoryHigh", l.MemoryHigh)
	number("CPUQuotaPerSecUSec", l.CPUQuota)
	if l.AllowedCPUs != nil {
		cpus, err := actions.ParseCPUs(*l.AllowedCPUs)
		if err != nil {
			return err
		}
		set("AllowedCPUs", cpus.Bitmap())
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	err := m.with(ctx, func(link *link) error { return link.api.SetUnitPropertiesContext(ctx, slice, true, props...) })
	if err != nil {
		return fmt.Errorf("cannot set limits of %s: %w", slice, err)
	}
	return nil
}
