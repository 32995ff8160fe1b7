package triggers_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/fsm"
)

// byHand moves a knob, of which PID 1 sends a signal.
func (r *rig) byHand(knob, value string) {
	r.world.Set(knob, value)
	r.watcher.Tell(triggers.Units)
	synctest.Wait()
}

func (r *rig) degraded() string { return strings.Join(r.engine.State().Degraded, "\n") }

const differs = "units/a differs from studio"

func TestWhatIsMovedByHandIsToldAtOnceAndForgottenWhenMended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{Units: []string{"a.service"}})
		if !slices.Equal(r.units, []string{"a.service"}) {
			t.Errorf("follows %q", r.units)
		}
		r.byHand("units/a", "started")
		wait(2 * time.Second)
		if got := r.degraded(); !strings.Contains(got, differs) {
			t.Errorf("degraded: %q", got)
		}
		r.byHand("units/a", "studio")
		wait(2 * time.Second)
		if got := r.degraded(); got != "" {
			t.Errorf("still degraded: %q", got)
		}
		if log := r.world.Log(); len(log) > 0 {
			t.Errorf("it acted: %+v", log)
		}
	})
}

func TestDriftIsCorrectedWhenAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{Correct: true})
		r.world.Set("units/b", "stopped")
		r.byHand("units/a", "started")
		wait(2 * time.Second)
		if a, b := r.world.Get("units/a"), r.world.Get("units/b"); a != "studio" || b != "studio" {
			t.Errorf("units are %s and %s", a, b)
		}
		r.wantMode("studio")
		if got := r.last(); got.Trigger != "drift" || got.From != "studio" || got.To != "studio" || got.Reason != "drift of units/a and 1 more" {
			t.Errorf("%s, %s to %s, %q", got.Trigger, got.From, got.To, got.Reason)
		}
		if got := r.degraded(); got != "" {
			t.Errorf("degraded: %q", got)
		}
	})
}

func TestAKnobIsCorrectedThreeTimesInTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{Correct: true})
		begun := time.Now()
		for range 3 {
			r.byHand("units/a", "started")
			wait(30 * time.Second)
			if got := r.world.Get("units/a"); got != "studio" {
				t.Fatalf("unit is %s", got)
			}
		}
		r.byHand("units/a", "started")
		wait(30 * time.Second)
		if got := r.degraded(); r.world.Get("units/a") != "started" || !strings.Contains(got, differs) ||
			!strings.Contains(got, "units/a was corrected 3 times in 10 min and differs again: it is only reported for now") {
			t.Errorf("unit is %s, degraded: %q", r.world.Get("units/a"), got)
		}
		wait(time.Until(begun.Add(9 * time.Minute)))
		if got := r.world.Get("units/a"); got != "started" {
			t.Errorf("unit is %s before its time", got)
		}
		wait(2 * time.Minute)
		if got := r.degraded(); r.world.Get("units/a") != "studio" || got != "" {
			t.Errorf("unit is %s, degraded: %q", r.world.Get("units/a"), got)
		}
		if n := len(r.world.Log()); n != 4 {
			t.Errorf("%d corrections", n)
		}
	})
}

// Each knob has three corrections of its own.
func TestAKnobThatIsOnlyReportedKeepsNoOtherFromBeingCorrected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{Correct: true})
		begun := time.Now()
		for range 4 {
			r.byHand("units/a", "started")
			wait(30 * time.Second)
		}
		for range 3 {
			r.byHand("units/b", "stopped")
			wait(5 * time.Second)
			if a, b := r.world.Get("units/a"), r.world.Get("units/b"); a != "started" || b != "studio" {
				t.Fatalf("units are %s and %s", a, b)
			}
			if got := r.degraded(); !strings.Contains(got, differs) || !strings.Contains(got, "units/a was corrected 3 times") {
				t.Errorf("degraded: %q", got)
			}
			if got := r.last(); got.Outcome != fsm.Settled || got.Reason != "drift of units/b" {
				t.Errorf("%s: %s %s", got.Reason, got.Outcome, got.Message)
			}
		}
		r.byHand("units/b", "stopped")
		wait(5 * time.Second)
		if got := r.degraded(); r.world.Get("units/b") != "stopped" || !strings.Contains(got, "units/b was corrected 3 times") {
			t.Errorf("unit is %s, degraded: %q", r.world.Get("units/b"), got)
		}
		wait(time.Until(begun.Add(10*time.Minute + 5*time.Second)))
		if a, b := r.world.Get("units/a"), r.world.Get("units/b"); a != "studio" || b != "stopped" {
			t.Errorf("ten minutes after the first correction the units are %s and %s", a, b)
		}
		wait(3 * time.Minute)
		if got := r.degraded(); r.world.Get("units/b") != "studio" || got != "" {
			t.Errorf("at the end the unit is %s, degraded: %q", r.world.Get("units/b"), got)
		}
		if n := len(r.world.Log()); n != 8 {
			t.Errorf("%d corrections", n)
		}
	})
}

func TestNothingIsCorrectedAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{Correct: true})
		r.world.Set("units/a", "started")
		wait(time.Hour)
		if got := r.world.Get("units/a"); got != "started" || len(r.world.Log()) > 0 {
			t.Errorf("unit is %s, %d transitions", got, len(r.world.Log()))
		}
		r.watcher.Tell(triggers.Reloaded) // with drift = "correct" from now on
		wait(2 * time.Second)
		if got := r.world.Get("units/a"); got != "studio" {
			t.Errorf("after a reload the unit is %s", got)
		}
	})
}

func TestNothingIsDriftWhileATransitionRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", triggers.Settings{Correct: true}, sitting())
		if _, err := r.engine.Switch(t.Context(), fsm.Request{Mode: "compute"}); err != nil {
			t.Fatal(err)
		}
		r.byHand("units/a", "started")
		wait(20 * time.Second) // in the countdown
		if got := r.world.Get("units/a"); got != "started" {
			t.Errorf("unit is %s", got)
		}
		if err := r.engine.Cancel(t.Context(), 0, 0); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		if got := r.world.Get("units/a"); got != "desktop" {
			t.Errorf("after it the unit is %s", got)
		}
	})
}

func TestAStormOfNewsIsALookASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{})
		for range 1000 {
			r.watcher.Tell(triggers.Units)
			time.Sleep(10 * time.Millisecond)
		}
		wait(2 * time.Second)
		if n := r.rechecks.Load(); n < 9 || n > 11 {
			t.Errorf("%d looks in 10 s", n)
		}
		wait(time.Hour)
		if n := r.rechecks.Load(); n > 11 {
			t.Errorf("%d looks, though there is no more news", n)
		}
	})
}

func TestALookThatTakesLongIsNotRepeatedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", triggers.Settings{})
		r.slow.Store(int64(2 * time.Second))
		for range 100 {
			r.watcher.Tell(triggers.Units)
			time.Sleep(time.Second)
		}
		if n := r.rechecks.Load(); n < 11 || n > 14 {
			t.Errorf("%d looks of 2 s in 100 s", n)
		}
		r.rechecks.Store(0)
		r.slow.Store(int64(20 * time.Second))
		for range 300 {
			r.watcher.Tell(triggers.Units)
			time.Sleep(time.Second)
		}
		if n := r.rechecks.Load(); n < 8 || n > 11 {
			t.Errorf("%d looks of 20 s in 300 s", n)
		}
	})
}
