package e2e_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

func TestBadInputIsAnsweredWithATypedErrorAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := open(t)
	conn, err := dbus.Connect(p.Bus)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p.calm()
	before := p.simulate("state")
	history := p.modectl(0, "history", "--json")
	for name, c := range map[string]struct {
		method string
		args   []any
		want   string
	}{
		"an unknown mode":             {"SwitchMode", []any{"holiday", uint32(0), uint32(0), ""}, manager1.ErrUnknownMode},
		"a mode that cannot be asked": {"SwitchMode", []any{"transitioning", uint32(0), uint32(0), ""}, manager1.ErrUnknownMode},
		"a mode of a megabyte":        {"SwitchMode", []any{strings.Repeat("a", 1<<17), uint32(0), uint32(0), ""}, ""},
		"a reason of 129 runes":       {"SwitchMode", []any{"studio", uint32(0), uint32(0), strings.Repeat("ä", 129)}, manager1.ErrInvalidArgument},
		"a newline in the reason":     {"SwitchMode", []any{"studio", uint32(0), uint32(0), "a\nb"}, manager1.ErrInvalidArgument},
		"an escape in the reason":     {"SwitchMode", []any{"studio", uint32(0), uint32(0), "\x1b[31mred"}, manager1.ErrInvalidArgument},
		"text that turns around":      {"SwitchMode", []any{"studio", uint32(0), uint32(0), "a\u202eb"}, manager1.ErrInvalidArgument},
		"an unknown flag":             {"SwitchMode", []any{"studio", uint32(8), uint32(0), ""}, manager1.ErrInvalidArgument},
		"a confirmation after years":  {"SwitchMode", []any{"studio", uint32(0), uint32(86401), ""}, manager1.ErrInvalidArgument},
		"a wrong type":                {"SwitchMode", []any{"studio", "now", uint32(0), ""}, "org.freedesktop.DBus.Error.InvalidArgs"},
		"too few arguments":           {"SwitchMode", []any{"studio"}, "org.freedesktop.DBus.Error.InvalidArgs"},
		"a plan with a wrong flag":    {"Plan", []any{"studio", uint32(1 << 31)}, manager1.ErrInvalidArgument},
		"nothing to cancel":           {"Cancel", []any{uint32(4711)}, manager1.ErrNotFound},
		"nothing to confirm":          {"Confirm", []any{uint32(4711)}, manager1.ErrNotFound},
		"nothing to recover":          {"Recover", []any{uint32(0)}, manager1.ErrNotFound},
		"an unknown way to recover":   {"Recover", []any{uint32(9)}, manager1.ErrInvalidArgument},
		"an unknown transition":       {"GetTransition", []any{uint32(4711)}, manager1.ErrNotFound},
		"no way by law":               {"CanSwitch", []any{"holiday"}, manager1.ErrUnknownMode},
	} {
		t.Run(name, func(t *testing.T) {
			err := conn.Object(manager1.BusName, manager1.Path).CallWithContext(t.Context(), manager1.Interface+"."+c.method, 0, c.args...).Err
			var remote dbus.Error
			if !errors.As(err, &remote) || c.want != "" && remote.Name != c.want {
				t.Errorf("got %v (%T), want %s", err, err, c.want)
			}
		})
	}
	if after := p.simulate("state"); after != before {
		t.Error("the machine changed")
	}
	if after := p.modectl(0, "history", "--json"); after != history {
		t.Errorf("the history changed:\n%s", after)
	}
	if now, err := p.client.Properties(t.Context()); err != nil || now.Mode != "desktop" || now.Transition.Open() {
		t.Errorf("got %+v, %v", now, err)
	}
}
