package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// Limits for an emulated machine on a host that is busy with other things.
const (
	bootLimit   = 4 * time.Minute
	switchLimit = 5 * time.Minute
	settleLimit = 2 * time.Minute
)

// where the daemon is on the bus.
const (
	busName  = "org.modectl.Manager1"
	busPath  = "/org/modectl/Manager1"
	busIface = "org.modectl.Manager1"
)

// Switch runs modectl switch as root, with consent, and waits for its end.
func (t *T) Switch(mode string, args ...string) result {
	return t.Run("modectl", append([]string{"switch", mode, "--yes", "--reason", "lab"}, args...)...)
}

// mustSwitch switches and fails the scenario unless it settled.
func (t *T) mustSwitch(mode string) {
	if r := t.Switch(mode); r.code != 0 {
		t.modedLog()
		t.Fatalf("switch %s: exit %d, want 0", mode, r.code)
	}
	if got := t.mode(); got != mode {
		t.Fatalf("mode is %q after switch %s", got, mode)
	}
}

// begin starts a switch without waiting for its end, by busctl.
func (t *T) begin(mode string) {
	r := t.Run("busctl", "call", "--timeout=120", busName, busPath, busIface, "SwitchMode", "suus", mode, "0", "0", "lab")
	if r.code != 0 {
		t.Fatalf("SwitchMode(%s) failed", mode)
	}
}

// property reads one of the daemon's properties with busctl, as JSON.
func (t *T) property(name string, into any) error {
	r := t.Quiet("busctl", "--json=short", "get-property", busName, busPath, busIface, name)
	if r.code != 0 {
		return fmt.Errorf("busctl: %s", strings.TrimSpace(r.all))
	}
	var v struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		return fmt.Errorf("busctl: %w: %s", err, r.out)
	}
	return json.Unmarshal(v.Data, into)
}

// mode is the property Mode, or what went wrong in angle brackets.
func (t *T) mode() string {
	var mode string
	if err := t.property("Mode", &mode); err != nil {
		return "<" + err.Error() + ">"
	}
	return mode
}

// wantMode says whether the machine is settled in the mode.
func (t *T) wantMode(mode string) func() error {
	return func() error {
		if got := t.mode(); got != mode {
			return fmt.Errorf("mode is %s", got)
		}
		return nil
	}
}

// dict is an a{sv} as busctl writes it.
type dict map[string]struct {
	Data any `json:"data"`
}

// text gives one value as text.
func (d dict) text(key string) string {
	v, ok := d[key]
	if !ok || v.Data == nil {
		return ""
	}
	if s, ok := v.Data.(string); ok {
		return s
	}
	raw, _ := json.Marshal(v.Data)
	return string(raw)
}

// last is the newest record of the history.
func (t *T) last() dict {
	var d dict
	if err := t.property("LastTransition", &d); err != nil {
		t.Logf("LastTransition: %v", err)
	}
	return d
}

// open is the transition that runs or is stuck.
func (t *T) open() dict {
	var d dict
	_ = t.property("Transition", &d)
	return d
}

// wantRolledBack waits for a transition that was undone.
func (t *T) wantRolledBack(limit time.Duration) dict { return t.wantOutcome("rolled-back", limit) }

// wantOutcome waits until the newest record that is no refusal's ended so.
func (t *T) wantOutcome(outcome string, limit time.Duration) dict {
	var d dict
	t.Eventually("outcome "+outcome, limit, func() error {
		if phase := t.open().text("phase"); phase != "" && phase != "stuck" {
			return fmt.Errorf("a transition is open, %s", phase)
		}
		d = t.last()
		if d.text("outcome") != outcome {
			return fmt.Errorf("outcome is %q: %q", d.text("outcome"), d.text("message"))
		}
		return nil
	})
	t.Run("busctl", "--json=pretty", "get-property", busName, busPath, busIface, "LastTransition")
	return d
}

// allowed waits until a switch to the mode would be allowed: the agent has
// reported, the load is down.
func (t *T) allowed(mode string) {
	t.Eventually("plan "+mode+" is allowed", settleLimit, func() error {
		r := t.Quiet("busctl", "--json=short", "--timeout=60", "call", busName, busPath, busIface, "Plan", "su", mode, "0")
		if r.code != 0 || !strings.Contains(r.out, `"data":[true,`) {
			return fmt.Errorf("%s", clip(r.all))
		}
		return nil
	})
}

// desktop waits for the desktop with everything that belongs to it.
func (t *T) desktop(limit time.Duration) {
	t.Eventually("mode desktop", limit, t.wantMode("desktop"))
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
}

// pid is the daemon's.
func (t *T) pid() int {
	pid, _ := strconv.Atoi(t.unit("moded.service", "MainPID"))
	return pid
}

// kill kills the daemon without a word.
func (t *T) kill(pid int) {
	t.must(syscall.Kill(pid, syscall.SIGKILL))
	t.Logf("killed moded, pid %d", pid)
}

// modedLog keeps the daemon's newest words in the detail.
func (t *T) modedLog() {
	t.Run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "80", "-u", "moded.service", "-u", "moded-probe.service", "-u", "ai.service")
	t.Run("modectl", "status")
}

// step is one StepChanged signal.
type step struct {
	id, index, total uint32
	name, status     string
}

// steps listens for StepChanged until the scenario is over or calls it again.
func (t *T) steps() <-chan step {
	if t.listener != nil {
		t.listener.Close()
	}
	conn, err := dbus.ConnectSystemBus()
	t.must(err)
	t.listener = conn
	t.Cleanup(func() { conn.Close() })
	t.must(conn.AddMatchSignal(dbus.WithMatchInterface(busIface), dbus.WithMatchMember("StepChanged")))
	raw := make(chan *dbus.Signal, 256)
	conn.Signal(raw)
	out := make(chan step, 256)
	go func() {
		defer close(out)
		for signal := range raw {
			var s step
			if dbus.Store(signal.Body, &s.id, &s.index, &s.total, &s.name, &s.status) == nil {
				t.Logf("StepChanged %d/%d %s %s", s.index, s.total, s.name, s.status)
				out <- s
			}
		}
	}()
	return out
}

// await waits for the first step that matches.
func (t *T) await(what string, steps <-chan step, match func(step) bool) step {
	limit := time.After(switchLimit)
	for {
		select {
		case s, ok := <-steps:
			if !ok {
				t.Fatalf("the bus is gone while waiting for %s", what)
			}
			if match(s) {
				return s
			}
		case <-limit:
			t.modedLog()
			t.Fatalf("no step matched: %s", what)
		}
	}
}

// doing matches the beginning of the step of that name.
func doing(name string) func(step) bool {
	return func(s step) bool { return s.name == name && s.status == "doing" }
}
