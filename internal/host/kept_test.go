package host_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
)

func TestUnitsAreKeptAsLongAsTheyAreWanted(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t, bustest.WithName("org.freedesktop.systemd1"))
	var mu sync.Mutex
	var asked []string
	note := func(call string) func(string) *dbus.Error {
		return func(unit string) *dbus.Error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, call+" "+unit)
			if unit == "no such name" {
				return dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", nil)
			}
			return nil
		}
	}
	server := bus.Connect(t)
	err := server.ExportMethodTable(map[string]any{"RefUnit": note("ref"), "UnrefUnit": note("unref")},
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	k := host.NewKept(bus.Connect(t))
	for _, step := range []struct{ units, want []string }{
		{[]string{"a.service", "b.target", "no such name"}, []string{"ref a.service", "ref b.target", "ref no such name"}},
		{[]string{"a.service", "b.target"}, nil},
		{[]string{"b.target", "c.service"}, []string{"unref a.service", "ref c.service"}},
		{nil, []string{"unref b.target", "unref c.service"}},
	} {
		asked = nil
		k.Keep(t.Context(), step.units)
		if !slices.Equal(asked, step.want) {
			t.Errorf("to keep %v PID 1 was asked %v, want %v", step.units, asked, step.want)
		}
	}
}

func TestWithoutABusNothingIsKept(t *testing.T) {
	t.Parallel()
	conn := bustest.Start(t).Connect(t)
	_ = conn.Close()
	host.NewKept(conn).Keep(t.Context(), []string{"a.service"})
}
