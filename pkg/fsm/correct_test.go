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

func TestRecheckTellsWhatDiffersAndForgetsWhatWasMended(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Set("units/b", "by hand")
		found := e.Recheck(t.Context())
		if len(found) != 1 || found[0].ID() != "units/b" || len(w.Steps()) != 0 {
			t.Errorf("found %+v", found)
		}
		if got := strings.Join(e.State().Degraded, "; "); !strings.HasPrefix(got, "units/b differs from desktop") {
			t.Errorf("degraded: %s", got)
		}
		w.Set("units/b", "1")
		if found := e.Recheck(t.Context()); len(found) != 0 || len(e.State().Degraded) != 0 {
			t.Errorf("still %+v, degraded %v", found, e.State().Degraded)
		}
	})
}

func TestRecheckTellsNothingOnTheWay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Hangs["units/a:do"] = true
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if found := e.Recheck(t.Context()); found != nil || len(e.State().Degraded) != 0 {
			t.Errorf("found %+v", found)
		}
		if _, err := e.Correct(t.Context(), "drift"); !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("correct: %v", err)
		}
		if err := e.Cancel(t.Context(), id, 0); err != nil {
			t.Error(err)
		}
		settle(e)
	})
}

func TestACorrectionIsATransitionToWhereOneIs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.SetHolds(fsm.Hold{Scope: fsm.HoldAll, Who: "take", UID: 1000})
		if id, err := e.Correct(t.Context(), "nothing is wrong"); id != 0 || err != nil {
			t.Errorf("with nothing to do: %d, %v", id, err)
		}
		w.Set("units/b", "by hand")
		e.Recheck(t.Context())
		id, err := e.Correct(t.Context(), "units/b was moved")
		if err != nil || id == 0 {
			t.Fatalf("%d, %v", id, err)
		}
		settle(e)
		s, last := e.State(), w.Log()[0]
		if w.Get("units/b") != "1" || s.Mode != "desktop" || len(s.Degraded) != 0 {
			t.Errorf("units/b is %s, mode %s, degraded %v", w.Get("units/b"), s.Mode, s.Degraded)
		}
		if last.ID != id || last.Outcome != fsm.Settled || last.From != "desktop" || last.To != "desktop" ||
			last.Event != "correct_drift" || last.Trigger != "drift" || last.Reason != "units/b was moved" {
			t.Errorf("history: %+v", last)
		}
		w.SetHolds()
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Errorf("the law is lost: %v", err)
		}
		settle(e)
	})
}

func TestACorrectionThatFailsIsUndoneAndTheDriftStaysTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Set("units/b", "by hand")
		w.Break("units/b", "do")
		if _, err := e.Correct(t.Context(), "drift"); err != nil {
			t.Fatal(err)
		}
		settle(e)
		synctest.Wait()
		if last := w.Log()[0]; last.Outcome != fsm.RolledBack || w.Get("units/b") != "by hand" {
			t.Errorf("%s, units/b is %s", last.Outcome, w.Get("units/b"))
		}
		if got := strings.Join(e.State().Degraded, "; "); !strings.Contains(got, "units/b differs from desktop") {
			t.Errorf("degraded: %s", got)
		}
	})
}

func TestACorrectionEndsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("compute")
		e := start(t, w)
		defer stop(t, e)
		w.Steps()
		w.Set("gui", "on")
		w.SetPeople(dev)
		w.Set("units/c", "by hand")
		if _, err := e.Correct(t.Context(), "drift"); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if got := strings.Join(w.Steps(), " "); strings.Contains(got, "gui") || len(w.People) != 1 {
			t.Errorf("did %s, people %v", got, w.People)
		}
		if last := w.Log()[0]; last.Outcome != fsm.Settled || w.Get("units/c") != "3" {
			t.Errorf("%s: %s; units/c is %s", last.Outcome, last.Message, w.Get("units/c"))
		}
		w.SetPeople(fsm.Session{ID: "c1", UID: 120, User: "gdm", Class: "greeter"})
		w.Set("units/c", "3")
		if id, err := e.Correct(t.Context(), "drift"); id == 0 || err != nil {
			t.Fatalf("%d, %v", id, err)
		}
		settle(e)
		if w.Get("gui") != "off" {
			t.Error("a login screen was left in a mode without a GUI")
		}
	})
}

