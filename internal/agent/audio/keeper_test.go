package audio_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/audio"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userunits"
)

// bench is a keeper at work on a user.
type bench struct {
	*user
	*audio.Keeper
	mu      sync.Mutex
	reports []audio.Report
	stop    func()
}

func (b *bench) add(r audio.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, r)
}

// latest is the last report after all came to rest.
func (b *bench) latest() audio.Report {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[len(b.reports)-1]
}

// start runs a keeper in the bubble until the test ends or stop is called.
func start(t *testing.T, u *user) *bench {
	t.Helper()
	b := &bench{user: u}
	b.Keeper = audio.New(u, u, u, b.add)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	b.stop = func() { cancel(); <-ended }
	t.Cleanup(b.stop)
	synctest.Wait()
	return b
}

func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func (b *bench) apply(t *testing.T, order manager1.AudioOrder, settled bool, detail string) {
	t.Helper()
	got, why := b.Apply(t.Context(), order)
	if got != settled || !strings.Contains(why, detail) {
		t.Errorf("Apply(%+v) = %v, %q; want %v, %q", order, got, why, settled, detail)
	}
}

var (
	toOff      = manager1.AudioOrder{State: "off"}
	toOn       = manager1.AudioOrder{State: "on"}
	toRealtime = manager1.AudioOrder{State: "realtime", Quantum: 64, Rate: 48000}
)

func TestOffStopsAllAndOnStartsWhatWasUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.states["pipewire-pulse.service"] = userunits.State{Load: "loaded", Active: "inactive"}
		u.enabled["pipewire-pulse.service"] = false
		b := start(t, u)
		b.apply(t, toOff, true, "")
		if got := u.active(); got != "" {
			t.Errorf("still active: %s", got)
		}
		if s := b.Capture(t.Context()); s.State != "off" || s.PipeWire != "inactive" {
			t.Errorf("captured %+v", s)
		}
		if r := b.latest(); r.Summary.Standing != "off" || r.Summary.PipeWire != "inactive" {
			t.Errorf("reported %+v", r.Summary)
		}
		b.apply(t, toOn, true, "")
		if got := u.active(); got != "s,ps,p,w," {
			t.Errorf("active again: %s", got)
		}
	})
}

// In the VM pw-metadata ended a second after pw-dump had shown what it set, and
// no further summary came: the lifted quantum stayed ours for ever.
func TestAQuantumIsLiftedAlthoughTheGraphShowedItBeforeTheToolEnded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.lingers = time.Second
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		b.apply(t, toOn, true, "")
		if s := b.Capture(t.Context()); s.State != "on" {
			t.Errorf("captured %+v", s)
		}
	})
}

func TestWhatWasUpIsRememberedOverARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		clear(u.enabled)
		b := start(t, u)
		b.apply(t, toOff, true, "")
		b.stop()
		b = start(t, u)
		b.apply(t, toOn, true, "")
		if got := u.active(); got != "s,ps,p,pp,w," {
			t.Errorf("active again: %s", got)
		}
	})
}

func TestOnLeavesServicesAloneThatTheUserStopped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		for unit := range u.states {
			u.states[unit] = userunits.State{Load: "loaded", Active: "inactive"}
		}
		b := start(t, u)
		b.apply(t, toOn, true, "")
		if got := u.active(); got != "s,ps," {
			t.Errorf("active: %s, want the sockets", got)
		}
	})
}

func TestRealtimeForcesAndOnLifts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.graph.ForcedRate = 44100 // the user's own
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		if got := u.forced(); got != [2]uint32{64, 48000} {
			t.Errorf("forced %v", got)
		}
		if s := b.Capture(t.Context()); s.State != "realtime" || s.Quantum != 64 || s.Rate != 48000 {
			t.Errorf("captured %+v", s)
		}
		if r := b.latest(); r.Summary.Standing != "realtime" || !r.Summary.Forced {
			t.Errorf("reported %+v", r.Summary)
		}
		b.stop() // also by another agent
		b = start(t, u)
		b.apply(t, toOn, true, "")
		if got := u.forced(); got != [2]uint32{0, 44100} {
			t.Errorf("forced %v after on, want what the user had", got)
		}
		if r := b.latest(); r.Summary.Standing != "on" || r.Summary.Forced {
			t.Errorf("reported %+v", r.Summary)
		}
	})
}

func TestRealtimeTwiceForcesOnceAndLiftsToTheFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		b.apply(t, toRealtime, true, "")
		if n := u.count("force"); n != 1 {
			t.Errorf("forced %d times", n)
		}
		b.apply(t, manager1.AudioOrder{State: "realtime", Quantum: 128}, true, "")
		b.apply(t, toOn, true, "")
		if got := u.forced(); got != [2]uint32{0, 0} {
			t.Errorf("forced %v after on", got)
		}
	})
}

func TestRealtimeIsForcedAgainWhenPipeWireRestarts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		u.set("inactive", "pipewire.service")
		if r := b.latest(); r.Summary.PipeWire != "inactive" {
			t.Errorf("reported %+v", r.Summary)
		}
		u.set("active", "pipewire.service")
		time.Sleep(time.Second)
		if r := b.latest(); u.forced() != [2]uint32{64, 48000} || r.Summary.Standing != "realtime" {
			t.Errorf("forced %v, reported %+v", u.forced(), r.Summary)
		}
		b.apply(t, toOn, true, "")
		if u.forced() != [2]uint32{} {
			t.Errorf("forced %v after on", u.forced())
		}
	})
}

