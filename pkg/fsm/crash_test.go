package fsm_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

type ctx = context.Context

// TestACrashAnywhereEndsAllOldOrAllNew kills the process at every tick of a
// transition (each ledger write and each touch of the machine has one before
// and one after), and then the recovery at every tick of its own. However it
// falls, the machine must end all-old or all-new, agree with the recorded mode
// and leave no plan open.
func TestACrashAnywhereEndsAllOldOrAllNew(t *testing.T) {
	t.Parallel()
	points, pairs := 0, 0
	for _, c := range []struct{ from, to string }{{"desktop", "studio"}, {"desktop", "compute"}, {"compute", "desktop"}} {
		for _, fail := range []string{"", "units/a", "units/b", "units/c", "gui"} {
			for n := 1; ; n++ {
				if !crashCase(t, c.from, c.to, fail, n, 0) {
					break
				}
				points++
				for m := 1; crashCase(t, c.from, c.to, fail, n, m); m++ {
					pairs++
				}
			}
		}
	}
	t.Logf("%d crash points, %d crashes during the recovery", points, pairs)
	if points < 100 || pairs < 300 {
		t.Errorf("the matrix has shrunk: %d points, %d pairs", points, pairs)
	}
}

// crashCase kills at tick n and, when m is not 0, the recovery at tick m. It
// returns false when the process it was to kill ended before that tick.
func crashCase(t *testing.T, from, to, fail string, n, m int) (died bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(from)
		e := start(t, w)
		if fail != "" {
			w.Break(fail, "do")
		}
		w.DieAt(n)
		_, err := e.Switch(t.Context(), fsm.Request{Mode: to})
		if err == nil {
			settle(e)
		}
		died = w.Dead()
		stop(t, e)
		if died && m > 0 {
			w.Revive()
			cfg := w.Config(toyCatalog(t))
			w.DieAt(m)
			e = startWith(t, w, cfg)
			settle(e)
			died = w.Dead()
			stop(t, e)
		}
		if died {
			w.Revive()
			e = start(t, w)
			settle(e)
			stop(t, e)
		}
		check(t, w, fmt.Sprintf("%s to %s, failing %q, killed at %d, then at %d", from, to, fail, n, m))
	})
	return died
}

func check(t *testing.T, w *fsmtest.World, what string) {
	t.Helper()
	d := w.Disk()
	if d.Open != nil {
		t.Fatalf("%s: a plan is left open: %+v", what, d.Open)
	}
	if !maps.Equal(w.Knobs, knobsOf(d.Mode)) {
		t.Fatalf("%s: the ledger says %s, the machine is %v", what, d.Mode, w.Knobs)
	}
}
