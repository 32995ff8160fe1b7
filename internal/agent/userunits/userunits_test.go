package userunits_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/agent/userunits"
	"github.com/modectl/moded/internal/bustest"
)

const (
	systemd = "org.freedesktop.systemd1"
	path    = dbus.ObjectPath("/org/freedesktop/systemd1")
)

// manager is a small service manager on a bus.
type manager struct {
	conn *dbus.Conn

	mu         sync.Mutex
	active     map[string]string
	limits     map[string]uint64 // of a.slice
	result     string            // of jobs
	jobs       int
	subscribed bool
}

type row struct {
	Name, Description, Load, Active, Sub, Following string
	Path                                            dbus.ObjectPath
	JobID                                           uint32
	JobType                                         string
	JobPath                                         dbus.ObjectPath
}

func (m *manager) Subscribe() *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subscribed = true
	return nil
}

func (m *manager) ListUnitsByNames(names []string) ([]row, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make([]row, len(names))
	for i, name := range names {
		rows[i] = row{Name: name, Load: "not-found", Active: "inactive", Path: "/", JobPath: "/"}
		if a, ok := m.active[name]; ok {
			rows[i].Load, rows[i].Active = "loaded", a
		}
	}
	return rows, nil
}

func (m *manager) GetUnitFileState(name string) (string, *dbus.Error) {
	switch name {
	case "enabled.service":
		return "enabled", nil
	case "static.service":
		return "static", nil
	default:
		return "", dbus.NewError("org.freedesktop.DBus.Error.FileNotFound", nil)
	}
}

func (m *manager) StartUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job(name, "active")
}

func (m *manager) StopUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job(name, "inactive")
}

// job is over before its name is answered, unless the result is "never".
func (m *manager) job(name, to string) (dbus.ObjectPath, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.active[name]; !ok {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"no " + name})
	}
	m.jobs++
	job := path + "/job/" + dbus.ObjectPath(rune('0'+m.jobs))
	if m.result == "never" {
		return job, nil
	}
	if m.result == "done" {
		m.active[name] = to
	}
	_ = m.conn.Emit(path, systemd+".Manager.JobRemoved", uint32(1), path+"/job/other", "other", "failed")
	_ = m.conn.Emit(path, systemd+".Manager.JobRemoved", uint32(2), job, name, m.result)
	return job, nil
}

func (m *manager) changed(unit dbus.ObjectPath) {
	_ = m.conn.Emit(path+"/unit/"+unit, "org.freedesktop.DBus.Properties.PropertiesChanged", systemd+".Unit", map[string]dbus.Variant{}, []string{})
}

