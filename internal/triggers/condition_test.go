package triggers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

var sound = triggers.Settings{Sound: true}

// report makes this what the agents say.
func (r *rig) report(users ...facts.AudioUser) {
	r.machine.mu.Lock()
	r.audio = users
	r.machine.mu.Unlock()
	r.watcher.Tell(triggers.Audio)
	synctest.Wait()
}

func playing(uid uint32) facts.AudioUser { return facts.AudioUser{UID: uid, Running: true} }
func silent(uid uint32) facts.AudioUser  { return facts.AudioUser{UID: uid} }
func unseen(uid uint32) facts.AudioUser {
	return facts.AudioUser{UID: uid, Part: facts.Part{Unknown: "moded-agent has not reported yet"}}
}

// memory makes memory short or not, as the pressure unit says.
func (r *rig) memory(short bool) {
	r.machine.mu.Lock()
	r.short = short
	r.machine.mu.Unlock()
	r.watcher.Tell(triggers.Pressure)
	synctest.Wait()
}

func TestEachConditionEndsTheModeAfterItsTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin   func(*rig)
		trigger string
		reason  string
	}{
		"the user logs out":    {func(r *rig) { r.now() }, triggers.UserGone, "dev has been logged out for 10 s"},
		"PipeWire ends":        {func(r *rig) { r.report(silent(1000)) }, triggers.PipeWireGone, "PipeWire of dev has been gone for 10 s"},
		"the agent is gone":    {func(r *rig) { r.report() }, triggers.PipeWireGone, "PipeWire of dev has been gone for 10 s"},
		"memory becomes short": {func(r *rig) { r.memory(true) }, triggers.MemoryPressure, "memory has been short for 10 s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "studio", sound, sitting())
				r.report(playing(1000))
				wait(time.Hour)
				c.begin(r)
				wait(10*time.Second - time.Millisecond)
				r.wantMode("studio")
				wait(time.Second)
				r.wantMode("desktop")
				if got := r.last(); got.Trigger != c.trigger || got.Reason != c.reason || got.Event != "enforced_exit" {
					t.Errorf("%s, %q, %s", got.Trigger, got.Reason, got.Event)
				}
			})
		})
	}
}

func TestAnInterruptionBeginsTheTimeAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ begin, end func(*rig) }{
		"the user logs in again": {func(r *rig) { r.now() }, func(r *rig) { r.now(sitting()) }},
		"PipeWire restarts":      {func(r *rig) { r.report(silent(1000)) }, func(r *rig) { r.report(playing(1000)) }},
		"the agent restarts": {func(r *rig) { r.report() }, func(r *rig) {
			r.report(unseen(1000))
			r.report(playing(1000))
		}},
		"memory is free again": {func(r *rig) { r.memory(true) }, func(r *rig) { r.memory(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "studio", sound, sitting())
				r.report(playing(1000))
				for range 5 {
					c.begin(r)
					wait(9 * time.Second)
					c.end(r)
				}
				wait(time.Minute)
				r.wantMode("studio")
			})
		})
	}
}

func TestWhatWasNeverThereIsNotGone(t *testing.T) {
	t.Parallel()
	remote := sitting()
	remote.Remote, remote.Seat = true, ""
	for name, c := range map[string]struct {
		people []facts.Session
		sound  bool
		news   func(*rig)
	}{
		"nobody was at the desktop":              {nil, true, func(r *rig) { r.now() }},
		"a desktop from afar is nobody here":     {[]facts.Session{remote}, true, func(r *rig) { r.now() }},
		"PipeWire never ran":                     {[]facts.Session{sitting()}, true, func(r *rig) { r.report(silent(1000)) }},
		"there was no agent":                     {[]facts.Session{sitting()}, true, func(r *rig) { r.report() }},
		"the mode wants no sound":                {[]facts.Session{sitting()}, false, func(r *rig) { r.report(playing(1000)); r.report() }},
		"PipeWire of somebody who is not here":   {[]facts.Session{sitting()}, true, func(r *rig) { r.report(playing(1001)); r.report() }},
		"an agent that has not reported yet":     {[]facts.Session{sitting()}, true, func(r *rig) { r.report(playing(1000)); r.report(unseen(1000)) }},
		"one of two has logged out":              {[]facts.Session{sitting(), other()}, true, func(r *rig) { r.now(sitting()) }},
		"logind does not answer":                 {[]facts.Session{sitting()}, true, func(r *rig) { r.blind() }},
		"memory is short, and the watch is gone": {[]facts.Session{sitting()}, true, func(r *rig) { r.unwatch() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "studio", triggers.Settings{Sound: c.sound}, c.people...)
				c.news(r)
				wait(time.Hour)
				r.wantMode("studio")
				if log := r.world.Log(); len(log) > 0 {
					t.Errorf("history has %+v", log)
				}
			})
		})
	}
}

