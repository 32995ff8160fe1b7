package fsm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/fsm"
)

func TestAnEngineStopsAtRestAndNotBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.SetPeople(dev)
		e := start(t, w)
		begins(t, e, fsm.Request{Mode: "compute"})
		synctest.Wait() // in the grace period
		if e.StopAtRest() {
			t.Fatal("stopped in the middle of a transition")
		}
		settle(e)
		if s := e.State(); s.Mode != "compute" {
			t.Errorf("the transition ended in %s", s.Mode)
		}
		if !e.StopAtRest() {
			t.Fatal("does not stop at rest")
		}
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"})
		if !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("a request after that: %v, want busy", err)
		}
		stop(t, e)
	})
}

func TestAStuckPlanIsNoReasonToWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := stuck(t, w, w.Config(toyCatalog(t)), "compute")
		if !e.StopAtRest() {
			t.Error("waits for what nobody moves")
		}
		stop(t, e)
	})
}