func TestALyingPwMetadataDoesNotSettle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.liar = true
		b := start(t, u)
		began := time.Now()
		b.apply(t, toRealtime, false, "PipeWire shows a forced quantum of 0, not 64")
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("answered after %v: the daemon waits 5 s", took)
		}
		if r := b.latest(); r.Summary.Standing != "" || r.Summary.Detail == "" {
			t.Errorf("reported %+v", r.Summary)
		}
	})
}

func TestTheUsersOwnQuantumIsReportedNotFought(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		u.change(func(s *pipewire.Summary) { s.ForcedQuantum = 256 })
		if r := b.latest(); r.Summary.Standing != "" || r.Summary.Forced {
			t.Errorf("reported %+v", r.Summary)
		}
		b.apply(t, toOn, true, "")
		if got := u.forced(); got[0] != 256 || u.count("force") != 1 {
			t.Errorf("forced %v, %d times", got, u.count("force"))
		}
	})
}

func TestRealtimeWithoutPipeWireWaitsForIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.states["pipewire.service"] = userunits.State{Load: "loaded", Active: "inactive"}
		b := start(t, u)
		b.apply(t, toRealtime, true, "when it starts")
		if u.followed != 0 || u.count("force") != 0 {
			t.Error("PipeWire was connected to, which starts it")
		}
		u.set("active", "pipewire.service")
		synctest.Wait()
		if u.forced() != [2]uint32{64, 48000} {
			t.Errorf("forced %v", u.forced())
		}
	})
}

func TestUnitsThatComeBackAreStoppedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toOff, true, "")
		u.set("active", "pipewire.socket", "pipewire.service")
		if r := b.latest(); u.active() != "" || r.Summary.Standing != "off" {
			t.Errorf("active %s, reported %+v", u.active(), r.Summary)
		}
	})
}

func TestAStopThatFailsSaysSoAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.stopErr = errors.New("the job's result is timeout")
		b := start(t, u)
		began := time.Now()
		b.apply(t, toOff, false, "pipewire.socket is active: the job's result is timeout")
		if took := time.Since(began); took != 0 {
			t.Errorf("answered after %v", took)
		}
		if n := u.count("inactive s,ps,p,pp,w,"); n != 0 {
			t.Errorf("stopped %d times", n)
		}
	})
}

func TestASlowStopIsAnsweredInTimeAndReportedLater(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.slow = make(chan struct{})
		b := start(t, u)
		began := time.Now()
		b.apply(t, toOff, false, "are being changed")
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("answered after %v: the daemon waits 5 s", took)
		}
		close(u.slow)
		if r := b.latest(); r.Summary.Standing != "off" {
			t.Errorf("reported %+v", r.Summary)
		}
	})
}

func TestAMissingPwDumpIsUnknownWithTheReason(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.missing = true
		b := start(t, u)
		time.Sleep(time.Hour)
		if r := b.latest(); r.Summary.PipeWire != "unknown" || !strings.Contains(r.Summary.Detail, "not installed") {
			t.Errorf("reported %+v", r.Summary)
		}
		if u.followed != 1 {
			t.Errorf("tried %d times", u.followed)
		}
	})
}

func TestNodesAreReportedAsTheyChange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		u.change(func(s *pipewire.Summary) {
			s.Recording, s.Total = 1, 1
			s.Nodes = []pipewire.Node{{Serial: 7, Kind: "capture", Class: pipewire.Recording, State: "running", Client: "take", Binary: "rec", PID: 3}}
		})
		r := b.latest()
		want := manager1.AudioNode{ID: 7, Kind: "capture", Class: "recording", Recording: true, State: "running", Client: "take", Comm: "rec", PID: 3}
		if len(r.Nodes) != 1 || r.Nodes[0] != want || r.Summary.Running != 1 || r.Summary.PipeWire != "active" {
			t.Errorf("reported %+v", r)
		}
		before := len(b.reports)
		u.set("active", "pipewire.service") // nothing changes
		b.latest()
		if len(b.reports) != before {
			t.Errorf("%d reports of nothing", len(b.reports)-before)
		}
	})
}

func TestACrashingSessionManagerIsReportedAndHoldsUpNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toOn, true, "")
		for _, state := range []string{"activating", "failed"} {
			u.set(state, "wireplumber.service")
			if r := b.latest(); r.Summary.Standing != "on" {
				t.Errorf("%s: reported %+v", state, r.Summary)
			}
		}
		if r := b.latest(); r.Summary.SessionManager != "failed" {
			t.Errorf("reported %+v", r.Summary)
		}
	})
}

func TestAUserWithoutPipeWireConformsToAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		for unit := range u.states {
			u.states[unit] = userunits.State{Load: "not-found", Active: "inactive"}
		}
		b := start(t, u)
		for _, order := range []manager1.AudioOrder{toOff, toOn, toRealtime} {
			b.apply(t, order, true, "")
		}
		if len(u.trace) != 0 {
			t.Errorf("did %v", u.trace)
		}
	})
}

func TestFileKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	f := audio.File(filepath.Join(t.TempDir(), "kept"))
	if r := f.Load(); r.Stopped || r.Forced != nil {
		t.Errorf("loaded %+v from nothing", r)
	}
	want := audio.Remembered{Stopped: true, Active: []string{"a"}, Forced: &audio.Forced{Is: audio.Quantum{Quantum: 64}}}
	if err := f.Save(want); err != nil {
		t.Fatal(err)
	}
	if r := f.Load(); !r.Stopped || r.Active[0] != "a" || *r.Forced != *want.Forced {
		t.Errorf("loaded %+v", r)
	}
}
