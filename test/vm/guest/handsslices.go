package main

import (
	"fmt"
	"os"
	"strings"
)

const slicesConfig = `
[base.slices."user.slice"]
allowed-cpus = "all"
[modes.studio.slices."user.slice"]
allowed-cpus = "0"
[base.slices."kubepods.slice"]
cpu-weight = 100
when-missing = "skip"
[modes.studio.slices."kubepods.slice"]
cpu-weight = 10
[base.user-slices."app.slice"]
io-weight = 100
[modes.studio.user-slices."app.slice"]
io-weight = 50
`

// userSlice is the control group of a slice in the user's manager.
func userSlice(uid int, slice string) string {
	return fmt.Sprintf("user.slice/user-%d.slice/user@%d.service/%s", uid, uid, slice)
}

// cgroup says whether the kernel has that in a file of a control group.
func (t *T) cgroup(group, file, want string) error {
	raw, err := os.ReadFile("/sys/fs/cgroup/" + group + "/" + file)
	if got := strings.TrimSpace(string(raw)); err != nil || got != want {
		return fmt.Errorf("%s of %s is %q, want %q (%v)", file, group, got, want, err)
	}
	return nil
}

// slicesWeigh waits until the kernel has the weights of system.slice and of
// background.slice of the users.
func (t *T) slicesWeigh(system, background string, uids ...int) {
	t.Eventually(fmt.Sprintf("system.slice weighs %s, background.slice of %v %s", system, uids, background), settleLimit, func() error {
		if err := t.cgroup("system.slice", "cpu.weight", system); err != nil {
			return err
		}
		for _, uid := range uids {
			if err := t.cgroup(userSlice(uid, "background.slice"), "cpu.weight", background); err != nil {
				return err
			}
		}
		return nil
	})
}

// background has a process in background.slice of the user, so that there is a
// control group.
func (t *T) background(user string) {
	t.Cleanup(func() { t.endUnit(user, "lab-indexer") })
	t.Eventually("a process in background.slice of "+user, settleLimit, func() error {
		r := t.Quiet("systemd-run", "--quiet", "--user", "--machine="+user+"@.host", "--collect", "--slice=background.slice", "--unit=lab-indexer", "sleep", "infinity")
		if r.code != 0 && t.mainPID(user, "lab-indexer") == 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
}

// handsSlices: weights and CPU sets are the kernel's in studio, in the slices of
// PID 1 and in those of every user, also of one who comes later and of an agent
// that was killed; what nobody delegated is told; all is as before in desktop.
func handsSlices(t *T) {
	t.background("dev")
	t.configure(slicesConfig)
	t.Run("modectl", "plan", "studio")
	t.slicesWeigh("100", "30", 1000)
	t.mustSwitch("studio")
	t.slicesWeigh("20", "10", 1000)
	if err := t.cgroup("user.slice", "cpuset.cpus", "0"); err != nil {
		t.Errorf("%v", err)
	}
	t.Eventually("what nobody delegated is told", settleLimit, func() error {
		var degraded []string
		if err := t.property("Degraded", &degraded); err != nil || !strings.Contains(strings.Join(degraded, " "), "io is not delegated") {
			return fmt.Errorf("it is told %q, %v", degraded, err)
		}
		return nil
	})
	t.Run("modectl", "status")

	other := t.Login(login{user: "other", vt: 9, kind: "tty"})
	t.background("other")
	t.slicesWeigh("20", "10", 1000, other.UID)

	agent := t.mainPID("dev", "moded-agent")
	t.userctl("dev", "kill", "-s", "KILL", "moded-agent.service")
	t.Eventually("dev's agent is back", settleLimit, func() error {
		if now := t.mainPID("dev", "moded-agent"); now == 0 || now == agent || t.agent("dev") == "" {
			return fmt.Errorf("it is process %d", now)
		}
		return nil
	})
	t.mustSwitch("desktop")
	t.slicesWeigh("100", "30", 1000, other.UID)
	// Without anybody who asks, the kernel's file may be gone altogether.
	if raw, err := os.ReadFile("/sys/fs/cgroup/user.slice/cpuset.cpus"); err == nil && strings.TrimSpace(string(raw)) != "" {
		t.Errorf("cpuset.cpus of user.slice is still %q", raw)
	}
	t.Sh("systemctl show system.slice user.slice -p Id,CPUWeight,AllowedCPUs; systemctl --user --machine=dev@.host show background.slice app.slice -p Id,CPUWeight,IOWeight; cat /run/user/1000/moded-agent-slices.json")
}
