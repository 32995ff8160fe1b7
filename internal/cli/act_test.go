package cli_test

import (
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// recovers is a stuck machine that goes on so.
func recovers(play acts) func() *manager1test.Daemon {
	return func() *manager1test.Daemon {
		d := open(manager1.PhaseStuck, nil)()
		d.Script = func(d *manager1test.Daemon, method string, _ uint32) {
			if method == manager1.MethodRecover {
				play(d)
			}
		}
		return d
	}
}

// confirmed is a machine that waits to be confirmed, and goes on so.
func confirmed(play acts) func() *manager1test.Daemon {
	return func() *manager1test.Daemon {
		d := open(manager1.PhaseAwaitingConfirm, nil)()
		d.Script = func(d *manager1test.Daemon, method string, _ uint32) {
			if method == manager1.MethodConfirm {
				d.Change(func(p *manager1.Properties) { p.Holds++ }) // it still waits then
				play(d)
			}
		}
		return d
	}
}

func TestActs(t *testing.T) {
	t.Parallel()
	fails := func(method, name, text string) func() *manager1test.Daemon {
		return with(func(d *manager1test.Daemon) {
			d.Errors = map[string]*manager1.Error{method: manager1.Errorf(name, "%s", text)}
		})
	}
	playAll(t, []scene{
		{name: "confirm", daemon: confirmed(func(d *manager1test.Daemon) { d.Finish(settledRecord(17, "compute")) }), args: "confirm"},
		{name: "confirm too late", daemon: confirmed(func(d *manager1test.Daemon) { d.Finish(rolledBack(17)) }), args: "confirm"},
		{name: "cancel", daemon: open("running", nil), args: "cancel"},
		{name: "cancel by number", daemon: machine, args: "cancel 17"},
		{name: "cancel nothing", daemon: machine, args: "cancel"},
		{name: "cancel what is over", daemon: fails("Cancel", manager1.ErrNotFound, "transition 3 is over"), args: "cancel 3"},
		{name: "reload", daemon: machine, args: "reload"},
		{name: "reload bad", daemon: fails("Reload", manager1.ErrInvalidArgument, "/etc/moded/moded.toml:3:1: unknown key \"x\"\n/etc/moded/moded.toml:9:1: \x1b[2Junknown mode"), args: "reload"},
		{name: "recover nothing", daemon: fails("Recover", manager1.ErrNotFound, "nothing is stuck"), args: "recover"},
		{name: "recover", daemon: recovers(func(d *manager1test.Daemon) { d.Finish(rolledBack(17)) }), args: "recover --fresh"},
		{name: "recover both", args: "recover --fresh --adopt"},
		{name: "hold", daemon: machine, args: "hold --why test -- false"},
		{name: "hold nothing", daemon: machine, args: "hold -- /nonexistent/command"},
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	story := func() *manager1test.Daemon {
		d := machine()
		d.Script = func(d *manager1test.Daemon, _ string, _ uint32) {
			begin(d)
			work(d, 1)
			d.Emit(manager1.SignalModeChanged, "desktop", "compute", uint32(17))
			d.Finish(settledRecord(17, "compute"))
			d.Vanish()
		}
		return d
	}
	ask := func(t *testing.T, address string) {
		c := manager1.New(manager1test.Connect(t, address))
		_, _ = c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	}
	playAll(t, []scene{
		{name: "watch", daemon: story, args: "watch", once: "mode desktop", after: ask, until: "not on the bus"},
		{name: "watch as JSON", daemon: story, args: "watch --json", once: "appeared", after: ask, until: "vanished"},
		{name: "watch nobody", args: "watch", until: "not on the bus"},
		{name: "watch for Waybar", daemon: story, args: "watch --waybar", once: "desktop", after: ask, until: "absent"},
		{name: "watch what is degraded for Waybar", daemon: degraded, args: "watch --waybar", until: "degraded"},
		{name: "watch in two ways", daemon: story, args: "watch --waybar --json"},
		{name: "watch too often", daemon: story, args: "watch --interval 10ms"},
	})
}
