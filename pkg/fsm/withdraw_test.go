package fsm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

func TestWhatBeganByItselfIsWithdrawnBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.People = []fsm.Session{dev}
		e := start(t, w)
		defer stop(t, e)
		w.Steps()
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Trigger: "idle", Reason: "idle for 30m"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := e.Withdraw(id+1, "x"); !errors.Is(err, fsm.ErrNotFound) {
			t.Errorf("another id: %v", err)
		}
		if err := e.Withdraw(id, "session 3 of dev is in use"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got, err := e.History().Get(id)
		if want := "cancelled: session 3 of dev is in use before anything was touched"; err != nil || got.Outcome != fsm.Cancelled || got.Message != want {
			t.Errorf("%s %q: %v", got.Outcome, got.Message, err)
		}
		if steps := w.Steps(); len(steps) > 0 {
			t.Errorf("touched %v", steps)
		}
	})
}

func TestAPersonsRequestAndOneThatHasBegunAreNotWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.People = []fsm.Session{dev}
		e := start(t, w)
		defer stop(t, e)
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := e.Withdraw(id, "x"); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("a person's: %v", err)
		}
		if err := e.Cancel(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.Hangs["units/a:do"] = true
		id, err = e.Switch(t.Context(), fsm.Request{Mode: "compute", Trigger: "idle"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // past the grace period, in the first step
		synctest.Wait()
		if p := e.State().Open; p == nil || p.Phase != fsm.Running {
			t.Fatalf("open %+v", p)
		}
		if err := e.Withdraw(id, "x"); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("one that runs: %v", err)
		}
		w.Mend()
		settle(e)
	})
}

func TestAPlanForATriggerTakesItsEdgeAndHeedsAutomaticHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("studio")
		e := start(t, w)
		defer stop(t, e)
		plan, err := e.Plan(t.Context(), fsm.Request{Mode: "desktop", Trigger: "pipewire-gone"})
		if err != nil || plan.Event != "enforced_exit" || !plan.Allowed {
			t.Errorf("%s, allowed %v: %v", plan.Event, plan.Allowed, err)
		}
		w.SetHolds(holdAutomatic)
		plan, err = e.Plan(t.Context(), fsm.Request{Mode: "desktop", Trigger: "pipewire-gone"})
		if err != nil || plan.Allowed {
			t.Errorf("held: allowed %v: %v", plan.Allowed, err)
		}
		if plan, err = e.Plan(t.Context(), fsm.Request{Mode: "desktop"}); err != nil || plan.Event != "exit_studio" || !plan.Allowed {
			t.Errorf("a person's: %s, allowed %v: %v", plan.Event, plan.Allowed, err)
		}
	})
}