func other() facts.Session {
	s := sitting()
	s.ID, s.UID, s.User = "8", 1001, "ann"
	return s
}

func (r *rig) blind() {
	r.machine.mu.Lock()
	r.sessions = facts.Sessions{Part: facts.Part{Unknown: "no logind"}}
	r.machine.mu.Unlock()
	r.watcher.Tell(triggers.Sessions)
	synctest.Wait()
}

func (r *rig) unwatch() {
	r.machine.mu.Lock()
	r.watched, r.short = false, true
	r.machine.mu.Unlock()
	r.watcher.Tell(triggers.Pressure)
	synctest.Wait()
}

func TestALogoutIsNoLossOfPipeWire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", sound, sitting(), other())
		r.report(playing(1000), playing(1001))
		r.now(sitting())
		r.report(playing(1000))
		wait(time.Hour)
		r.wantMode("studio")
	})
}

func TestARefusedExitIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "studio", sound, sitting())
		r.world.SetAnswer("quiet", fsm.Deny)
		r.now()
		wait(11 * time.Second)
		told := func() string { return strings.Join(r.engine.State().Degraded, "\n") }
		if got := told(); !strings.Contains(got, "studio should be left for desktop (dev has been logged out), which is refused: ") || !strings.Contains(got, "quiet says deny") {
			t.Errorf("degraded: %s", got)
		}
		wait(time.Hour)
		// After 30 s, 1, 2, 4, 8 min and then every 10 min.
		if n, asked := len(r.world.Log()), r.asked.Load(); asked < 7 || asked > 12 || n != 1 {
			t.Errorf("asked %d times, %d in the history", asked, n)
		}
		r.now(sitting())
		if got := told(); got != "" {
			t.Errorf("still degraded: %s", got)
		}
		r.now()
		r.world.SetAnswer("quiet", fsm.Pass)
		wait(11 * time.Second)
		r.wantMode("desktop")
		if got := told(); got != "" {
			t.Errorf("degraded in desktop: %s", got)
		}
	})
}

func TestMemoryIsWatchedOnlyWhereAnEdgeAsksForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", sound, sitting())
		if r.switched != 0 {
			t.Fatalf("switched %d times in desktop", r.switched)
		}
		for _, c := range []struct {
			mode     string
			switched int
			watched  bool
		}{{"studio", 1, true}, {"desktop", 2, false}} {
			if _, err := r.engine.Switch(t.Context(), fsm.Request{Mode: c.mode}); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			r.wantMode(c.mode)
			if r.watched != c.watched || r.switched != c.switched {
				t.Errorf("%s: watched %v, switched %d times", c.mode, r.watched, r.switched)
			}
		}
	})
}

func TestAKernelThatTellsNoPressureDegradesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", sound, sitting())
		r.machine.mu.Lock()
		r.broken = fmt.Errorf("boot it with psi=1: %w", errors.ErrUnsupported)
		r.machine.mu.Unlock()
		if _, err := r.engine.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		r.watcher.Tell(triggers.Pressure)
		wait(time.Minute)
		r.wantMode("studio")
		if got := r.engine.State().Degraded; len(got) > 0 {
			t.Errorf("degraded: %q", got)
		}
	})
}

func TestAMachineThatCannotWatchMemorySaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", sound, sitting())
		r.machine.mu.Lock()
		r.broken = errors.New("this kernel has no pressure information")
		r.machine.mu.Unlock()
		if _, err := r.engine.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		want := "nobody watches for short memory: this kernel has no pressure information"
		if got := r.engine.State().Degraded; !slices.Contains(got, want) {
			t.Errorf("degraded: %q", got)
		}
		r.machine.mu.Lock()
		r.broken = nil
		r.machine.mu.Unlock()
		if _, err := r.engine.Switch(t.Context(), fsm.Request{Mode: "desktop"}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if got := r.engine.State().Degraded; len(got) > 0 {
			t.Errorf("degraded in desktop: %q", got)
		}
	})
}
