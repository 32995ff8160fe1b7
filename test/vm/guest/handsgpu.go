package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// gpuScenarios are about what modes tell the drivers of GPUs.
func gpuScenarios() []scenario {
	return []scenario{
		long("hands-gpu-modes", 240, gpuModes),
		long("hands-gpu-mig", 200, gpuMIG),
	}
}

// The stand-in library keeps what was set where a kernel module would: in a file
// that moded-gpu.service must be let into, as the real one has its device nodes.
const (
	nvmlStateDir = "/run/lab-nvml"
	nvmlState    = nvmlStateDir + "/state"
	gpuDropIn    = "/run/systemd/system/moded-gpu.service.d/lab.conf"
)

// settable makes both GPUs appear with knobs: gpu1 can be partitioned too. Lines
// of more, each for the library, are added.
func (t *T) settable(more ...string) {
	t.gpus()
	t.Cleanup(func() {
		t.Quiet("rm", "-rf", nvmlStateDir, "/run/systemd/system/moded-gpu.service.d")
		t.Quiet("systemctl", "daemon-reload")
	})
	t.must(os.MkdirAll(nvmlStateDir, 0o700))
	t.must(writeFile(gpuDropIn, "[Service]\nReadWritePaths="+nvmlStateDir+"\n"))
	t.Must("systemctl", "daemon-reload")
	t.settings(more...)
}

// settings lets the library say that from now on.
func (t *T) settings(more ...string) {
	const card = "gpu %s pci=00000000:%s uuid=%s total=25769803776 used=1073741824 busy=1 temperature=40 settable=1%s power=%d power-min=100000 power-max=350000 name=%s\n"
	conf := "driver 580.95.05\nstate " + nvmlState + "\n" +
		fmt.Sprintf(card, "gpu0", "00:08.0", gpu0, "", 300000, "Lab Card") +
		fmt.Sprintf(card, "gpu1", "01:00.0", gpu1, " migable=1", 300000, "Lab A100")
	if pid := t.westonPID(); pid > 0 {
		conf += fmt.Sprintf(nvmlCalm, pid, 1)
	}
	t.nvml(conf + strings.Join(more, ""))
}

// setTo says whether the driver's file has all of these lines; a line that begins
// with ! must not be there.
func (t *T) setTo(lines ...string) func() error {
	return func() error {
		raw, err := os.ReadFile(nvmlState)
		if err != nil {
			return err
		}
		for _, want := range lines {
			line, not := strings.CutPrefix(want, "!")
			if strings.Contains(string(raw), line) == not {
				return fmt.Errorf("want %q in\n%s", want, raw)
			}
		}
		return nil
	}
}

// showSettings keeps what the library has, what moded shows, and what the unit
// said.
func (t *T) showSettings() {
	t.Sh("cat %s; modectl status --resources | grep -A3 GPU; cat /run/moded/gpu/order.json /run/moded-gpu/report.json", nvmlState)
	t.Run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "20", "-u", "moded-gpu.service")
}

const gpuModesConf = `[gpus.gpu1]
pci = "0000:01:00.0"
[base.gpus]
gpu0 = { owner = "display", power-limit = "default", persistence = false }
gpu1 = { owner = "any", compute-mode = "default" }
[modes.studio.gpus]
gpu1 = { owner = "none", compute-mode = "prohibited" }
[modes.compute.gpus]
gpu0 = { owner = "compute", power-limit = "250W", persistence = true }
`

// gpuModes: in studio nobody may compute on the second GPU, in compute the first
// one is kept cool; on the way back, and in a rollback, all is as it was.
func gpuModes(t *T) {
	t.settable()
	t.configure(gpuModesConf)
	t.Cleanup(t.toDesktop)
	t.Run("modectl", "plan", "studio")
	t.mustSwitch("studio")
	t.Eventually("nobody may compute on gpu1", settleLimit, t.setTo("gpu1 compute=2 ", "gpu0 compute=0 persistence=0 power=300000 "))
	t.showSettings()
	t.Eventually("the status says so", settleLimit, func() error { // a look for people is given up soon where much has just begun
		if r := t.Quiet("modectl", "status", "--resources"); !strings.Contains(r.all, "compute mode prohibited") {
			return fmt.Errorf("%s", clip(r.all))
		}
		return nil
	})
	t.holding()
	t.mustSwitch("desktop")
	t.Eventually("anybody may again", settleLimit, t.setTo("gpu1 compute=0 "))

	t.settings()
	t.allowed("compute")
	t.mustSwitch("compute")
	t.Eventually("gpu0 is kept cool", settleLimit, t.setTo("gpu0 compute=0 persistence=1 power=250000 "))
	t.showSettings()
	// Somebody turns a knob by hand: that is drift, and told.
	t.Must("sed", "-i", "s/power=250000/power=350000/", nvmlState)
	if r := t.Run("modectl", "verify"); r.code == 0 || !strings.Contains(r.all, "gpu0") {
		t.Errorf("verify does not tell that somebody has raised the limit: exit %d", r.code)
	}
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
	t.Eventually("gpu0 is as before", settleLimit, t.setTo("gpu0 compute=0 persistence=0 power=300000 "))

	// The AI server never gets ready: the settings go the way back too.
	t.settings()
	t.allowed("compute")
	t.must(os.WriteFile("/etc/lab/ai.conf", []byte("ready=no\n"), 0o644))
	t.Cleanup(func() { fixtures(t) })
	if r := t.Switch("compute"); r.code != 1 {
		t.Errorf("exit %d, want 1", r.code)
	}
	t.wantRolledBack(switchLimit)
	t.Eventually("the rollback put the settings back", settleLimit, t.setTo("gpu0 compute=0 persistence=0 power=300000 "))
	t.desktop(switchLimit)
	t.Run("systemd-analyze", "security", "--no-pager", "moded-gpu.service")
}

