package main

import (
	"os"
	"strings"
	"time"
)

// targetScenarios isolate targets, hold units by their gates, and fail hooks.
func targetScenarios() []scenario {
	return []scenario{
		long("hands-gates", 240, gates),
		long("hands-isolate-refused", 90, isolateRefused),
		long("hands-isolate", 150, isolateAndBack),
		long("hands-isolated-by-others", 90, isolatedByOthers),
		long("hands-hook-fails", 120, hookFails),
	}
}

// tries are the ways in which a unit is started behind moded's back: by hand, by
// a package's upgrade, by what wants it.
func tries(unit string) [][]string {
	return [][]string{
		{"systemctl", "start", unit}, {"systemctl", "restart", unit}, {"systemctl", "try-restart", unit}, {"deb-systemd-invoke", "start", unit},
		{"deb-systemd-invoke", "restart", unit}, {"systemctl", "reload-or-restart", unit},
	}
}

// held tries to start the unit, which does nothing and is no error.
func (t *T) held(unit string) {
	for _, command := range tries(unit) {
		if r := t.Run(command[0], command[1:]...); r.code != 0 {
			t.Errorf("%v: exit %d: a gate is no error", command, r.code)
		}
		if state := t.unit(unit, "ActiveState"); state != "inactive" {
			t.Errorf("%v: %s is %s", command, unit, state)
		}
	}
	t.Run("systemctl", "show", unit, "-p", "Id,ActiveState,ConditionResult,DropInPaths")
}

// gates: what a mode has down stays down until moded says otherwise, or is gone.
func gates(t *T) {
	t.configure("[base.vllm]\nmain = \"any\"\n[modes.studio.vllm]\nmain = \"off\"\n")
	t.Cleanup(t.toDesktop)
	t.Cleanup(func() { t.Quiet("systemctl", "stop", "vllm.service") })
	t.Run("sh", "-c", "ls -d /usr/lib/systemd/system/*.service.d/50-moded-gate.conf; systemctl status --no-pager sddm.service; systemctl --failed --no-pager")
	if load := t.unit("sddm.service", "LoadState"); load != "not-found" {
		t.Errorf("sddm.service is %s for a drop-in alone", load)
	}

	t.mustSwitch("studio")
	t.Sh("ls -l /run/moded/deny; modectl verify")
	t.held("vllm.service")
	t.mustSwitch("desktop")
	t.Eventually("in desktop, which does not mind, it starts", settleLimit, func() error {
		t.must(os.WriteFile("/run/moded/env/vllm.service", []byte("LAB=gates\n"), 0o600)) // no dash in the unit
		t.Quiet("systemctl", "start", "vllm.service")
		return t.wantUnit("vllm.service", "active")
	})
	t.Must("systemctl", "stop", "vllm.service")

	t.allowed("compute")
	t.mustSwitch("compute")
	t.held("display-manager.service")
	t.Run("systemctl", "start", "graphical.target")
	t.Run("systemctl", "show", "graphical.target", "display-manager.service", "-p", "Id,ActiveState,ConditionResult")
	if err := t.wantUnit("display-manager.service", "inactive"); err != nil {
		t.Errorf("graphical.target brings a display manager: %v", err)
	}
	t.Run("systemctl", "stop", "graphical.target")
	t.kill(t.pid())
	t.held("display-manager.service")
	t.Eventually("moded is back", settleLimit, t.wantMode("compute"))

	t.Must("systemctl", "stop", "moded.service")
	t.Sh("ls -la /run/moded /run/moded/deny*")
	t.Must("systemctl", "start", "display-manager.service")
	t.Eventually("without moded the display manager starts", settleLimit, func() error { return t.wantUnit("display-manager.service", "active") })
	t.Must("systemctl", "stop", "display-manager.service")
	t.Eventually("dev is gone", settleLimit, t.isHeadlessSoFar)
	t.Must("systemctl", "start", "moded.service")
	t.Eventually("moded is back in compute", settleLimit, t.wantMode("compute"))
	t.held("display-manager.service")
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
}

// isHeadlessSoFar says whether nobody sits at the machine.
func (t *T) isHeadlessSoFar() error {
	all, err := t.sessions()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Seat == "seat0" {
			return errorf("session %s of %s is still there", s.ID, s.User)
		}
	}
	return nil
}

