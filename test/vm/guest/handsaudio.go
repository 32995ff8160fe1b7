package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// audioScenarios are about what a studio does for the people at the machine.
func audioScenarios() []scenario {
	return []scenario{
		long("hands-studio-quantum", 200, handsStudioQuantum),
		long("hands-studio-pipewire-restart", 150, handsPipeWireRestart),
		long("hands-slices", 250, handsSlices),
	}
}

// measured says whether the drivers that run in dev's graph run with that
// quantum, by PipeWire's own profiler.
func (t *T) measured(quantum string) error {
	r := capture(asUser("dev", "pw-top -b -n 3"))
	last := r.out[max(0, strings.LastIndex(r.out, "QUANT")):]
	running := 0
	for line := range strings.Lines(last) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != "R" || strings.Contains(line, " + ") || strings.Contains(line, " = ") {
			continue
		}
		if running++; f[2] != quantum {
			return fmt.Errorf("a driver runs with %s, want %s:\n%s", f[2], quantum, r.all)
		}
	}
	if running == 0 {
		return fmt.Errorf("no driver runs:\n%s", r.all)
	}
	return nil
}

// force sets a quantum as dev would by hand.
func (t *T) force(quantum string) {
	t.Exec(asUser("dev", "pw-metadata -n settings 0 clock.force-quantum "+quantum))
	t.Eventually("dev's own quantum "+quantum, time.Minute, func() error { return t.quantum(quantum) })
}

// agent is the bus name of a user's agent.
func (t *T) agent(user string) string {
	for line := range strings.Lines(t.Quiet("busctl", "list", "--no-pager", "--no-legend").out) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasPrefix(f[0], ":") && f[2] == "moded-agent" && f[3] == user {
			return f[0]
		}
	}
	return ""
}

// captured is what a user's agent says of that kind.
func (t *T) captured(user, kind string) string {
	return t.Quiet("busctl", "call", t.agent(user), "/org/modectl/Agent1", "org.modectl.Agent1", "Capture", "s", kind).all
}

// drifted says whether modectl verify tells that the kind is not as wanted, or is.
func (t *T) drifted(kind string, want bool) error {
	r := t.Quiet("modectl", "verify")
	for line := range strings.Lines(r.out) {
		f := strings.Fields(line)
		if len(f) > 1 && f[1] == kind && (f[0] != "settled") == want {
			return nil
		}
	}
	return fmt.Errorf("modectl verify (exit %d): %s", r.code, r.all)
}

// handsStudioQuantum: what studio forces is what the graph runs with, also for a
// JACK client; desktop has what was there before; and what the user changes in
// studio is told and left.
func handsStudioQuantum(t *T) {
	t.Cleanup(func() { t.Exec(asUser("dev", "pw-metadata -n settings 0 clock.force-quantum 0")) })
	t.force("512") // dev's own, before
	t.asUnit("dev", "lab-play", "pw-play", t.silence())
	t.wantNode("dev", "pw-play")
	t.Eventually("the graph runs with dev's own", settleLimit, func() error { return t.measured("512") })
	t.mustSwitch("studio")
	t.Eventually("the graph runs with studio's", settleLimit, func() error { return t.measured("256") })
	t.Exec(asUser("dev", "pw-top -b -n 3"))
	t.asUnit("dev", "lab-jack", "pw-jack", "jack_metro", "-b", "60")
	t.wantNode("dev", "metro")
	t.Eventually("JACK's buffer", settleLimit, func() error {
		if r := capture(asUser("dev", "timeout 20 pw-jack jack_bufsize")); !strings.Contains(r.all, "256") {
			return fmt.Errorf("jack_bufsize: %s", r.all)
		}
		return t.measured("256")
	})
	t.Eventually("the agent has measured it too", settleLimit, func() error {
		if have := t.captured("dev", "audio"); !strings.Contains(have, `"measured" u 256`) {
			return fmt.Errorf("%s", have)
		}
		return t.drifted("audio", false)
	})
	t.endUnit("dev", "lab-jack")
	t.mustSwitch("desktop")
	t.Eventually("dev's own is back", settleLimit, func() error { return t.measured("512") })

	t.mustSwitch("studio")
	t.force("1024") // dev's word in studio
	t.Eventually("the drift is told", settleLimit, func() error { return t.drifted("audio", true) })
	t.Run("modectl", "verify")
	time.Sleep(3 * time.Second) // longer than the daemon waits between two orders
	if err := t.quantum("1024"); err != nil {
		t.Errorf("dev is fought: %v", err)
	}
	t.mustSwitch("desktop")
	if err := t.quantum("1024"); err != nil {
		t.Errorf("desktop takes dev's word away: %v", err)
	}
}

// drifts asks the daemon again and again what differs, until stopped, and counts
// the answers that say it of audio.
func (t *T) drifts() (stop func() (asked, told int)) {
	conn, err := dbus.ConnectSystemBus()
	t.must(err)
	end, done := make(chan bool), make(chan [2]int)
	go func() {
		defer conn.Close()
		var n [2]int
		for {
			var rows []map[string]dbus.Variant
			err := conn.Object(busName, busPath).Call(busIface+".Verify", 0).Store(&rows)
			n[0]++
			for _, row := range rows {
				if settled, known := row["settled"].Value().(bool); err == nil && known && !settled && row["kind"].Value() == "audio" {
					n[1]++
				}
			}
			select {
			case <-end:
				done <- n
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
	return func() (int, int) { close(end); n := <-done; return n[0], n[1] }
}

// handsPipeWireRestart: a PipeWire that is restarted in studio has forgotten the
// quantum. That is told, and the agent forces it again.
func handsPipeWireRestart(t *T) {
	t.mustSwitch("studio")
	t.Eventually("the quantum is forced", settleLimit, func() error { return t.quantum("256") })
	if err := t.drifted("audio", false); err != nil {
		t.Errorf("before: %v", err)
	}
	old, stop := t.mainPID("dev", "pipewire"), t.drifts()
	t.userctl("dev", "restart", "pipewire.service")
	began := time.Now()
	t.Logf("systemctl says that it was restarted")
	t.Eventually("the quantum is forced again", time.Minute, func() error { return t.quantum("256") })
	t.Logf("the quantum was back %.1f s after the restart", time.Since(began).Seconds())
	t.Sh("systemctl --user --machine=dev@.host show pipewire.service -p ActiveEnterTimestampMonotonic; journalctl -b --no-pager -o short-monotonic -n 30 _UID=1000 _SYSTEMD_USER_UNIT=moded-agent.service")
	t.Eventually("nothing differs any more", settleLimit, func() error { return t.drifted("audio", false) })
	asked, told := stop()
	t.Logf("Verify was asked %d times, and told of audio %d times", asked, told)
	if told == 0 {
		t.Errorf("the drift was not told")
	}
	if now := t.mainPID("dev", "pipewire"); now == old || now == 0 {
		t.Errorf("pipewire was %d and is %d", old, now)
	}
	t.asUnit("dev", "lab-play", "pw-play", t.silence())
	t.wantNode("dev", "pw-play")
	t.Eventually("the new graph runs with it", settleLimit, func() error { return t.measured("256") })
	t.endUnit("dev", "lab-play")
	t.mustSwitch("desktop")
	t.Eventually("the quantum is lifted", settleLimit, func() error { return t.quantum("0") })
}