func TestACorrectionLeavesWhatIsSpared(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Set("units/a", "by hand")
		w.Set("units/b", "by hand")
		w.Absent["units/a"] = true // and not even asked about
		if id, err := e.Correct(t.Context(), "drift", "units/a"); id == 0 || err != nil {
			t.Fatalf("%d, %v", id, err)
		}
		settle(e)
		if last := w.Log()[0]; last.Outcome != fsm.Settled || w.Get("units/a") != "by hand" || w.Get("units/b") != "1" {
			t.Errorf("%s: %s; units are %s and %s", last.Outcome, last.Message, w.Get("units/a"), w.Get("units/b"))
		}
	})
}

func TestACorrectionWaitsForTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		cfg := w.Config(withAI(t))
		cfg.Actions["vllm"] = eager{cfg.Actions["vllm"], func(_ ctx, verb, _ string) {
			if verb == "do" {
				time.Sleep(time.Minute)
			}
		}}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		if found := e.Recheck(t.Context()); found != nil || len(e.State().Degraded) != 0 {
			t.Errorf("what still starts is told as drift: %v", e.State().Degraded)
		}
		if _, err := e.Correct(t.Context(), "drift"); !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("correct: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if id, err := e.Correct(t.Context(), "drift"); id != 0 || err != nil || w.Get("vllm/main") != "gpu1" {
			t.Errorf("%d, %v, AI on %s", id, err, w.Get("vllm/main"))
		}
	})
}

func TestALateFailureIsToldUntilItIsMended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		e := startWith(t, w, w.Config(withAI(t)))
		defer stop(t, e)
		w.Break("vllm/main", "do")
		goes(t, e, fsm.Request{Mode: "desktop"})
		synctest.Wait()
		if got := e.State().Degraded; len(got) != 1 || !strings.HasPrefix(got[0], "cannot ") {
			t.Errorf("degraded: %q", got)
		}
		w.Mend()
		w.Set("vllm/main", "gpu1")
		e.Recheck(t.Context())
		if got := e.State().Degraded; len(got) != 0 {
			t.Errorf("still degraded: %q", got)
		}
	})
}

func TestAWithdrawnRequestSaysWhy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Trigger: "idle"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := e.Withdraw(id, "dev is back"); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if last := w.Log()[0]; last.Outcome != fsm.Cancelled || !strings.Contains(last.Message, "cancelled: dev is back") {
			t.Errorf("%s: %s", last.Outcome, last.Message)
		}
	})
}

func TestACrashInACorrectionLeavesTheModeAsItWas(t *testing.T) {
	t.Parallel()
	points := 0
	for n := 1; crashedCorrection(t, n); n++ {
		points++
	}
	if points < 5 {
		t.Errorf("only %d crash points", points)
	}
}

// crashedCorrection kills at tick n, and returns false when there is none.
func crashedCorrection(t *testing.T, n int) (died bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.Set("units/b", "by hand")
		w.DieAt(n)
		if _, err := e.Correct(t.Context(), "drift"); err == nil {
			settle(e)
		}
		died = w.Dead()
		stop(t, e)
		w.Revive()
		e = start(t, w)
		defer stop(t, e)
		settle(e)
		if got := w.Get("units/b"); w.Disk().Open != nil || e.State().Mode != "desktop" || got != "by hand" && got != "1" {
			t.Errorf("killed at %d: mode %s, units/b is %s, open %+v", n, e.State().Mode, got, w.Disk().Open)
		}
	})
	return died
}
