package triggers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

func TestAnIdleMachineGoesWhereItsEdgeLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", halfHour, sitting())
		wait(2 * time.Hour)
		r.wantMode("desktop")
		r.now(away())
		wait(30*time.Minute - time.Second)
		r.wantMode("desktop")
		wait(time.Second)
		r.wantCountdown("idle")
		wait(30 * time.Second)
		r.wantMode("compute")
		if got := r.last(); got.Trigger != "idle" || got.Reason != "idle for 30 min" || got.UID != 0 || got.Event != "to_compute" {
			t.Errorf("history has %s, %q, uid %d, %s", got.Trigger, got.Reason, got.UID, got.Event)
		}
	})
}

func TestWhoMayBeIdle(t *testing.T) {
	t.Parallel()
	desktop := sitting()
	desktop.Idle = true
	locked := desktop
	locked.Locked = true
	awake := locked
	awake.Idle = false
	greeter := facts.Session{ID: "c1", UID: 120, User: "gdm", Class: "greeter", Type: "wayland", State: "active"}
	closing := sitting()
	closing.State = "closing"
	service := facts.Session{ID: "9", UID: 1001, User: "ann", Class: "user", Type: "unspecified", State: "active"}
	for name, c := range map[string]struct {
		sessions string
		people   []facts.Session
		goes     bool
	}{
		"nobody, none":                             {"none", nil, true},
		"nobody, any":                              {"any", nil, true},
		"a greeter":                                {"none", []facts.Session{greeter}, true},
		"an idle desktop, none":                    {"none", []facts.Session{desktop}, false},
		"an idle desktop, locked":                  {"locked", []facts.Session{desktop}, false},
		"an idle desktop, any":                     {"any", []facts.Session{desktop}, true},
		"a locked desktop, none":                   {"none", []facts.Session{locked}, false},
		"a locked desktop, locked":                 {"locked", []facts.Session{locked}, true},
		"a locked desktop in use":                  {"locked", []facts.Session{awake}, false},
		"a desktop in use":                         {"any", []facts.Session{sitting()}, false},
		"one of two is in use":                     {"any", []facts.Session{desktop, {ID: "4", UID: 1001, User: "ann", Class: "user", Type: "x11"}}, false},
		"a desktop that is closing":                {"none", []facts.Session{closing}, true},
		"an idle terminal":                         {"none", []facts.Session{terminal(time.Unix(1, 0), true)}, true},
		"a terminal that logind calls in use":      {"none", []facts.Session{terminal(time.Unix(1, 0), false)}, false},
		"a session of which logind knows no input": {"none", []facts.Session{service}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "desktop", triggers.Settings{IdleAfter: time.Minute, IdleSessions: c.sessions}, c.people...)
				wait(2 * time.Minute)
				if got := r.engine.State().Mode == "compute"; got != c.goes {
					t.Errorf("goes %v, want %v", got, c.goes)
				}
			})
		})
	}
}

func TestActivityBeginsTheTimeAnew(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*rig){
		"a key is pressed": func(r *rig) {
			r.now(sitting())
			r.now(away())
		},
		"a key is pressed and nobody looks meanwhile": func(r *rig) { r.now(away()) },
		"somebody logs in by ssh":                     func(r *rig) { r.now(r.sessions.List[0], terminal(time.Now(), true)) },
		"the machine wakes up": func(r *rig) {
			r.watcher.Tell(triggers.Resumed)
			synctest.Wait()
		},
		"the configuration is reloaded": func(r *rig) {
			r.watcher.Tell(triggers.Reloaded)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "desktop", halfHour, away())
				wait(29 * time.Minute)
				act(r)
				wait(29 * time.Minute)
				r.wantMode("desktop")
				wait(time.Minute)
				r.wantCountdown("idle")
			})
		})
	}
}

func TestAnIdleHintFromLongAgoIsNotBelievedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := away()
		old.IdleSince = time.Now().Add(-24 * time.Hour) // or the clock was set
		r := newRig(t, "desktop", halfHour, old)
		wait(29 * time.Minute)
		r.wantMode("desktop")
	})
}

func TestActivityInTheCountdownEndsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act  func(*rig)
		want string
	}{
		"a key is pressed":        {func(r *rig) { r.now(sitting()) }, "session 3 of dev is in use"},
		"somebody logs in by ssh": {func(r *rig) { r.now(r.sessions.List[0], terminal(time.Now(), true)) }, "session 5 of ann has begun"},
		"it wakes up":             {func(r *rig) { r.watcher.Tell(triggers.Resumed) }, "the machine was woken up"},
		"logind cannot be asked": {func(r *rig) {
			r.machine.mu.Lock()
			r.sessions = facts.Sessions{Part: facts.Part{Unknown: "no logind"}}
			r.machine.mu.Unlock()
			r.watcher.Tell(triggers.Sessions)
		}, "it cannot be seen who is logged in: no logind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "desktop", halfHour, away())
				wait(30*time.Minute + 20*time.Second)
				r.wantCountdown("idle")
				c.act(r)
				synctest.Wait()
				r.wantMode("desktop")
				if got := r.last(); got.Outcome != fsm.Cancelled || got.Message != "cancelled: "+c.want+" before anything was touched" {
					t.Errorf("%s: %q", got.Outcome, got.Message)
				}
			})
		})
	}
}

