package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// transitionScenarios are the four ways of the state diagram, each with all that
// a workstation has: two GPUs, a vLLM server on them, audio in real time, a tuned
// kernel, weights, units, targets and the GUI. What came of it is asked of
// others than moded.
func transitionScenarios() []scenario {
	return []scenario{
		short("hands-t1-t2", 150, handsStudio),
		short("hands-t3-t4", 180, handsCompute),
	}
}

// workstation is what the lab's configuration has not: the rest of
// examples/workstation.toml, as far as there is such hardware.
const workstation = `
[base]
tune = { state = "off", essential = true }
[modes.studio]
tune = { state = "low-latency", essential = true }
[modes.studio.gpus]
gpu1 = "none"
[modes.compute.gpus]
gpu1 = "compute"
`

// workstationLab makes the workstation, with its server on GPU 1 as an admin
// would have started it.
func (t *T) workstationLab() {
	t.vllmLab("30s", "2m")
	t.configure(fmt.Sprintf(vllmModes, "30s", "2m") + workstation)
	t.must(writeFile("/run/moded/env/vllm.service", "CUDA_VISIBLE_DEVICES="+gpu1+"\nMODED_TENSOR_PARALLEL_SIZE=1\n"))
	t.Must("systemctl", "start", "vllm.service")
	t.Eventually("vLLM serves on gpu1", settleLimit, func() error { return t.vllmHolds("/dev/nvidia1") })
}

// goes shows the plan, goes there and keeps how long that took.
func (t *T) goes(mode string) {
	t.allowed(mode)
	t.Run("modectl", "plan", mode)
	began := time.Now()
	if r := t.Switch(mode); r.code != 0 {
		t.modedLog()
		t.Fatalf("switch %s: exit %d, want 0", mode, r.code)
	}
	t.Logf("%s after %.1f s", mode, time.Since(began).Seconds())
	t.Run("modectl", "history", "show")
}

// want waits for all of it and keeps what each had to say.
func (t *T) want(what string, all ...func() error) {
	for i, cond := range all {
		t.Eventually(fmt.Sprintf("%s (%d of %d)", what, i+1, len(all)), settleLimit, cond)
	}
}

// forced is what dev's PipeWire is forced to, by pw-metadata.
func (t *T) forced(quantum, rate string) func() error {
	return func() error {
		r := capture(asUser("dev", "pw-metadata -n settings 0"))
		for key, want := range map[string]string{"clock.force-quantum": quantum, "clock.force-rate": rate} {
			if !strings.Contains(r.out, "key:'"+key+"' value:'"+want+"'") {
				return fmt.Errorf("%s is not %s: %s", key, want, r.all)
			}
		}
		return nil
	}
}

// weighs says whether the kernel gives system.slice that weight.
func (t *T) weighs(want string) func() error { return func() error { return t.weight(want) } }

// inTarget says whether that mode's target is up, and no other's.
func (t *T) inTarget(mode string) func() error {
	return func() error {
		for _, m := range []string{"desktop", "studio", "compute"} {
			want := "inactive"
			if m == mode {
				want = "active"
			}
			if err := t.wantUnit("moded-"+m+".target", want); err != nil {
				return err
			}
		}
		return nil
	}
}

// is says whether the unit is in that state.
func (t *T) is(unit, state string) func() error {
	return func() error { return t.wantUnit(unit, state) }
}

// vllmSees says whether the server serves, holds these GPUs and was given them by
// UUID: what its process has in its environment.
func (t *T) vllmSees(uuids string, nodes ...string) func() error {
	return func() error {
		if err := t.vllmHolds(nodes...); err != nil {
			return err
		}
		raw, err := os.ReadFile("/proc/" + t.unit("vllm.service", "MainPID") + "/environ")
		if err != nil {
			return err
		}
		for _, want := range []string{"CUDA_VISIBLE_DEVICES=" + uuids, "CUDA_DEVICE_ORDER=PCI_BUS_ID"} {
			if !strings.Contains("\x00"+string(raw), "\x00"+want+"\x00") {
				return fmt.Errorf("vLLM's environment has no %s: %q", want, raw)
			}
		}
		return nil
	}
}

// open says whether nothing keeps the units of the GUI from being started.
func open() error {
	for _, unit := range []string{"lab-session.service", "graphical.target"} {
		if _, err := os.Stat("/run/moded/deny/" + unit); err == nil {
			return fmt.Errorf("the gate of %s is shut", unit)
		}
	}
	return nil
}

// handsStudio is T1 and T2: dev goes on working in the same session, undisturbed.
func handsStudio(t *T) {
	swappiness := t.swappiness()
	t.workstationLab()
	dev, err := t.seated("dev")
	t.must(err)
	weston := t.westonPID()
	same := func() error {
		if now := t.westonPID(); now != weston {
			return fmt.Errorf("the compositor was %d and is %d", weston, now)
		}
		return t.alive(dev.ID)
	}

	t.goes("studio")
	t.want("studio", t.vllmGone, t.forced("256", "48000"), t.tuned(true, 10), t.weighs("20"),
		t.is("fstrim.timer", "inactive"), t.inTarget("studio"), t.is("lab-studio.service", "active"), same, t.isDesktop)
	t.show("in the studio")
	t.showGPUs()

	t.goes("desktop")
	t.want("desktop", t.forced("0", "0"), t.tuned(false, swappiness), t.weighs("100"),
		t.is("fstrim.timer", "active"), t.inTarget("desktop"), t.is("lab-studio.service", "inactive"), same, t.isDesktop,
		t.vllmSees(gpu1, "/dev/nvidia1"), t.verified)
	t.show("on the desktop again")
	t.showGPUs()
}

// handsCompute is T3 and T4: the server goes from one GPU to both and back, and
// the desktop goes and comes.
func handsCompute(t *T) {
	t.workstationLab()
	dev, err := t.seated("dev")
	t.must(err)

	t.goes("compute")
	t.want("compute", t.isHeadless, t.vllmSees(gpu0+","+gpu1, "/dev/nvidia0", "/dev/nvidia1"), t.weighs("100"),
		t.inTarget("compute"), t.is("fstrim.timer", "active"), t.is("grabber.service", "inactive"))
	if t.alive(dev.ID) == nil {
		t.Errorf("session %s is still alive", dev.ID)
	}
	t.show("in compute")
	t.showGPUs()
	t.gateHolds()

	t.goes("desktop")
	t.want("desktop", t.isDesktop, open, t.inTarget("desktop"), t.is("grabber.service", "active"), t.is("ai.service", "inactive"),
		t.vllmSees(gpu1, "/dev/nvidia1"), t.verified)
	t.show("on the desktop again")
	t.showGPUs()
}
