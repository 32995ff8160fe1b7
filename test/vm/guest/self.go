package main

import (
	"strings"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// selfScenarios test the lab itself, without moded.
func selfScenarios() []scenario {
	return []scenario{
		{lab.Info{Name: "lab", Hidden: true, Fresh: true, Later: true, Expected: 2 * time.Minute}, []func(*T){labWorks}},
		{lab.Info{Name: "lab-reboots", Hidden: true, Fresh: true, Later: true, Expected: 2 * time.Minute},
			[]func(*T){labCut, labReboot, labSoftReboot, labBack}},
	}
}

// labWorks asserts what the scenarios rely on.
func labWorks(t *T) {
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
	t.show("desktop")
	dev, err := t.seated("dev")
	t.must(err)
	t.inSession(dev, "id; cat /proc/self/cgroup; pkcheck --action-id org.freedesktop.login1.power-off --process $$; echo power-off: $?")
	t.inManager("dev", "id; cat /proc/self/cgroup; pkcheck --action-id org.freedesktop.login1.power-off --process $$; echo power-off: $?")
	t.overSSH("other", "id; cat /proc/self/cgroup; pkcheck --action-id org.freedesktop.login1.power-off --process $$; echo power-off: $?")
	t.overSSH("dev", "id; cat /proc/self/cgroup")
	t.play()
	t.show("playing")
	t.stopPlaying()
	t.must(writeFile("/etc/lab/grab", ""))
	t.Must("systemctl", "start", "grabber.service")
	t.Must("systemctl", "stop", "grabber.service")
	t.Eventually("the grabber holds the card", 20*time.Second, func() error {
		if holders := strings.Join(t.cardHolders(), " "); !strings.Contains(holders, "sleep") {
			return errorf("holders: %s", holders)
		}
		return nil
	})
	fixtures(t)
	t.must(writeFile("/run/moded/env/ai.service", "CUDA_VISIBLE_DEVICES=GPU-lab-0\n"))
	t.Must("systemctl", "start", "ai.service")
	t.Login(login{user: "other", vt: 3, kind: "tty"})
	t.runCleanups()
	t.Must("systemctl", "stop", "graphical.target")
	t.Must("loginctl", "terminate-session", dev.ID)
	t.Run("systemctl", "stop", "display-manager.service")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	t.show("compute")
	greeter(t)
	t.Must("systemctl", "start", "graphical.target")
	t.Eventually("a greeter is there", settleLimit, func() error { _, err := t.seated("greeter"); return err })
	t.show("greeter")
	t.Must("systemctl", "stop", "graphical.target", "display-manager.service")
	fixtures(t)
	t.Must("systemctl", "start", "graphical.target")
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
}

// labCut, labReboot and labSoftReboot end a boot in each of the ways.
func labCut(t *T) {
	t.must(writeFile("/var/tmp/kept", "kept"))
	t.Leave(func() { t.must(put(lab.CutFile, "")); time.Sleep(time.Minute) })
}

func labReboot(t *T) {
	t.Must("cat", "/var/tmp/kept")
	t.Leave(func() { t.Must("systemctl", "reboot", "--no-block"); time.Sleep(time.Minute) })
}

func labSoftReboot(t *T) {
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
	t.Leave(func() { t.Must("systemctl", "soft-reboot", "--no-block"); time.Sleep(time.Minute) })
}

func labBack(t *T) {
	if n := t.Run("systemctl", "show", "-p", "SoftRebootsCount", "--value"); strings.TrimSpace(n.out) != "1" {
		t.Errorf("this is no soft reboot")
	}
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
	t.show("after a soft reboot")
}
