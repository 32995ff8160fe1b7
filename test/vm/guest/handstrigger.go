package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// triggerScenarios are about what begins without anybody asking.
func triggerScenarios() []scenario {
	return []scenario{
		long("hands-idle-fires", 200, idleFires),
		long("hands-idle-stopped-by-activity", 120, idleStopped),
		long("hands-hold-stops-idle", 150, holdStopsIdle),
		long("hands-enforced-exit", 240, enforcedExit),
		long("hands-drift", 120, handsDrift),
	}
}

// idleSoon makes an idle desktop go to compute after a minute, with time to come
// back.
const idleSoon = `[idle]
after    = "1m"
sessions = "any"
[[edges]]
event    = "to_compute"
from     = "desktop"
to       = "compute"
through  = "transitioning"
triggers = ["manual", "idle"]
grace    = "20s"
`

// idle tells logind that dev's desktop is idle, or is not, as a desktop does.
func (t *T) idle(hint bool) {
	s, err := t.seated("dev")
	t.must(err)
	const logind = "org.freedesktop.login1"
	r := t.Must("busctl", "call", logind, "/org/freedesktop/login1", logind+".Manager", "GetSession", "s", s.ID)
	path := strings.Trim(strings.TrimPrefix(strings.TrimSpace(r.out), "o "), `"`)
	t.Must("busctl", "call", logind, path, logind+".Session", "SetIdleHint", "b", strconv.FormatBool(hint))
}

// countdown waits until a countdown of that trigger runs.
func (t *T) countdown(trigger string, limit time.Duration) {
	t.Eventually("a countdown because of "+trigger, limit, func() error {
		if open := t.open(); open.text("phase") != "grace" || open.text("trigger") != trigger {
			return fmt.Errorf("open is %v, mode %s", open, t.mode())
		}
		return nil
	})
}

// quiet watches that nothing begins for that long.
func (t *T) quiet(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		if open := t.open(); open.text("phase") != "" {
			t.Fatalf("a transition has begun: %v", open)
		}
	}
}

// switches counts how often threads of the daemon went to sleep by themselves.
func (t *T) switches() (n int) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", t.pid()))
	t.must(err)
	for _, file := range files {
		raw, _ := os.ReadFile(file) // a thread may have ended
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, ":"); ok && key == "voluntary_ctxt_switches" {
				count, _ := strconv.Atoi(strings.TrimSpace(value))
				n += count
			}
		}
	}
	return n
}

// idleFires: an idle desktop counts down and goes; while it waits, the daemon
// does nothing.
func idleFires(t *T) {
	t.configure(idleSoon)
	t.Cleanup(func() { t.desktop(switchLimit) })
	t.Cleanup(func() { t.Switch("desktop", "--force") })
	t.idle(true)
	time.Sleep(20 * time.Second) // for the look after the reload
	var woken [3]int
	for i := range woken {
		before := t.switches()
		time.Sleep(10 * time.Second)
		woken[i] = t.switches() - before
	}
	t.Logf("threads of moded went to sleep %d times in three times 10 s of waiting", woken)
	if slices.Min(woken[:]) > 20 {
		t.Errorf("moded does not rest: %d", woken)
	}
	t.countdown("idle", time.Minute)
	t.Run("modectl", "status")
	d := t.wantOutcome("settled", switchLimit)
	if d.text("trigger") != "idle" || d.text("reason") != "idle for 1 min" || d.text("mode") != "compute" {
		t.Errorf("trigger %q, reason %q, mode %q", d.text("trigger"), d.text("reason"), d.text("mode"))
	}
	t.Eventually("the machine computes", settleLimit, t.isCompute)
	if r := t.Run("modectl", "history", "-n", "1"); !strings.Contains(r.out, "began by itself: idle for 1 min") {
		t.Errorf("modectl history does not say why")
	}
}

// idleStopped: whoever comes back in the countdown keeps the desktop, at once.
func idleStopped(t *T) {
	t.configure(idleSoon)
	t.Cleanup(func() { t.idle(false) })
	s, err := t.seated("dev")
	t.must(err)
	t.idle(true)
	t.countdown("idle", 2*time.Minute)
	back := time.Now()
	t.idle(false)
	d := t.wantOutcome("cancelled", time.Minute)
	t.Logf("cancelled %.1f s after the activity", time.Since(back).Seconds())
	if want := "session " + s.ID + " of dev is in use"; !strings.Contains(d.text("message"), want) {
		t.Errorf("message %q, want %q", d.text("message"), want)
	}
	if err := t.alive(s.ID); err != nil {
		t.Errorf("%v", err)
	}
	t.wantModeNow("desktop")
}