// serve starts a bus with a manager, and connects to it.
func serve(t *testing.T, watch ...string) (*manager, *userunits.Manager) {
	t.Helper()
	bus := bustest.Start(t, bustest.WithName(systemd))
	fake := &manager{conn: bus.Connect(t), active: map[string]string{"a.service": "active", "b.socket": "inactive"}, result: "done"}
	if err := fake.conn.Export(fake, path, systemd+".Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := fake.conn.RequestName(systemd, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	m, err := userunits.ConnectBus(t.Context(), bus.Address, watch...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return fake, m
}

func TestJobsAreAwaitedAndStatesRead(t *testing.T) {
	t.Parallel()
	_, m := serve(t)
	if err := m.Stop(t.Context(), "a.service"); err != nil {
		t.Error(err)
	}
	if err := m.Start(t.Context(), "b.socket"); err != nil {
		t.Error(err)
	}
	states, err := m.States(t.Context(), "a.service", "b.socket", "c.service")
	want := map[string]userunits.State{
		"a.service": {Load: "loaded", Active: "inactive"}, "b.socket": {Load: "loaded", Active: "active"}, "c.service": {Load: "not-found", Active: "inactive"},
	}
	for unit, s := range want {
		if states[unit] != s {
			t.Errorf("%s is %+v, want %+v (%v)", unit, states[unit], s, err)
		}
	}
	if states["c.service"].Exists() || !states["b.socket"].Running() || states["a.service"].Running() {
		t.Errorf("%+v", states)
	}
}

func TestJobsThatFailSaySo(t *testing.T) {
	t.Parallel()
	fake, m := serve(t)
	fake.result = "timeout"
	err := m.Stop(t.Context(), "a.service", "none.service")
	for _, want := range []string{"cannot stop a.service: the job's result is timeout", "cannot stop none.service"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAJobThatNeverEndsEndsWithTheContext(t *testing.T) {
	t.Parallel()
	fake, m := serve(t)
	fake.result = "never"
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := m.Start(ctx, "b.socket"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestOnlyWatchedUnitsWake(t *testing.T) {
	t.Parallel()
	fake, m := serve(t, "a.service")
	if fake.mu.Lock(); !fake.subscribed {
		t.Error("the manager was not asked to tell")
	}
	fake.mu.Unlock()
	fake.changed("b_2esocket")
	fake.changed("a_2eservice")
	select {
	case <-m.Changed():
	case <-time.After(2 * time.Minute):
		t.Fatal("not told")
	}
	select {
	case <-m.Changed():
		t.Error("told twice of one change")
	default:
	}
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	_, m := serve(t)
	for unit, want := range map[string]bool{"enabled.service": true, "static.service": false, "none.service": false} {
		if got, err := m.Enabled(t.Context(), unit); got != want || err != nil {
			t.Errorf("%s: %v, %v", unit, got, err)
		}
	}
}

func TestDoneWhenTheManagerIsGone(t *testing.T) {
	t.Parallel()
	_, m := serve(t)
	_ = m.Close()
	select {
	case <-m.Done():
	case <-time.After(2 * time.Minute):
		t.Error("not told")
	}
}

// slice is a.slice as the manager shows it.
type slice struct{ m *manager }

func (s slice) GetAll(iface string) (map[string]dbus.Variant, *dbus.Error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	props := map[string]dbus.Variant{"ControlGroup": dbus.MakeVariant("/x/a.slice"), "IOWeight": dbus.MakeVariant("?")}
	for name, v := range s.m.limits {
		props[name] = dbus.MakeVariant(v)
	}
	if iface != systemd+".Slice" {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", nil)
	}
	return props, nil
}

func (m *manager) ListUnitsByPatterns(states, patterns []string) ([]row, *dbus.Error) {
	if len(states) > 0 || len(patterns) != 1 || patterns[0] != "*.slice" {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", nil)
	}
	return []row{{Name: "b.slice", Path: "/", JobPath: "/"}, {Name: "a.slice", Path: "/", JobPath: "/"}}, nil
}

func (m *manager) SetUnitProperties(name string, runtime bool, list []struct {
	Name  string
	Value dbus.Variant
}) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name != "a.slice" || !runtime {
		return dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"no " + name})
	}
	for _, p := range list {
		v, ok := p.Value.Value().(uint64)
		if !ok {
			return dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", nil)
		}
		m.limits[p.Name] = v
	}
	return nil
}

func TestSlicesAreReadAndLimited(t *testing.T) {
	t.Parallel()
	fake, m := serve(t)
	fake.limits = map[string]uint64{"CPUWeight": 30}
	if err := fake.conn.Export(slice{fake}, path+"/unit/a_2eslice", "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	if names, err := m.Slices(t.Context()); err != nil || strings.Join(names, " ") != "a.slice b.slice" {
		t.Errorf("%v, %v", names, err)
	}
	if err := m.Limit(t.Context(), "a.slice", map[string]uint64{"CPUWeight": 20, "MemoryHigh": 1 << 30}); err != nil {
		t.Error(err)
	}
	want := userunits.Slice{CPUWeight: 20, IOWeight: userunits.Infinite, MemoryHigh: 1 << 30, Cgroup: "/x/a.slice"}
	if got, err := m.Slice(t.Context(), "a.slice"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if err := m.Limit(t.Context(), "b.slice", map[string]uint64{"CPUWeight": 20}); err == nil || !strings.Contains(err.Error(), "cannot limit b.slice of the user") {
		t.Errorf("%v", err)
	}
	if _, err := m.Slice(t.Context(), "b.slice"); err == nil {
		t.Error("a slice that is not there was read")
	}
}