// gpuMIG: the example gpu-partitioned, there and back; who computes on the card
// refuses it, and who is overridden ends at the barrier.
func gpuMIG(t *T) {
	t.settable()
	t.example("gpu-partitioned", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", gpu0, "GPU-51aa1b22-0d5e-4a54-8f0e-3a9d0a1b2c3d", gpu1,
		"2g.48gb", "3g.20gb", "1g.24gb", "1g.5gb", `"1m"`, `"8s"`)
	t.Cleanup(t.toDesktop)
	pid := t.computing()
	t.settings(fmt.Sprintf("process gpu1 pid=%d kind=compute memory=1073741824 gi=1 ci=0\n", pid))
	r := t.Switch("partitioned")
	if r.code != 3 || !strings.Contains(r.all, "nobody-computes") || !strings.Contains(r.all, fmt.Sprint(pid)) {
		t.Errorf("with a process on gpu1: exit %d, want 3, nobody-computes and %d", r.code, pid)
	}
	r = t.Switch("partitioned", "--force")
	if r.code != 1 || !strings.Contains(r.all, "lab-cuda.service") {
		t.Errorf("by force with a process on gpu1: exit %d, want 1 and lab-cuda.service", r.code)
	}
	if got := t.mode(); got != "desktop" {
		t.Errorf("mode is %s", got)
	}
	t.Must("systemctl", "stop", "lab-cuda.service")

	// A process that only the library knows is found by the driver itself.
	t.settings("IN_USE activation gpu1\n")
	r = t.Switch("partitioned")
	if r.code != 1 || !strings.Contains(r.all, "cannot set mig of gpu1: the GPU is in use") {
		t.Errorf("with a driver that says in use: exit %d, want 1 and its words", r.code)
	}
	t.Eventually("nothing is left of it", settleLimit, t.setTo("gpu1 compute=0 persistence=0 power=300000 mig=0 pending=0", "!part gpu1"))

	t.settings()
	t.allowed("partitioned")
	t.Run("modectl", "plan", "partitioned")
	t.mustSwitch("partitioned")
	t.Eventually("gpu1 is in three parts", settleLimit, t.setTo("gpu1 compute=0 persistence=1 power=250000 mig=1 pending=1",
		"part gpu1 gi=1 profile=2 ", "part gpu1 gi=2 profile=0 ", "part gpu1 gi=3 profile=0 ", "compute gpu1 gi=3 "))
	t.showSettings()
	t.holding()
	t.allowed("desktop")
	t.mustSwitch("desktop")
	t.Eventually("gpu1 is whole", settleLimit, t.setTo("gpu1 compute=0 persistence=0 power=300000 mig=0 pending=0", "!part gpu1", "!compute gpu1 gi"))
	t.desktop(settleLimit)
	t.holding()
}

// computing starts a service that has gpu1 open as CUDA would, and gives its pid.
func (t *T) computing() (pid int) {
	const unit = "lab-cuda.service"
	t.Cleanup(func() { t.Quiet("systemctl", "stop", unit) })
	t.Must("systemd-run", "--collect", "--unit="+unit, "sh", "-c", "exec 8</dev/nvidia1 9</dev/nvidia-uvm; exec sleep infinity")
	t.Eventually("somebody computes on gpu1", time.Minute, func() error {
		if _, err := fmt.Sscan(t.unit(unit, "MainPID"), &pid); err != nil || pid == 0 || !strings.Contains(t.gpuHolders("/dev/nvidia1"), "sleep") {
			return fmt.Errorf("%s has pid %d; %s", unit, pid, t.gpuHolders("/dev/nvidia1"))
		}
		return nil
	})
	return pid
}