func (t *T) wantModeNow(mode string) {
	if got := t.mode(); got != mode {
		t.Errorf("mode is %s, want %s", got, mode)
	}
}

// holdStopsIdle: nothing begins while somebody holds the mode, and the end of
// the hold lets it begin.
func holdStopsIdle(t *T) {
	t.configure(idleSoon)
	t.Cleanup(func() { t.idle(false); t.Quiet("systemctl", "stop", "lab-hold.service") })
	t.Must("systemd-run", "--quiet", "--collect", "--unit=lab-hold", "modectl", "hold", "--", "sleep", "infinity")
	t.Eventually("the mode is held", time.Minute, func() error {
		if r := t.Quiet("modectl", "holds"); !strings.Contains(r.out, "automatic") {
			return fmt.Errorf("modectl holds: %s", r.all)
		}
		return nil
	})
	t.idle(true)
	t.quiet(80 * time.Second)
	if r := t.Run("modectl", "history", "-n", "1"); !strings.Contains(r.out, "refused") || !strings.Contains(r.out, "holds") {
		t.Errorf("the history does not say who held the mode")
	}
	t.Must("systemctl", "stop", "lab-hold.service")
	t.countdown("idle", time.Minute)
	t.idle(false)
	t.wantOutcome("cancelled", time.Minute)
}

// exitSoon ends studio after five seconds of what makes it useless.
const exitSoon = `[[edges]]
event    = "enforced_exit"
from     = "studio"
to       = "desktop"
triggers = ["studio-user-gone", "pipewire-gone", "memory-pressure"]
after-condition = "5s"
`

// enforcedExit: each condition by itself ends studio.
func enforcedExit(t *T) {
	t.configure(exitSoon)
	const units = "pipewire.socket pipewire-pulse.socket pipewire.service pipewire-pulse.service wireplumber.service"
	t.Cleanup(func() {
		t.Quiet("systemctl", "stop", "lab-hog.service")
		t.Quiet("sh", "-c", "systemctl --user --machine=dev@.host start "+units)
	})
	for _, c := range []struct {
		trigger, reason string
		begin           func()
	}{
		{"pipewire-gone", "PipeWire of dev has been gone for ", func() {
			t.Must("sh", "-c", "systemctl --user --machine=dev@.host stop "+units)
		}},
		{"memory-pressure", "memory has been short for ", func() {
			t.Run("systemctl", "status", "--no-pager", "moded-pressure.service")
			// It wants more than it may have, and waits for memory ever after.
			t.Must("systemd-run", "--quiet", "--collect", "--unit=lab-hog", "-p", "MemoryHigh=8M", "-p", "MemorySwapMax=0",
				"sh", "-c", "head -c 400M /dev/zero | tail; sleep infinity")
		}},
		{"studio-user-gone", "dev has been logged out for ", func() {
			s, err := t.seated("dev")
			t.must(err)
			t.Must("loginctl", "terminate-session", s.ID)
		}},
	} {
		t.mustSwitch("studio")
		t.Eventually("PipeWire runs and is reported", settleLimit, t.sounding)
		t.Eventually("memory is watched", settleLimit, func() error { return t.wantUnit("moded-pressure.service", "active") })
		t.quiet(8 * time.Second)
		begun := time.Now()
		c.begin()
		t.Eventually("studio is left because of "+c.trigger, switchLimit, func() error {
			if d := t.last(); d.text("trigger") != c.trigger || t.open().text("phase") != "" {
				return fmt.Errorf("last is %s, %s: %s; memory: %s", d.text("trigger"), d.text("outcome"), d.text("message"),
					t.unit("moded-pressure.service", "StatusText"))
			}
			return nil
		})
		t.Logf("left %.1f s after it began", time.Since(begun).Seconds())
		t.Quiet("systemctl", "stop", "lab-hog.service")
		d := t.wantOutcome("settled", switchLimit)
		if !strings.HasPrefix(d.text("reason"), c.reason) || d.text("event") != "enforced_exit" {
			t.Errorf("reason %q, event %q", d.text("reason"), d.text("event"))
		}
		t.wantModeNow("desktop")
		t.Eventually("memory is watched no longer", settleLimit, func() error { return t.wantUnit("moded-pressure.service", "inactive") })
		t.Must("sh", "-c", "systemctl start display-manager.service; chvt 7")
		t.Eventually("dev is there", settleLimit, func() error { _, err := t.seated("dev"); return err })
		t.Eventually("PipeWire can start", settleLimit, func() error {
			if r := t.Quiet("sh", "-c", "systemctl --user --machine=dev@.host start "+units); r.code != 0 {
				return fmt.Errorf("%s", r.all)
			}
			return nil
		})
		t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
	}
}

