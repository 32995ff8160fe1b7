package audio_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/pipewire"
)

func plays(n int) func(*pipewire.Summary) { return func(s *pipewire.Summary) { s.Media = n } }

func TestAPipeWireThatIsTooBusyIsAskedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.liar = true
		b := start(t, u)
		time.AfterFunc(1500*time.Millisecond, func() { u.mu.Lock(); u.liar = false; u.mu.Unlock() })
		b.apply(t, toRealtime, true, "")
		if n := u.count("force"); n != 3 || u.forced() != [2]uint32{64, 48000} {
			t.Errorf("forced %v, asked %d times", u.forced(), n)
		}
		b.apply(t, toOn, true, "")
		if u.forced() != [2]uint32{} {
			t.Errorf("forced %v after on", u.forced())
		}
	})
}

// In the VM the daemon repeated its order when PipeWire came back, while
// pw-metadata ran, and what that had done was shown while the units were looked
// at: the quantum was taken for the user's own, and stayed for ever.
func TestAQuantumStaysOursWhateverOrderComesBeforeTheGraphShowsIt(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]manager1.AudioOrder{"once more": toRealtime, "lifted at once": toOn} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				u := newUser()
				u.lingers, u.late, u.thinks = time.Second, 500*time.Millisecond, time.Second
				b := start(t, u)
				go b.Apply(t.Context(), toRealtime)
				time.Sleep(2500 * time.Millisecond) // pw-metadata runs
				go b.Apply(t.Context(), again)
				time.Sleep(time.Minute)
				b.Apply(t.Context(), toOn)
				time.Sleep(time.Minute)
				if r := b.latest(); u.forced() != [2]uint32{} || r.Summary.Standing != "on" {
					t.Errorf("forced %v, reported %+v", u.forced(), r.Summary)
				}
				if s := b.Capture(t.Context()); s.State != "on" {
					t.Errorf("captured %+v", s)
				}
			})
		})
	}
}

func TestAPipeWireThatNeverListensIsLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.liar = true
		b := start(t, u)
		b.apply(t, toRealtime, false, "not 64")
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := u.count("force"); n != 4 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestWhatTheGraphRunsWithIsMeasuredWhenSomethingPlays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		u.change(plays(1)) // in no mode that forces anything
		b.apply(t, toRealtime, true, "")
		b.latest()
		if s := b.Capture(t.Context()); s.Measured != 64 || u.count("measure") != 1 {
			t.Errorf("captured %+v, measured %d times", s, u.count("measure"))
		}
		for range 5 { // a sound now and then is no reason to measure
			u.change(plays(0))
			synctest.Wait()
			u.change(plays(1))
			synctest.Wait()
		}
		if n := u.count("measure"); n != 1 {
			t.Errorf("measured %d times", n)
		}
		u.change(plays(0))
		if s := b.Capture(t.Context()); s.Measured != 0 {
			t.Errorf("nothing plays: captured %+v", s)
		}
		time.Sleep(2 * time.Minute)
		u.change(plays(1))
		b.latest()
		if s := b.Capture(t.Context()); s.Measured != 64 || u.count("measure") != 2 {
			t.Errorf("captured %+v, measured %d times", s, u.count("measure"))
		}
	})
}

func TestAGraphThatRunsOtherwiseIsDrift(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toRealtime, true, "")
		u.clocks = []pipewire.Clock{{Driver: "alsa", Quantum: 64, Rate: 48000}, {Driver: "usb", Quantum: 1024, Rate: 48000}, {Driver: "hdmi", Quantum: 64, Rate: 48000}}
		u.change(plays(1))
		r := b.latest()
		if r.Summary.Standing != "" || !strings.Contains(r.Summary.Detail, "usb runs with a quantum of 1024, not 64") {
			t.Errorf("reported %+v", r.Summary)
		}
		if s := b.Capture(t.Context()); s.Measured != 1024 || s.Quantum != 64 {
			t.Errorf("captured %+v", s)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := u.count("measure"); n != 3 {
			t.Errorf("measured %d times", n)
		}
		u.mu.Lock()
		u.clocks = nil
		u.mu.Unlock()
		b.apply(t, toRealtime, true, "") // asked for again: measured again
		if r := b.latest(); r.Summary.Standing != "realtime" {
			t.Errorf("reported %+v", r.Summary)
		}
	})
}

func TestWhatCannotBeMeasuredContradictsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		u.topless = true
		b := start(t, u)
		u.change(plays(1))
		b.apply(t, toRealtime, true, "")
		if r := b.latest(); r.Summary.Standing != "realtime" || u.count("measure") != 1 {
			t.Errorf("reported %+v, measured %d times", r.Summary, u.count("measure"))
		}
		if s := b.Capture(t.Context()); s.Measured != 0 || s.State != "realtime" {
			t.Errorf("captured %+v", s)
		}
	})
}

func TestNothingIsMeasuredInAnotherMode(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		u := newUser()
		b := start(t, u)
		b.apply(t, toOn, true, "")
		u.change(plays(1))
		b.latest()
		if n := u.count("measure"); n != 0 {
			t.Errorf("measured %d times", n)
		}
	})
}
