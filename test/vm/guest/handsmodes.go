package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// modesScenarios walk the modes that are configuration alone, as the examples
// have them.
func modesScenarios() []scenario {
	return []scenario{
		long("hands-mode-maintenance", 240, modeMaintenance),
		long("hands-mode-remote-only", 180, modeRemoteOnly),
	}
}

// example makes an installed example the configuration until the scenario is
// over; each pair of words is a name of the example and the guest's for it.
func (t *T) example(name string, names ...string) {
	const file = "/etc/moded/moded.toml"
	before, err := os.ReadFile(file)
	t.must(err)
	text, err := os.ReadFile("/usr/share/doc/moded/examples/" + name + ".toml")
	t.must(err)
	for i := 0; i < len(names); i += 2 {
		if !strings.Contains(string(text), names[i]) {
			t.Fatalf("%s.toml does not say %s", name, names[i])
		}
	}
	t.Cleanup(func() {
		t.must(os.WriteFile(file, before, 0o644))
		t.Must("modectl", "reload")
	})
	t.must(os.WriteFile(file, []byte(strings.NewReplacer(names...).Replace(string(text))), 0o644))
	t.Must("modectl", "config", "check")
	t.Must("modectl", "reload")
	t.Run("modectl", "modes")
}

// make writes units of the guest's own, which are gone with the scenario.
func (t *T) make(units map[string]string) {
	for name, text := range units {
		path := "/run/systemd/system/" + name
		t.Cleanup(func() { t.Quiet("sh", "-c", "systemctl stop "+name+"; rm -f "+path+"; systemctl daemon-reload") })
		t.must(writeFile(path, text))
	}
	t.Must("systemctl", "daemon-reload")
}

// toDesktop is the way back that a cleanup takes before the configuration, and
// the mode with it, goes.
func (t *T) toDesktop() {
	if t.mode() != "desktop" {
		t.Switch("desktop", "--force", "--now")
	}
}

// wantUnits compares the ActiveState of several units.
func (t *T) wantUnits(states map[string]string) func() error {
	return func() error {
		for name, state := range states {
			if err := t.wantUnit(name, state); err != nil {
				return err
			}
		}
		return nil
	}
}

// holding says whether a verification finds all as the mode wants it.
func (t *T) holding() {
	if r := t.Run("modectl", "verify"); r.code != 0 {
		t.Errorf("verify: exit %d", r.code)
	}
}

// modeMaintenance: the screen is dark, timers rest, what belongs to the mode
// runs; apt at work keeps the machine in it, whoever asks.
func modeMaintenance(t *T) {
	const scrub = "lab-scrub.service"
	t.make(map[string]string{
		"moded-maintenance.target": "[Unit]\nDescription=The machine is being mended\nWants=" + scrub + "\n",
		scrub:                      "[Unit]\nPartOf=moded-maintenance.target\n[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=moded-maintenance.target\n",
	})
	t.example("maintenance")
	t.Cleanup(t.toDesktop)
	t.allowed("maintenance")
	t.Run("modectl", "plan", "maintenance")
	if r := t.Switch("maintenance", "--now"); r.code != 0 {
		t.modedLog()
		t.Fatalf("exit %d, want 0", r.code)
	}
	t.show("in maintenance")
	t.Eventually("the screen is dark", settleLimit, t.isHeadless)
	t.Eventually("units are as the mode says", settleLimit, t.wantUnits(map[string]string{
		"moded-maintenance.target": "active", scrub: "active", "moded-desktop.target": "inactive",
		"fstrim.timer": "inactive", "apt-daily.timer": "inactive", "apt-daily-upgrade.timer": "inactive", "vllm.service": "inactive",
	}))
	t.gateHolds()
	t.holding()

	t.slowInstall()
	for _, args := range [][]string{nil, {"--force"}} {
		r := t.Switch("desktop", args...)
		if r.code != 3 || !strings.Contains(r.all, "upgrade-over") {
			t.Errorf("switch desktop %v during an upgrade: exit %d, want 3 and upgrade-over", args, r.code)
		}
	}
	t.Must("systemctl", "stop", "lab-apt.service")
	t.allowed("desktop")
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
	t.Eventually("units are as before", settleLimit, t.wantUnits(map[string]string{
		"moded-maintenance.target": "inactive", scrub: "inactive", "moded-desktop.target": "active", "fstrim.timer": "active",
	}))
	t.holding() // the timers of apt, which the guest has masked, are left out
}

// modeRemoteOnly: not while dev sits at the screen; not back while somebody is
// connected.
func modeRemoteOnly(t *T) {
	const service, program = "gnome-remote-desktop.service", "/usr/lib/lab/gnome-remote-desktop-daemon"
	t.Must("cp", "/usr/bin/sleep", program)
	t.make(map[string]string{service: "[Service]\nExecStart=" + program + " infinity\n"})
	t.example("remote-only", "gnome-shell", "weston")
	t.Cleanup(t.toDesktop)
	r := t.Switch("remote")
	if r.code != 3 || !strings.Contains(r.all, "screen-free") || !strings.Contains(r.all, "weston") {
		t.Errorf("with dev at the screen: exit %d, want 3, screen-free and weston", r.code)
	}
	t.Must("systemctl", "stop", "display-manager.service")
	greeter(t)
	t.Cleanup(func() { t.Quiet("systemctl", "stop", "display-manager.service") })
	t.Must("systemctl", "start", "display-manager.service")
	t.Eventually("a login screen is there", settleLimit, func() error { _, err := t.seated("greeter"); return err })
	t.Eventually("dev is gone", settleLimit, func() error {
		if r := t.Quiet("pgrep", "-u", "dev"); r.code == 0 {
			return fmt.Errorf("processes of dev: %s", r.out)
		}
		return nil
	})
	t.allowed("remote")
	t.Run("modectl", "plan", "remote")
	t.mustSwitch("remote")
	t.Eventually("the door is open", settleLimit, t.wantUnits(map[string]string{service: "active", "display-manager.service": "active"}))
	if _, err := t.seated("greeter"); err != nil {
		t.Errorf("the login screen did not stay: %v", err)
	}
	t.holding()

	t.Must("loginctl", "enable-linger", "dev")
	t.Eventually("dev has a manager", time.Minute, func() error { return t.wantUnit("user@1000.service", "active") })
	t.Must("systemd-run", "--quiet", "--user", "--machine=dev@.host", "--collect", "--unit=gnome-remote-desktop-handover", program, "infinity")
	r = t.Switch("desktop")
	if r.code != 3 || !strings.Contains(r.all, "nobody-connected") {
		t.Errorf("with somebody connected: exit %d, want 3 and nobody-connected", r.code)
	}
	t.Must("systemctl", "--user", "--machine=dev@.host", "stop", "gnome-remote-desktop-handover.service")
	t.Must("loginctl", "disable-linger", "dev")
	t.allowed("desktop")
	t.mustSwitch("desktop")
	t.Eventually("the door is shut", settleLimit, t.wantUnits(map[string]string{service: "inactive", "display-manager.service": "active"}))
	t.holding()
}
