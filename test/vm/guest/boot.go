package main

import (
	"strings"
	"time"
)

// bootScenarios are about the machine as it comes up, and the ways that need
// no compute mode.
func bootScenarios() []scenario {
	return []scenario{
		short("boot-to-desktop", 40, bootToDesktop),
		short("introspection", 20, introspection),
		short("studio-and-back", 60, studioAndBack),
		short("studio-to-compute-not-an-edge", 45, notAnEdge),
		short("journal-fields", 45, journalFields),
		short("daemon-restart-keeps-mode", 60, restartKeepsMode),
	}
}

// bootToDesktop: the boot edge took the machine to the default mode by itself.
// It comes first in the table, so nothing has been asked of the machine yet.
func bootToDesktop(t *T) {
	t.show("after boot")
	t.modedLog()
	r := t.Run("busctl", "--json=short", "call", busName, busPath, busIface, "ListHistory", "u", "0")
	if !strings.Contains(r.out, `"from":{"type":"s","data":"boot"},`) && !strings.Contains(r.out, `"data":"boot"`) {
		t.Errorf("the history has no transition from boot")
	}
	if r := t.Run("modectl", "status", "--json"); r.code != 0 {
		t.Errorf("modectl status: exit %d", r.code)
	}
	var degraded []string
	if err := t.property("Degraded", &degraded); err != nil || len(degraded) > 0 {
		t.Errorf("Degraded is %v, %v", degraded, err)
	}
	if state := t.Run("systemctl", "is-system-running"); !strings.Contains(state.out, "running") {
		t.Run("systemctl", "--failed", "--no-pager")
		t.Errorf("the system is %s", strings.TrimSpace(state.out))
	}
	t.Eventually("moded-desktop.target", 30*time.Second, func() error { return t.wantUnit("moded-desktop.target", "active") })
}

// isStudio says whether the machine is in the studio mode: its target, the
// weight that the kernel really has, the timer stopped, and the desktop's rest.
func (t *T) isStudio() error {
	for unit, state := range map[string]string{
		"moded-studio.target": "active", "moded-desktop.target": "inactive", "fstrim.timer": "inactive", "lab-studio.service": "active",
	} {
		if err := t.wantUnit(unit, state); err != nil {
			return err
		}
	}
	if err := t.weight("20"); err != nil {
		return err
	}
	if err := t.quantum("256"); err != nil {
		return err
	}
	return t.isDesktop()
}

// quantum reads what PipeWire's own tool says is forced on dev's graph.
func (t *T) quantum(want string) error {
	r := t.Quiet("env", "PIPEWIRE_RUNTIME_DIR=/run/user/1000", "pw-metadata", "-n", "settings", "0", "clock.force-quantum")
	if !strings.Contains(r.out, "value:'"+want+"'") {
		return errorf("clock.force-quantum is not %s: %s", want, r.all)
	}
	return nil
}

// weight compares what the kernel has for system.slice.
func (t *T) weight(want string) error {
	if got := strings.TrimSpace(t.Quiet("cat", "/sys/fs/cgroup/system.slice/cpu.weight").out); got != want {
		return errorf("cpu.weight of system.slice is %s, want %s", got, want)
	}
	return nil
}

// studioAndBack: slices, units and target move; the session does not.
func studioAndBack(t *T) {
	before, err := t.seated("dev")
	t.must(err)
	t.Run("modectl", "plan", "studio")
	t.mustSwitch("studio")
	t.show("in studio")
	t.Eventually("the machine is a studio", settleLimit, t.isStudio)
	t.mustSwitch("desktop")
	t.show("back")
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
	for unit, state := range map[string]string{"moded-studio.target": "inactive", "moded-desktop.target": "active", "fstrim.timer": "active", "lab-studio.service": "inactive"} {
		if err := t.wantUnit(unit, state); err != nil {
			t.Errorf("%v", err)
		}
	}
	if err := t.weight("100"); err != nil {
		t.Errorf("%v", err)
	}
	t.Eventually("the quantum is lifted", settleLimit, func() error { return t.quantum("0") })
	if after, err := t.seated("dev"); err != nil || after.ID != before.ID {
		t.Errorf("the session was %s and is %s, %v", before.ID, after.ID, err)
	}
}

// notAnEdge: studio → compute is refused by the law, and names the way.
func notAnEdge(t *T) {
	t.mustSwitch("studio")
	before, err := t.seated("dev")
	t.must(err)
	r := t.Switch("compute")
	if r.code != 3 {
		t.Errorf("exit %d, want 3", r.code)
	}
	if !strings.Contains(r.all, "desktop") {
		t.Errorf("the refusal does not name the way")
	}
	call := t.Run("busctl", "call", busName, busPath, busIface, "SwitchMode", "suus", "compute", "1", "0", "lab")
	if call.code == 0 {
		t.Errorf("the override must not bend the law")
	}
	t.show("still in studio")
	if got := t.mode(); got != "studio" {
		t.Errorf("mode is %s", got)
	}
	if err := t.alive(before.ID); err != nil {
		t.Errorf("%v", err)
	}
}

// journalFields: the journal has the transition by its fields.
func journalFields(t *T) {
	t.mustSwitch("studio")
	id := t.last().text("id")
	t.Eventually("the journal has the transition", 30*time.Second, func() error {
		r := t.Quiet("journalctl", "-b", "--no-pager", "-o", "json", "MODED_TRANSITION="+id)
		for _, want := range []string{`"MODED_FROM":"desktop"`, `"MODED_TO":"studio"`, `"MODED_STEP":`, `"MODED_REASON":"lab"`, `"MESSAGE_ID":`, `"_SYSTEMD_UNIT":"moded.service"`} {
			if !strings.Contains(strings.ReplaceAll(r.out, `" : "`, `":"`), want) {
				return errorf("nothing has %s", want)
			}
		}
		return nil
	})
	t.Run("journalctl", "-b", "--no-pager", "-o", "json", "MODED_TRANSITION="+id)
	t.Must("journalctl", "--update-catalog")
	if r := t.Run("journalctl", "--no-pager", "--list-catalog"); !strings.Contains(r.out, "moded") {
		t.Errorf("the catalog does not know moded's messages")
	}
}

// restartKeepsMode: neither a restart nor a kill at rest changes the mode, and
// nothing is done at start.
func restartKeepsMode(t *T) {
	t.mustSwitch("studio")
	before, err := t.seated("dev")
	t.must(err)
	id := t.last().text("id")
	for _, how := range []string{"restart", "kill -9"} {
		old := t.pid()
		if how == "restart" {
			t.Must("systemctl", "restart", "moded.service")
		} else {
			t.kill(old)
		}
		t.Eventually("moded is back after "+how, settleLimit, func() error {
			if now := t.pid(); now == old || now == 0 {
				return errorf("pid is %d", now)
			}
			return t.wantMode("studio")()
		})
		if now := t.last().text("id"); now != id {
			t.Errorf("the newest transition was %s and is %s", id, now)
		}
	}
	t.show("after restart and kill")
	t.Eventually("the machine is a studio", settleLimit, t.isStudio)
	if err := t.alive(before.ID); err != nil {
		t.Errorf("%v", err)
	}
}
