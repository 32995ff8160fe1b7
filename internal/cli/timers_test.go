package cli_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// What the example timers say to modectl, it takes; and how they tell a no from
// a failure is how it ends.
func TestTheTimersOfTheExamplesAreUnderstood(t *testing.T) {
	t.Parallel()
	no := with(func(d *manager1test.Daemon) {
		d.Plans["compute"] = refusedPlan()
		d.Errors = map[string]*manager1.Error{manager1.MethodSwitchMode: {Name: manager1.ErrRefused, Message: "refused by holds"}}
	})
	for _, c := range []struct{ name, mode string }{{"night", "compute"}, {"morning", "desktop"}} {
		raw, err := os.ReadFile("../../examples/timers/moded-" + c.name + ".service")
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(raw), "ExecStart=/usr/bin/modectl ")
		args, _, _ := strings.Cut(line, "\n")
		if got := strings.Fields(args); len(got) < 2 || got[1] != c.mode {
			t.Fatalf("%s says %q", c.name, args)
		}
		if r := play(t, scene{name: c.name, daemon: no, args: strings.Replace(args, c.mode, "compute", 1)}); r.code != 3 {
			t.Errorf("%s, refused: exit code %d\n%s", c.name, r.code, r.stderr)
		}
		d := machine()
		r := play(t, scene{name: c.name, daemon: func() *manager1test.Daemon { return d }, args: args + " --no-wait"})
		if r.code != 0 {
			t.Errorf("%s: exit code %d\n%s", c.name, r.code, r.stderr)
		}
		i := slices.IndexFunc(d.Calls(), func(c manager1test.Call) bool { return c.Method == manager1.MethodSwitchMode })
		if want := []any{c.mode, manager1.Automatic, uint32(0), c.name}; i < 0 || !reflect.DeepEqual(d.Calls()[i].Args, want) {
			t.Errorf("%s asked for %+v, want %v", c.name, d.Calls(), want)
		}
	}
}
