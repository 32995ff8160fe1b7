package main

import (
	"os"
	"strings"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// computeScenarios go to compute, or fail to.
func computeScenarios() []scenario {
	return []scenario{
		short("compute-refused-while-audio-plays", 60, refusedWhileAudio),
		short("compute-and-back", 120, computeAndBack),
		short("failing-unit-rolls-back", 150, failingUnit),
		long("gpu-holder-times-out", 200, gpuHolder),
		long("same-user-over-ssh", 160, overSSHToo),
		long("new-login-during-grace", 90, loginDuringGrace),
		long("login-during-rollback", 240, loginDuringRollback),
	}
}

// long makes a row of vm-test-long that shares a boot.
func long(name string, seconds int, f func(*T)) scenario {
	s := short(name, seconds, f)
	s.Long = true
	return s
}

// alone makes a row of vm-test-long that gets a machine of its own.
func alone(name string, seconds int, parts ...func(*T)) scenario {
	return scenario{lab.Info{Name: name, Long: true, Fresh: true, Expected: time.Duration(seconds) * time.Second}, parts}
}

// refusedWhileAudio: a running playback node denies, with its name; when it
// has ended the way is free.
func refusedWhileAudio(t *T) {
	before, err := t.seated("dev")
	t.must(err)
	t.allowed("compute")
	t.play()
	t.show("while audio plays")
	t.Eventually("compute is refused", settleLimit, func() error {
		r := t.Quiet("modectl", "plan", "compute", "--json")
		if !strings.Contains(r.all, "audio-idle") || !strings.Contains(r.all, "deny") {
			return errorf("plan: %s", clip(r.all))
		}
		return nil
	})
	r := t.Switch("compute")
	if r.code != 3 {
		t.Errorf("exit %d, want 3", r.code)
	}
	for _, want := range []string{"audio-idle", "dev"} {
		if !strings.Contains(r.all, want) {
			t.Errorf("the refusal does not name %q", want)
		}
	}
	if d := t.last(); d.text("outcome") != "refused" {
		t.Errorf("the newest record is %q, want refused", d.text("outcome"))
	}
	if err := t.alive(before.ID); err != nil {
		t.Errorf("%v", err)
	}
	if err := t.isDesktop(); err != nil {
		t.Errorf("%v", err)
	}
	t.stopPlaying()
	t.allowed("compute")
}

// computeAndBack is the story of the whole thing.
func computeAndBack(t *T) {
	before, err := t.seated("dev")
	t.must(err)
	t.allowed("compute")
	t.show("before")
	t.Run("modectl", "plan", "compute")
	start := time.Now()
	t.mustSwitch("compute")
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("it took %s: the grace period was not kept", took)
	}
	t.show("in compute")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	if err := t.alive(before.ID); err == nil {
		t.Errorf("session %s is still alive", before.ID)
	}
	t.Sh("cat /run/moded/env/ai.service; ls -l /run/moded /run/moded/deny; cat /run/issue.d/*")
	t.gateHolds()
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
	t.show("back on the desktop")
	if err := t.wantUnit("ai.service", "inactive"); err != nil {
		t.Errorf("%v", err)
	}
}

// gateHolds: in compute nothing but moded brings the compositor back.
func (t *T) gateHolds() {
	t.Run("systemctl", "start", "display-manager.service")
	t.Run("systemctl", "show", "display-manager.service", "-p", "ActiveState,ConditionResult")
	if err := t.isHeadless(); err != nil {
		t.Errorf("the gate does not hold: %v", err)
	}
}

// failingUnit: the AI server never gets ready; the machine is a desktop again
// and says what was lost.
func failingUnit(t *T) {
	t.allowed("compute")
	t.must(os.WriteFile("/etc/lab/ai.conf", []byte("ready=no\n"), 0o644))
	r := t.Switch("compute")
	if r.code != 1 {
		t.Errorf("exit %d, want 1", r.code)
	}
	if !strings.Contains(r.all, "ai.service") {
		t.Errorf("the outcome does not name ai.service")
	}
	t.desktop(switchLimit)
	t.show("after the rollback")
	d := t.wantRolledBack(settleLimit)
	if lost := d.text("lost"); !strings.Contains(lost, "dev") {
		t.Errorf("lost is %s", lost)
	}
	if err := t.wantUnit("ai.service", "inactive"); err != nil {
		t.Errorf("%v", err)
	}
	if r := t.Run("journalctl", "-b", "--no-pager", "-o", "json", "-u", "moded.service", "MODED_TRANSITION="+d.text("id")); !strings.Contains(r.out, "ai.service") {
		t.Errorf("the journal does not name the reason")
	}
}