// sounding says whether dev's PipeWire runs as far as moded knows.
func (t *T) sounding() error {
	if r := t.Quiet("modectl", "status", "--resources"); !strings.Contains(r.out, "Audio       dev") {
		return fmt.Errorf("modectl status --resources: %s", r.all)
	}
	if t.Quiet("pgrep", "-u", "dev", "-x", "pipewire").code != 0 {
		return fmt.Errorf("dev has no PipeWire")
	}
	return nil
}

// handsDrift: what somebody starts by hand is told within 2 s, and the time that
// a look takes on an emulated machine, by PID 1's own signals, forgotten when it
// is mended, and stopped when that is asked for.
func handsDrift(t *T) {
	const unit, line = "fstrim.timer", "units/fstrim.timer differs from studio"
	t.mustSwitch("studio")
	t.Cleanup(func() { t.Switch("desktop") })
	seen := t.told(line)
	late := 0
	for range 3 {
		t.quiet(20 * time.Second) // no look is under way, and none is put off
		begun := time.Now()
		t.Must("modectl", "verify")
		look := time.Since(begun)
		begun = time.Now()
		t.Must("systemctl", "start", unit)
		told := seen(true).Sub(begun)
		begun = time.Now()
		t.Must("systemctl", "stop", unit)
		t.Logf("a look takes %.2f s; told %.2f s after the start, forgotten %.2f s after the stop",
			look.Seconds(), told.Seconds(), seen(false).Sub(begun).Seconds())
		if told > 2*time.Second+2*look {
			t.Logf("told only after %s", told)
			late++
		}
	}
	if late == 3 { // the machine may have stood still once
		t.Errorf("told too late each time")
	}
	t.configure("drift = \"correct\"\n")
	begun := time.Now()
	t.Must("systemctl", "start", unit)
	t.Eventually("the timer is stopped again", time.Minute, func() error { return t.wantUnit(unit, "inactive") })
	t.Logf("stopped again %.2f s after the start", time.Since(begun).Seconds())
	d := t.wantOutcome("settled", time.Minute)
	if d.text("trigger") != "drift" || d.text("from") != "studio" || d.text("to") != "studio" || d.text("reason") != "drift of units/"+unit {
		t.Errorf("trigger %q, %s to %s, reason %q", d.text("trigger"), d.text("from"), d.text("to"), d.text("reason"))
	}
	t.Run("modectl", "history", "-n", "2")
	if r := t.Run("modectl", "verify"); r.code != 0 {
		t.Errorf("something still differs")
	}
}

// told gives a function that waits until Degraded has the line, or has it no
// longer, and tells when. It listens, so that looking does not take time.
func (t *T) told(line string) func(there bool) time.Time {
	conn, err := dbus.ConnectSystemBus()
	t.must(err)
	t.Cleanup(func() { conn.Close() })
	signals := make(chan *dbus.Signal, 256)
	conn.Signal(signals)
	t.must(conn.AddMatchSignal(dbus.WithMatchSender(busName), dbus.WithMatchMember("PropertiesChanged")))
	object := conn.Object(busName, busPath)
	return func(there bool) time.Time {
		limit := time.After(time.Minute)
		for {
			var lines []string
			v, err := object.GetProperty(busIface + ".Degraded")
			t.must(err)
			t.must(v.Store(&lines))
			if strings.Contains(strings.Join(lines, "\n"), line) == there {
				return time.Now()
			}
			select {
			case <-signals:
			case <-limit:
				t.modedLog()
				t.Fatalf("Degraded is %q; want %q in it: %v", lines, line, there)
			}
		}
	}
}
