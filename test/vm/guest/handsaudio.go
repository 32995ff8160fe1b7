package main

import (
	"fmt"
	"os"
	"strings"
	"time"
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
	t.plays()
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

// reports keeps what agents tell the daemon from now on, and gives a function that
// reads it.
func (t *T) reports() func() []string {
	const file = "/run/lab-reports.json"
	t.Cleanup(func() { t.Quiet("systemctl", "stop", "lab-reports.service"); t.Quiet("rm", "-f", file) })
	t.Must("systemd-run", "--quiet", "--collect", "--unit=lab-reports", "sh", "-c",
		"exec busctl monitor --json=short --match=\"type='method_call',member='ReportAudio'\" >"+file)
	t.Eventually("the monitor listens", settleLimit, func() error {
		r := t.Quiet("busctl", "list", "--no-pager", "--no-legend")
		if !strings.Contains(r.out, "lab-reports") && t.unit("lab-reports.service", "SubState") != "running" {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	return func() []string {
		raw, err := os.ReadFile(file)
		t.must(err)
		return strings.Split(strings.TrimSpace(string(raw)), "\n")
	}
}

// plays has dev play silence, and waits until it does.
func (t *T) plays() {
	t.Cleanup(func() { t.endUnit("dev", "lab-play") })
	began := time.Now()
	for t.playing() == "" {
		if time.Since(began) > settleLimit {
			t.Sh("journalctl -b --no-pager -n 30 _UID=1000")
			t.Fatalf("pw-play does not play")
		}
		if t.mainPID("dev", "lab-play") == 0 {
			t.Run("systemd-run", "--quiet", "--user", "--machine=dev@.host", "--collect", "--unit=lab-play", "pw-play", t.silence())
		}
		time.Sleep(time.Second)
	}
	t.Logf("pw-play plays after %.1f s", time.Since(began).Seconds())
}

// handsPipeWireRestart: a PipeWire that is restarted in studio has forgotten the
// quantum. That is told, and the agent forces it again.
func handsPipeWireRestart(t *T) {
	t.mustSwitch("studio")
	t.Eventually("the quantum is forced", settleLimit, func() error { return t.quantum("256") })
	if err := t.drifted("audio", false); err != nil {
		t.Errorf("before: %v", err)
	}
	old, told := t.mainPID("dev", "pipewire"), t.reports()
	t.userctl("dev", "restart", "pipewire.service")
	began := time.Now()
	t.Logf("systemctl says that it was restarted")
	t.Eventually("the quantum is forced again", time.Minute, func() error { return t.quantum("256") })
	t.Logf("the quantum was back %.1f s after the restart", time.Since(began).Seconds())
	t.Sh("systemctl --user --machine=dev@.host show pipewire.service -p ActiveEnterTimestampMonotonic; journalctl -b --no-pager -o short-monotonic -n 30 _UID=1000 _SYSTEMD_USER_UNIT=moded-agent.service")
	t.Eventually("nothing differs any more", settleLimit, func() error { return t.drifted("audio", false) })
	const standing = `"standing":{"type":"s","data":"`
	drift, again := -1, -1
	for i, line := range told() {
		t.Logf("%s", line)
		switch {
		case strings.Contains(line, standing+`"`):
			drift = max(drift, i)
		case drift >= 0 && strings.Contains(line, standing+`realtime"`):
			again = i
		}
	}
	if drift < 0 || again < drift {
		t.Errorf("the drift and its end were not told: lines %d and %d", drift, again)
	}
	if now := t.mainPID("dev", "pipewire"); now == old || now == 0 {
		t.Errorf("pipewire was %d and is %d", old, now)
	}
	t.plays()
	t.Eventually("the new graph runs with it", settleLimit, func() error { return t.measured("256") })
	t.endUnit("dev", "lab-play")
	t.mustSwitch("desktop")
	t.Eventually("the quantum is lifted", settleLimit, func() error { return t.quantum("0") })
}