func TestWhoeverCameBackAndWentIsWaitedForAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", triggers.Settings{IdleAfter: time.Minute, IdleSessions: "any"}, away())
		for range 3 {
			wait(time.Minute + time.Second)
			r.wantCountdown("idle")
			r.now(sitting())
			r.wantMode("desktop")
			r.now(away())
		}
		wait(time.Minute + time.Second)
		r.wantCountdown("idle")
		if err := r.engine.Cancel(t.Context(), 0, 1000); err != nil { // over ssh, say
			t.Fatal(err)
		}
		wait(9 * time.Minute)
		r.wantMode("desktop")
		wait(time.Minute)
		r.wantCountdown("idle")
	})
}

func TestAReloadForgivesRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", halfHour, away())
		r.world.SetAnswer("quiet", fsm.Deny)
		wait(5 * time.Hour)
		r.world.SetAnswer("quiet", fsm.Pass)
		r.watcher.Tell(triggers.Reloaded)
		wait(30*time.Minute + time.Second)
		r.wantCountdown("idle")
	})
}

func TestATerminalThatIsUsedInTheCountdownEndsItWithoutASignal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desktop := away()
		r := newRig(t, "desktop", halfHour, desktop, terminal(time.Now(), true))
		wait(30*time.Minute + 3*time.Second)
		r.wantCountdown("idle")
		r.quietly(desktop, terminal(time.Now(), false))
		wait(5 * time.Second)
		r.wantMode("desktop")
		if got := r.last(); !strings.Contains(got.Message, "session 5 of ann was used") {
			t.Errorf("%s: %q", got.Outcome, got.Message)
		}
	})
}

func TestATerminalIsIdleOnceLogindSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		used := time.Now()
		r := newRig(t, "desktop", triggers.Settings{IdleAfter: 20 * time.Minute, IdleSessions: "none"}, terminal(used, false))
		wait(30 * time.Minute)
		r.wantMode("desktop")
		r.quietly(terminal(used, true)) // IdleActionSec= has passed; no signal says so
		wait(10 * time.Minute)
		r.wantMode("compute")
		if r.looks > 6 {
			t.Errorf("looked %d times", r.looks)
		}
	})
}

func TestARefusalIsRecordedOnceAndTriedAgainWithPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", halfHour, away())
		r.world.SetAnswer("quiet", fsm.Deny)
		wait(30*time.Minute + time.Second)
		if got := r.last(); got.Outcome != fsm.Refused || got.Trigger != "idle" {
			t.Fatalf("%s by %s", got.Outcome, got.Trigger)
		}
		wait(12 * time.Hour)
		// After 10, 20, 40, 80 min and then every 2 h.
		if n, asked := len(r.world.Log()), r.asked.Load(); asked > 11 || asked < 8 || n != 1 {
			t.Errorf("asked %d times, %d refusals in the history", asked, n)
		}
		r.world.SetAnswer("quiet", fsm.Pass)
		wait(2*time.Hour + 31*time.Second)
		r.wantMode("compute")
	})
}

func TestSomebodyWhoComesAndGoesDoesNotMakeItAskMoreOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", triggers.Settings{IdleAfter: time.Minute, IdleSessions: "any"}, away())
		r.world.SetAnswer("quiet", fsm.Deny)
		for range 30 { // an hour
			wait(2*time.Minute - time.Second)
			r.now(sitting())
			wait(time.Second)
			r.now(away())
		}
		if n, asked := len(r.world.Log()), r.asked.Load(); asked > 6 || asked < 4 || n != 1 {
			t.Errorf("asked %d times, %d refusals in the history", asked, n)
		}
	})
}

func TestAHoldStopsIdlenessAndItsEndLetsItGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", halfHour, away())
		r.world.SetHolds(fsm.Hold{Scope: fsm.HoldAutomatic, Who: "kdenlive", UID: 1000, User: "dev"})
		wait(31 * time.Minute)
		r.wantMode("desktop")
		r.world.SetHolds()
		synctest.Wait()
		r.wantCountdown("idle")
		r.world.SetHolds(fsm.Hold{Scope: fsm.HoldAutomatic, Who: "kdenlive", UID: 1000, User: "dev"})
		synctest.Wait()
		r.wantMode("desktop")
		if got := r.last(); got.Outcome != fsm.Refused || !strings.Contains(got.Message, "dev holds the mode") {
			t.Errorf("%s: %s", got.Outcome, got.Message)
		}
	})
}

func TestWhatFailedIsNotBegunAgainAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "desktop", triggers.Settings{IdleAfter: time.Minute, IdleSessions: "none"})
		r.world.Break("units/b", "do")
		wait(time.Minute + 30*time.Second)
		if got := r.last(); got.Outcome != fsm.RolledBack {
			t.Fatalf("%s: %s", got.Outcome, got.Message)
		}
		wait(8 * time.Minute)
		if n := len(r.world.Log()); n != 1 {
			t.Fatalf("%d transitions in 9 minutes", n)
		}
		r.world.Mend()
		wait(2 * time.Minute)
		r.wantMode("compute")
	})
}

func TestAMachineWithoutTriggersIsNeverLookedAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode     string
		settings triggers.Settings
	}{
		"idleness is off":            {"desktop", triggers.Settings{}},
		"no edge waits for idleness": {"compute", halfHour},
		"drift is corrected, if any": {"compute", triggers.Settings{Correct: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.mode, c.settings, sitting())
				looks := r.looks
				r.world.Steps()
				begun := time.Now()
				wait(24 * time.Hour)
				if r.looks != looks || looks > 0 || len(r.world.Steps()) > 0 || len(r.world.Log()) > 0 {
					t.Errorf("%d looks, %v", r.looks, r.world.Steps())
				}
				if time.Since(begun) != 24*time.Hour {
					t.Error("the clock is broken")
				}
			})
		})
	}
}
