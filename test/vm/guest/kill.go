package main

import (
	"fmt"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// killScenarios kill the daemon, the machine or the bus half way.
func killScenarios() []scenario {
	return []scenario{
		{lab.Info{Name: "kill-9-each-step", Expected: 300 * time.Second, LongExpected: 30 * time.Minute}, []func(*T){killEachStep}},
		alone("power-cut", 150, cutPower, cameBack),
		alone("shutdown-mid-transition", 180, shutDown, cameBack),
		alone("soft-reboot", 200, softReboot, afterSoftReboot),
		alone("bus-restart", 120, restartBus),
		later(alone("adopt-on-install", 480, adopt)),
	}
}

// later marks a machine that starts without moded.
func later(s scenario) scenario {
	s.Later = true
	return s
}

// killEachStep kills the daemon in three steps of desktop→compute, or in every
// step of both ways in a long run. Each time the machine is back where the
// transition began, for good.
func killEachStep(t *T) {
	t.allowed("compute")
	plan := t.planned("compute")
	t.Logf("%d steps: %v", len(plan), plan)
	if len(plan) == 0 {
		t.Fatalf("desktop to compute has no steps")
	}
	for _, i := range chosen(len(plan), indexOf(plan, "gui release"), t.Long) {
		t.killIn("desktop", "compute", plan[i])
	}
	if !t.Long {
		return
	}
	greeter(t)
	t.allowed("compute")
	t.mustSwitch("compute")
	for _, name := range t.planned("desktop") {
		t.killIn("compute", "desktop", name)
	}
}

// chosen are the steps to kill in: the first, the point of no return and the
// last but one, or all.
func chosen(n, noReturn int, all bool) []int {
	if all {
		out := make([]int, n)
		for i := range out {
			out[i] = i
		}
		return out
	}
	return []int{0, max(noReturn, 1), max(n-2, 0)}
}

// indexOf is where the name is, or -1.
func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// planned asks for the names of the plan's steps.
func (t *T) planned(mode string) []string {
	r := t.Run("busctl", "--json=short", "--timeout=60", "call", busName, busPath, busIface, "Plan", "su", mode, "0")
	names, err := stepNames(r.out)
	t.must(err)
	return names
}

// killIn begins the transition, kills the daemon in that step, and asserts
// that the machine is back where it was.
func (t *T) killIn(from, to, name string) {
	t.Logf("==== %s to %s, kill in %q", from, to, name)
	t.allowed(to)
	conn := t.steps()
	pid := t.pid()
	t.begin(to)
	t.await(name, conn, doing(name))
	t.kill(pid)
	t.Eventually("moded is back", settleLimit, func() error {
		if now := t.pid(); now == pid || now == 0 {
			return fmt.Errorf("pid is %d", now)
		}
		return nil
	})
	t.Eventually("mode "+from, switchLimit, t.wantMode(from))
	t.wantRolledBack(settleLimit)
	world := t.isCompute
	if from == "desktop" {
		world = t.isDesktop
	}
	t.Eventually("the machine is in "+from, settleLimit, world)
	t.show("after the kill in " + name)
}

// midway begins a switch to compute and returns while the session ends.
func (t *T) midway() {
	t.desktop(bootLimit)
	t.allowed("compute")
	steps := t.steps()
	t.begin("compute")
	t.await("the end of the session", steps, doing("gui release"))
}

// cutPower has the host kill the machine while the session is being ended.
func cutPower(t *T) {
	t.midway()
	t.Leave(func() {
		t.must(put(lab.CutFile, ""))
		time.Sleep(time.Minute)
	})
}

// shutDown reboots in the middle of the transition, against moded's inhibitor.
func shutDown(t *T) {
	t.Must("mkdir", "-p", "/var/log/journal")
	t.Must("journalctl", "--flush")
	t.midway()
	t.Leave(func() {
		t.Must("systemctl", "reboot", "--no-block", "--check-inhibitors=no")
		time.Sleep(10 * time.Minute)
	})
}

// cameBack: whatever was open is history; the machine booted into its desktop.
func cameBack(t *T) {
	t.desktop(bootLimit)
	t.show("after the boot")
	t.modedLog()
	t.Run("journalctl", "-b", "-1", "--no-pager", "-o", "short-monotonic", "-u", "moded.service", "-n", "60")
	t.Run("modectl", "history")
	if phase := t.open().text("phase"); phase != "" {
		t.Errorf("a transition is open: %s", phase)
	}
	if from := t.last().text("from"); from != "boot" {
		t.Errorf("the newest transition began in %q, want boot", from)
	}
	t.allowed("compute")
}

// softReboot leaves compute by a soft reboot, which keeps /run and the boot id.
func softReboot(t *T) {
	t.desktop(bootLimit)
	t.allowed("compute")
	t.mustSwitch("compute")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	t.Leave(func() { t.Must("systemctl", "soft-reboot", "--no-block"); time.Sleep(10 * time.Minute) })
}

// afterSoftReboot: the document of the life before is history.
func afterSoftReboot(t *T) {
	t.Run("systemctl", "show", "-p", "SoftRebootsCount,UserspaceTimestampMonotonic")
	cameBack(t)
}

// restartBus: the daemon is back on the bus with the same mode. Nothing more
// is asked: the session does not survive a bus restart, with or without us.
func restartBus(t *T) {
	t.desktop(bootLimit)
	t.mustSwitch("studio")
	t.Run("systemctl", "restart", "dbus-broker.service")
	t.Eventually("moded answers", settleLimit+time.Minute, t.wantMode("studio"))
	t.Run("systemctl", "status", "--no-pager", "moded.service")
}

// adopt: moded is installed and started on a machine that has run for a while.
// It takes the mode whose settings all verify, and touches nothing.
func adopt(t *T) {
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
	t.Run("systemctl", "start", "moded-desktop.target", "grabber.service", "fstrim.timer")
	t.Run("systemctl", "set-property", "--runtime", "system.slice", "CPUWeight=100")
	before, err := t.seated("dev")
	t.must(err)
	t.Eventually("the machine has run for five minutes", 8*time.Minute, func() error {
		return t.upFor(310)
	})
	if strings := t.unit("moded.service", "ActiveState"); strings != "inactive" {
		t.Fatalf("moded is %s already", strings)
	}
	units := t.Quiet("systemctl", "list-units", "--no-legend", "--plain", "--type=service,target", "--state=active").out
	t.Run("systemctl", "enable", "--now", "moded-probe.socket")
	t.Must("systemctl", "enable", "--now", "moded.service")
	t.Eventually("mode desktop", settleLimit, t.wantMode("desktop"))
	t.modedLog()
	t.show("adopted")
	t.Logf("units before:\n%s", clip(units))
	t.Run("systemctl", "list-units", "--no-legend", "--plain", "--type=service,target", "--state=active")
	if after, err := t.seated("dev"); err != nil || after.ID != before.ID {
		t.Errorf("the session was %s and is %s, %v", before.ID, after.ID, err)
	}
	if err := t.isDesktop(); err != nil {
		t.Errorf("%v", err)
	}
	t.allowed("compute")
}