// gpuHolder: a unit that the plan stops opens the card as it goes and keeps
// it. The barrier gives up by deadline and names it.
func gpuHolder(t *T) {
	t.allowed("compute")
	t.must(os.WriteFile("/etc/lab/grab", nil, 0o644))
	t.Cleanup(func() { fixtures(t) })
	r := t.Switch("compute")
	t.Sh("systemctl status --no-pager lab-holder.service; fuser -v /dev/dri/card0")
	if r.code != 1 {
		t.Errorf("exit %d, want 1", r.code)
	}
	if !strings.Contains(r.all, "lab-holder") && !strings.Contains(r.all, "sleep") {
		t.Errorf("the outcome does not name the culprit")
	}
	t.wantRolledBack(switchLimit)
	t.desktop(switchLimit)
	t.show("after the rollback")
}

// overSSHToo: with linger and a second session of the same user the transition
// settles, and that session lives on.
func overSSHToo(t *T) {
	t.allowed("compute")
	t.Must("loginctl", "enable-linger", "dev")
	t.Cleanup(func() { t.Quiet("loginctl", "disable-linger", "dev") })
	ssh := t.Login(login{user: "dev", kind: "tty"})
	t.allowed("compute")
	t.mustSwitch("compute")
	t.show("in compute, dev still over ssh")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	if err := t.alive(ssh.ID); err != nil {
		t.Errorf("the ssh session was ended: %v", err)
	}
	if err := t.wantUnit("user@1000.service", "active"); err != nil {
		t.Errorf("%v", err)
	}
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
}

// loginDuringGrace: somebody sits down while the countdown runs. Nothing has
// been touched, nothing is.
func loginDuringGrace(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	t.allowed("compute")
	t.begin("compute")
	other := t.Login(login{user: "other", vt: 8, kind: "wayland"})
	t.Eventually("the transition is over", switchLimit, func() error {
		if phase := t.open().text("phase"); phase != "" {
			return errorf("phase %s", phase)
		}
		return nil
	})
	t.show("after the login")
	d := t.last()
	t.Logf("outcome %s: %s", d.text("outcome"), d.text("message"))
	if outcome := d.text("outcome"); outcome == "settled" || outcome == "stuck" {
		t.Errorf("outcome is %s", outcome)
	}
	for _, s := range []session{dev, other} {
		if err := t.alive(s.ID); err != nil {
			t.Errorf("%v", err)
		}
	}
	if got := t.mode(); got != "desktop" {
		t.Errorf("mode is %s", got)
	}
}

// loginDuringRollback: on the way back to the desktop a unit fails late; while
// that is undone somebody has logged in. The undo of gui must not end that
// session: stuck, until the admin mends the unit and says where the machine is.
func loginDuringRollback(t *T) {
	t.allowed("compute")
	t.mustSwitch("compute")
	t.must(os.WriteFile("/etc/lab/fail", nil, 0o644))
	t.Cleanup(func() { fixtures(t) })
	steps := t.steps()
	t.begin("desktop")
	t.await("the failing unit", steps, doing("units/grabber.service acquire"))
	other := t.Login(login{user: "other", vt: 8, kind: "wayland"})
	t.Eventually("stuck", switchLimit, func() error {
		if phase := t.open().text("phase"); phase != "stuck" {
			return errorf("mode %s, phase %q", t.mode(), phase)
		}
		return nil
	})
	t.show("stuck")
	t.Run("modectl", "status")
	if got := t.mode(); got != "transitioning" {
		t.Errorf("mode is %s", got)
	}
	t.must(os.Remove("/etc/lab/fail"))
	t.Run("systemctl", "start", "graphical.target", "display-manager.service", "moded-desktop.target", "grabber.service", "fstrim.timer")
	t.Run("systemctl", "stop", "moded-compute.target", "ai.service")
	t.Run("modectl", "verify")
	if r := t.Run("busctl", "call", "--timeout=120", busName, busPath, busIface, "Recover", "u", "2"); r.code != 0 {
		t.Logf("nothing verifies; undo again instead")
		t.Run("busctl", "call", "--timeout=120", busName, busPath, busIface, "Recover", "u", "0")
	}
	t.Eventually("no longer stuck", switchLimit, func() error {
		if mode := t.mode(); mode != "desktop" && mode != "compute" {
			return errorf("mode %s, phase %q", mode, t.open().text("phase"))
		}
		return nil
	})
	if err := t.alive(other.ID); err != nil {
		t.Errorf("the session of other was ended: %v", err)
	}
}
