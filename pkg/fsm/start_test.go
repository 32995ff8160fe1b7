package fsm_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

func TestBootKeepsWhatSucceededAndSettlesDegraded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fsmtest.NewWorld(map[string]string{})
		w.Rests["gui"] = "off"
		w.Break("units/b", "do")
		e := fsm.New(w.Config(toyCatalog(t)))
		boot, err := e.Start(t.Context(), true)
		if err != nil || !boot || e.State().Mode != fsm.Boot {
			t.Fatalf("start: %v, %v", boot, err)
		}
		defer stop(t, e)
		if err := e.Boot(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || len(s.Degraded) == 0 || w.Get("units/c") != "1" {
			t.Errorf("state %+v, world %v", s, w.Knobs)
		}
		if strings.Contains(strings.Join(w.Steps(), " "), "undo") {
			t.Error("boot undid something")
		}
	})
}

func TestAdoptTakesTheModeThatVerifies(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"desktop", "studio", "compute"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(mode)
				e := start(t, w)
				defer stop(t, e)
				if e.State().Mode != mode || len(w.Steps()) != 0 {
					t.Errorf("adopted %s", e.State().Mode)
				}
			})
		})
	}
}

func TestAMachineInNoModeStaysInBootAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.Set("units/a", "7")
		e := start(t, w)
		defer stop(t, e)
		if s := e.State(); s.Mode != fsm.Boot || !strings.Contains(strings.Join(s.Degraded, " "), "say modectl switch desktop") {
			t.Errorf("state %+v", s)
		}
		goes(t, e, fsm.Request{Mode: "desktop"})
		if e.State().Mode != "desktop" {
			t.Errorf("mode %s: %+v", e.State().Mode, e.State().Last)
		}
	})
}

func TestThreeCrashesInTheSameStepAreEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.DieAt(4)
		goes(t, e, fsm.Request{Mode: "studio"})
		for range 3 {
			w.Revive()
			cfg := w.Config(toyCatalog(t))
			w.DieAt(3) // let it count the crash, then die in the same undo
			e = startWith(t, w, cfg)
			settle(e)
		}
		w.Revive()
		e = start(t, w)
		defer stop(t, e)
		settle(e)
		if s := e.State(); !strings.Contains(strings.Join(s.Degraded, " "), "safe mode") {
			t.Fatalf("state %+v; disk %+v", s, w.Disk().Open)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrStuck) {
			t.Errorf("got %v", err)
		}
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || s.Open != nil || w.Get("units/a") != "1" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestAShutdownOfTheMachineUndoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.Hangs["units/b:do"] = true
		begins(t, e, fsm.Request{Mode: "studio"})
		synctest.Wait()
		w.SetStopping(true)
		stop(t, e)
		if strings.Contains(strings.Join(w.Steps(), " "), "undo") || w.Disk().Open == nil {
			t.Error("it was undone while the machine shut down")
		}
	})
}

func TestSIGTERMUndoesWhatIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.Hangs["units/b:do"] = true
		begins(t, e, fsm.Request{Mode: "studio"})
		synctest.Wait()
		stop(t, e)
		if w.Get("units/a") != "1" || w.Disk().Open != nil || w.Disk().Mode != "desktop" {
			t.Errorf("world %v, disk %+v", w.Knobs, w.Disk())
		}
	})
}

func TestAnUnconfirmedModeOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		goes(t, e, fsm.Request{Mode: "studio", ConfirmWithin: 2 * time.Minute})
		stop(t, e)
		w.Revive()
		e = start(t, w)
		defer stop(t, e)
		if s := e.State(); s.Open == nil || s.Open.Phase != fsm.AwaitingConfirm || w.Get("units/a") != "2" {
			t.Fatalf("state %+v", s)
		}
		time.Sleep(2 * time.Minute)
		settle(e)
		if e.State().Mode != "desktop" || w.Get("units/a") != "1" {
			t.Errorf("mode %s", e.State().Mode)
		}
	})
}