// isolating makes studio isolate its target, which wants these besides the
// system and the desktop.
func (t *T) isolating(wants string) {
	t.make(map[string]string{
		"moded-studio.target.d/50-lab.conf": "[Unit]\nAllowIsolate=yes\nRequires=multi-user.target\nAfter=multi-user.target\nWants=graphical.target " + wants + "\n",
		"ssh.service":                       "[Service]\nExecStart=/usr/bin/sleep infinity\n",
		"lab-bystander.service":             "[Service]\nExecStart=/usr/bin/sleep infinity\n",
	})
	t.Must("systemctl", "start", "ssh.service", "lab-bystander.service", "polkit.service")
	t.configure(isolatingStudio)
	t.Cleanup(t.toDesktop)
}

// isolatingStudio leaves fstrim.timer alone: timers.target, which every target
// that wants the system pulls in, wants it.
const isolatingStudio = "[modes.studio]\ntarget = { unit = \"moded-studio.target\", isolate = true }\n[modes.studio.units.\"fstrim.timer\"]\nstate = \"active\"\n"

// isolateRefused: what would stop and must not is named, and nothing is touched.
func isolateRefused(t *T) {
	t.isolating("polkit.service grabber.service")
	before := t.lives()
	t.Run("modectl", "plan", "studio")
	r := t.Switch("studio")
	if r.code != 3 || !strings.Contains(r.all, "ssh.service (ssh)") {
		t.Errorf("exit %d, want 3 and ssh.service named", r.code)
	}
	if strings.Contains(r.all, "polkit.service (") {
		t.Errorf("polkit.service is refused, and the target wants it")
	}
	if force := t.Switch("studio", "--force"); force.code != 3 {
		t.Errorf("--force: exit %d, want 3", force.code)
	}
	if after := t.lives(); after != before {
		t.Errorf("something was touched:\n%s\nbefore:\n%s", after, before)
	}
	for _, unit := range []string{"ssh.service", "lab-bystander.service", "moded-desktop.target"} {
		if err := t.wantUnit(unit, "active"); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// isolateAndBack: what the target does not want stops, by name, and nothing else;
// a failure afterwards brings it back.
func isolateAndBack(t *T) {
	t.neverIsolated()
	t.isolated()
	t.mustSwitch("desktop")
	t.isolatedForNothing()
}

// neverIsolated: a target that contradicts its mode is refused by what it would do.
func (t *T) neverIsolated() {
	t.isolating("polkit.service ssh.service")
	if r := t.Switch("studio"); r.code != 3 || !strings.Contains(r.all, "grabber.service, which the mode keeps") {
		t.Errorf("exit %d, want 3 and grabber.service named", r.code)
	}
	t.isolating("polkit.service ssh.service grabber.service")
	t.configure("[modes.studio]\ntarget = { unit = \"moded-studio.target\", isolate = true }\n")
	if r := t.Switch("studio"); r.code != 3 || !strings.Contains(r.all, "would start fstrim.timer, which the mode has down") {
		t.Errorf("exit %d, want 3 and fstrim.timer named", r.code)
	}
	t.configure(isolatingStudio)
}

// isolated: studio's target is isolated, and stops what the plan says.
func (t *T) isolated() {
	dev, err := t.seated("dev")
	t.must(err)
	daemon, ssh, before := t.pid(), t.unit("ssh.service", "InvocationID"), t.up()
	plan := t.Run("modectl", "plan", "studio").all
	if !strings.Contains(plan, "stop lab-bystander.service, which the target does not want") {
		t.Errorf("the plan does not name lab-bystander.service")
	}
	t.mustSwitch("studio")
	t.stoppedAsPlanned(plan, before, t.up())
	for unit, state := range map[string]string{"moded-studio.target": "active", "moded-desktop.target": "inactive", "lab-studio.service": "active", "fstrim.timer": "active"} {
		if err := t.wantUnit(unit, state); err != nil {
			t.Errorf("%v", err)
		}
	}
	t.Eventually("the desktop is still there", settleLimit, t.isDesktop)
	if err := t.alive(dev.ID); err != nil {
		t.Errorf("%v", err)
	}
	if now := t.pid(); now != daemon || t.unit("ssh.service", "InvocationID") != ssh {
		t.Errorf("moded was %d and is %d, or ssh.service was restarted", daemon, now)
	}
}

// up are the units that are active, without scopes, slices, mounts and devices.
func (t *T) up() map[string]bool {
	units := map[string]bool{}
	for _, name := range strings.Fields(t.Quiet("sh", "-c", "systemctl list-units --plain --no-legend --state=active --type=service,socket,timer,path,target | cut -d' ' -f1").out) {
		units[name] = true
	}
	return units
}

// stoppedAsPlanned: each unit that is down now was named, and the bystander is.
func (t *T) stoppedAsPlanned(plan string, before, after map[string]bool) {
	for name := range before {
		if !after[name] {
			t.Logf("stopped: %s", name)
			if !strings.Contains(plan, "stop "+name) {
				t.Errorf("%s stopped and the plan does not say so", name)
			}
		}
	}
	if after["lab-bystander.service"] {
		t.Errorf("lab-bystander.service is still up")
	}
}

// isolatedForNothing: a hook fails after the isolation, which is undone.
func (t *T) isolatedForNothing() {
	t.make(map[string]string{"lab-after.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n"})
	t.configure(isolatingStudio + "[[edges]]\nevent = \"enter_studio\"\nfrom = \"desktop\"\nto = \"studio\"\nafter = [\"lab-after.service\"]\n")
	t.Must("systemctl", "start", "lab-bystander.service")
	if r := t.Switch("studio"); r.code != 1 || !strings.Contains(r.all, "lab-after.service") {
		t.Errorf("exit %d, want 1 and lab-after.service named", r.code)
	}
	t.wantRolledBack(settleLimit)
	t.Eventually("what was isolated away is back", settleLimit, func() error { return t.wantUnit("lab-bystander.service", "active") })
	t.desktop(settleLimit)
}

// isolatedByOthers: somebody isolates multi-user.target by hand. moded and its
// helpers live, and say that the machine is no longer as the mode wants it.
func isolatedByOthers(t *T) {
	daemon := t.pid()
	t.Cleanup(func() { t.Quiet("systemctl", "start", "graphical.target") })
	t.Must("systemctl", "isolate", "multi-user.target")
	start := time.Now()
	t.Eventually("the drift is told", settleLimit, func() error {
		var degraded []string
		if err := t.property("Degraded", &degraded); err != nil || !strings.Contains(strings.Join(degraded, " "), "gui") {
			return errorf("Degraded is %v, %v", degraded, err)
		}
		return nil
	})
	t.Logf("told %.1f s after the isolation", time.Since(start).Seconds())
	t.Run("modectl", "status")
	if now := t.pid(); now != daemon || daemon == 0 {
		t.Errorf("moded was %d and is %d", daemon, now)
	}
	if got := t.mode(); got != "desktop" {
		t.Errorf("mode is %s", got)
	}
	for _, unit := range []string{"moded-probe.socket", "moded-workload.socket"} {
		if err := t.wantUnit(unit, "active"); err != nil {
			t.Errorf("%v", err)
		}
	}
	t.Must("systemctl", "start", "graphical.target")
	t.desktop(settleLimit)
}

// hookFails: a hook that fails before the steps costs nothing, and one after
// them all of them; hooks that ran are stopped.
func hookFails(t *T) {
	const unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '[ ! -e /run/lab-hook-%s ]'\n"
	t.make(map[string]string{"lab-before.service": strings.ReplaceAll(unit, "%s", "before"), "lab-after.service": strings.ReplaceAll(unit, "%s", "after")})
	t.configure("[[edges]]\nevent = \"enter_studio\"\nfrom = \"desktop\"\nto = \"studio\"\nbefore = [\"lab-before.service\"]\nafter = [\"lab-after.service\"]\n")
	t.Cleanup(t.toDesktop)
	dev, err := t.seated("dev")
	t.must(err)
	for _, which := range []string{"before", "after"} {
		flag := "/run/lab-hook-" + which
		t.Cleanup(func() { _ = os.Remove(flag) })
		t.must(os.WriteFile(flag, nil, 0o644))
		before := t.lives()
		r := t.Switch("studio")
		if r.code != 1 || !strings.Contains(r.all, "lab-"+which+".service") {
			t.Errorf("%s: exit %d, want 1 and the hook named", which, r.code)
		}
		t.wantRolledBack(settleLimit)
		if after := t.lives(); which == "before" && after != before {
			t.Errorf("a hook before the steps failed, and something was touched:\n%s\nbefore:\n%s", after, before)
		}
		for name, state := range map[string]string{"moded-desktop.target": "active", "moded-studio.target": "inactive", "lab-before.service": "inactive", "fstrim.timer": "active"} {
			if err := t.wantUnit(name, state); name != "lab-"+which+".service" && err != nil {
				t.Errorf("%s: %v", which, err)
			}
		}
		if err := t.alive(dev.ID); err != nil {
			t.Errorf("%v", err)
		}
		t.desktop(settleLimit)
		t.must(os.Remove(flag))
		t.Quiet("systemctl", "reset-failed")
	}
	t.mustSwitch("studio")
	for _, unit := range []string{"lab-before.service", "lab-after.service"} {
		if err := t.wantUnit(unit, "active"); err != nil {
			t.Errorf("%v", err)
		}
	}
	t.Quiet("systemctl", "stop", "lab-before.service", "lab-after.service")
	t.mustSwitch("desktop")
}
