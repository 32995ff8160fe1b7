package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// vllmScenarios are about the server of [vllm.main], which holds a GPU in desktop
// and must let go of it in studio.
func vllmScenarios() []scenario {
	return []scenario{
		short("hands-vllm-drain", 120, vllmDrain),
		long("hands-vllm-never-drains", 120, vllmNeverDrains),
		long("hands-vllm-ignores-term", 120, vllmIgnoresTerm),
		long("hands-vllm-leaves-engine", 200, vllmLeavesEngine),
		long("hands-vllm-never-ready", 120, vllmNeverReady),
		long("hands-vllm-slow-start", 150, vllmSlowStart),
	}
}

// vllmModes is what the scenarios add to the configuration. Requests that are in
// flight are let pass: to end them is the point.
const vllmModes = `[gpus.gpu1]
pci = "0000:01:00.0"
[base.gpus]
gpu1 = "any"
[vllm.main]
unit          = "vllm.service"
url           = "http://127.0.0.1:8001"
model         = "lab/small"
drain-timeout = "%s"
ready-timeout = "%s"
[base.vllm]
main = "off"
[modes.desktop.vllm]
main = { gpus = ["gpu1"], essential = false }
[modes.compute.vllm]
main = { gpus = ["gpu0", "gpu1"] }
[guards.compute-jobs]
kind = "compute-jobs"
max-requests = 64
`

// vllmLab makes both GPUs appear and a configuration that moves the server, with
// the words that say how it misbehaves.
func (t *T) vllmLab(drain, ready string, pretend ...string) {
	t.gpus()
	t.Cleanup(func() {
		t.Quiet("systemctl", "kill", "-s", "KILL", "vllm.service")
		t.Quiet("systemctl", "stop", "vllm.service")
		t.Quiet("sh", "-c", "for p in $(cat "+astrayProcs+" 2>/dev/null); do kill -KILL $p; done")
		t.Quiet("rm", "-f", "/run/moded/deny/vllm.service", "/run/moded/env/vllm.service")
	})
	t.pretend(pretend...)
	t.configure(fmt.Sprintf(vllmModes, drain, ready))
}

// pretend tells the server how it is.
func (t *T) pretend(words ...string) {
	t.must(os.WriteFile("/etc/lab/vllm.conf", []byte(strings.Join(append([]string{"engine=yes"}, words...), "\n")+"\n"), 0o644))
}

// serving goes to the desktop by way of studio, so that moded starts the server.
func (t *T) serving() {
	t.mustSwitch("studio")
	if err := t.vllmGone(); err != nil {
		t.Errorf("in studio %v", err)
	}
	t.mustSwitch("desktop")
	t.Eventually("vLLM serves on gpu1", settleLimit, func() error { return t.vllmHolds("/dev/nvidia1") })
	t.Eventually("nothing differs from desktop", settleLimit, t.verified)
	t.Sh("cat /run/moded/env/vllm.service; systemctl status --no-pager vllm.service")
	t.showGPUs()
}

// verified says whether modectl finds the machine as the mode wants it.
func (t *T) verified() error {
	if r := t.Quiet("modectl", "verify"); r.code != 0 {
		return fmt.Errorf("modectl verify: exit %d: %s", r.code, r.all)
	}
	return nil
}

// vllmHolds says whether the server is ready and its unit holds these GPUs and no
// others.
func (t *T) vllmHolds(nodes ...string) error {
	if r := t.Quiet("curl", "-fsS", "-m", "5", vllmURL+"/health"); r.code != 0 {
		return fmt.Errorf("vLLM is not ready: %s", r.all)
	}
	for _, node := range []string{"/dev/nvidia0", "/dev/nvidia1"} {
		want := strings.Contains(strings.Join(nodes, " "), node)
		if holders := t.gpuHolders(node); strings.Contains(holders, "vllm.service") != want {
			return fmt.Errorf("%s is held by %q, want vllm.service: %v", node, holders, want)
		}
	}
	return nil
}

// vllmGone says whether the server is down with its gate shut, nothing is left in
// its cgroup and nobody has a GPU.
func (t *T) vllmGone() error {
	if state := t.unit("vllm.service", "ActiveState"); state != "inactive" && state != "failed" {
		return fmt.Errorf("vllm.service is %s", state)
	}
	if _, err := os.Stat("/run/moded/deny/vllm.service"); err != nil {
		return fmt.Errorf("the gate is open: %w", err)
	}
	if left, _ := os.ReadFile("/sys/fs/cgroup/system.slice/vllm.service/cgroup.procs"); len(left) > 0 {
		return fmt.Errorf("its cgroup has %q", left)
	}
	for _, node := range gpuNodes {
		if holders := t.gpuHolders(node); holders != "" {
			return fmt.Errorf("%s is held by %s", node, holders)
		}
	}
	return nil
}

// request is one that a client waits for.
type request struct {
	cmd   *exec.Cmd
	out   string
	ended chan time.Time
}

// requests sends so many, each of which takes that long, and returns when the
// server has them all.
func (t *T) requests(n int, d time.Duration) []request {
	var all []request
	for i := range n {
		r := request{out: fmt.Sprintf("/var/tmp/lab-request-%d", i), ended: make(chan time.Time, 1)}
		r.cmd = exec.Command("curl", "-fsS", "-m", "600", "-o", r.out, "-d", "{}", vllmURL+"/v1/completions?delay="+d.String())
		t.must(r.cmd.Start())
		go func() { _ = r.cmd.Wait(); r.ended <- time.Now() }()
		t.Cleanup(func() { _ = r.cmd.Process.Kill(); _ = os.Remove(r.out) })
		all = append(all, r)
	}
	t.Eventually("the requests are in flight", time.Minute, func() error {
		r := t.Quiet("sh", "-c", "curl -sS -m 5 "+vllmURL+"/metrics | awk '/^vllm:num_requests_running/ {n += $2} END {print n}'")
		if strings.TrimSpace(r.out) != fmt.Sprint(n) {
			return fmt.Errorf("%s run", strings.TrimSpace(r.all))
		}
		return nil
	})
	return all
}

// stoppedAt is when PID 1 had stopped the unit, by the journal: a unit at rest is
// not kept in memory, and remembers nothing.
func (t *T) stoppedAt() time.Time {
	var line struct {
		At string `json:"__REALTIME_TIMESTAMP"`
	}
	r := t.Must("journalctl", "-b", "--no-pager", "-o", "json", "-n", "1", "_PID=1", "UNIT=vllm.service", "JOB_TYPE=stop", "JOB_RESULT=done")
	t.must(json.Unmarshal([]byte(r.out), &line))
	us, err := strconv.ParseInt(line.At, 10, 64)
	t.must(err)
	return time.UnixMicro(us)
}

// vllmDrain: three requests end with their answers before the server stops; one
// that comes after the drain began is not begun.
func vllmDrain(t *T) {
	t.vllmLab("4m", "2m", "dev=yes")
	t.serving()
	all := t.requests(3, 50*time.Second)
	began := time.Now()
	steps := t.steps()
	t.begin("studio")
	t.await("the drain begins", steps, doing("vllm/main release"))
	t.Eventually("vLLM is paused", settleLimit, func() error {
		r := t.Quiet("curl", "-fsS", "-m", "5", vllmURL+"/is_paused")
		if !strings.Contains(r.out, "true") {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Eventually("the drain is told", settleLimit, func() error {
		if r := t.Quiet("modectl", "status"); !strings.Contains(r.all, "draining vllm.service: 3 running and 0 waiting requests") {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Run("modectl", "status")
	t.Eventually("studio", switchLimit, t.wantMode("studio"))
	t.Logf("drained and stopped in %s", time.Since(began).Round(time.Second))
	stopped := t.stoppedAt()
	for i, r := range all {
		ended := <-r.ended
		text, _ := os.ReadFile(r.out)
		t.Logf("request %d: exit %d, %s before the stop: %s", i, r.cmd.ProcessState.ExitCode(), stopped.Sub(ended).Round(time.Second), strings.TrimSpace(string(text)))
		if r.cmd.ProcessState.ExitCode() != 0 || !strings.Contains(string(text), "completion_tokens") {
			t.Errorf("request %d was lost", i)
		}
		if ended.After(stopped) {
			t.Errorf("request %d ended after the server", i)
		}
	}
	if err := t.vllmGone(); err != nil {
		t.Errorf("in studio %v", err)
	}
	t.Run("systemctl", "start", "vllm.service")
	if err := t.vllmGone(); err != nil {
		t.Errorf("after a start by hand %v", err)
	}
}

// vllmNeverDrains: a request that does not end costs the drain timeout, and is
// lost.
func vllmNeverDrains(t *T) {
	t.vllmLab("15s", "2m")
	t.serving()
	all := t.requests(1, time.Hour)
	began := time.Now()
	if r := t.Switch("studio"); r.code != 0 || !strings.Contains(r.all, "it was not drained: 1 running and 0 waiting requests") {
		t.Errorf("exit %d, or the loss is not told", r.code)
	}
	if took := time.Since(began); took < 15*time.Second {
		t.Errorf("it took %s: the drain was not waited for", took)
	}
	if err := t.vllmGone(); err != nil {
		t.Errorf("in studio %v", err)
	}
	<-all[0].ended
	if all[0].cmd.ProcessState.ExitCode() == 0 {
		t.Errorf("lab: the request has ended")
	}
	t.Run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "20", "-u", "vllm.service")
}

// vllmIgnoresTerm: what does not heed SIGTERM is killed when the unit's own time
// is over.
func vllmIgnoresTerm(t *T) {
	t.vllmLab("15s", "2m", "term=ignore")
	t.serving()
	t.mustSwitch("studio")
	if err := t.vllmGone(); err != nil {
		t.Errorf("in studio %v", err)
	}
	if result := t.unit("vllm.service", "Result"); result != "timeout" {
		t.Errorf("lab: vllm.service ended with %s, want timeout", result)
	}
	t.Run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "20", "-u", "vllm.service")
}

const (
	astrayProcs = "/sys/fs/cgroup/lab-astray/cgroup.procs"
	killMode    = "/run/systemd/system/vllm.service.d/90-lab.conf"
)

// vllmLeavesEngine: an engine that PID 1 leaves in the cgroup is killed; one that
// has fled from it is named, and the way to compute ends before anybody's session.
func vllmLeavesEngine(t *T) {
	t.Cleanup(func() {
		t.Quiet("sh", "-c", "rm -rf "+filepath.Dir(killMode)+" && systemctl daemon-reload")
	})
	t.vllmLab("15s", "2m", "term=leave")
	t.serving()
	t.must(writeFile(killMode, "[Service]\nKillMode=process\n"))
	t.Must("systemctl", "daemon-reload")
	t.mustSwitch("studio")
	if err := t.vllmGone(); err != nil {
		t.Errorf("in studio %v", err)
	}
	t.Run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "20", "-u", "vllm.service")
	if r := t.Run("modectl", "plan", "desktop"); !strings.Contains(r.all, "KillMode=process of vllm.service would leave its engine") {
		t.Errorf("the plan does not tell of KillMode=process")
	}
	t.must(os.Remove(killMode))
	t.Must("systemctl", "daemon-reload")

	t.pretend("term=flee")
	t.mustSwitch("desktop")
	t.Eventually("vLLM serves on gpu1", settleLimit, func() error { return t.vllmHolds("/dev/nvidia1") })
	t.Eventually("nothing differs from desktop", settleLimit, t.verified)
	before, err := t.seated("dev")
	t.must(err)
	t.allowed("compute")
	r := t.Switch("compute")
	if r.code != 1 || !strings.Contains(r.all, "is still held by aiserver") {
		t.Errorf("exit %d, want 1 and the name of the engine", r.code)
	}
	t.Run("cat", astrayProcs)
	t.showGPUs()
	t.wantOutcome("rolled-back", settleLimit)
	if err := t.alive(before.ID); err != nil {
		t.Errorf("it cost a session: %v", err)
	}
	t.Eventually("the server runs again", settleLimit, func() error { return t.vllmHolds("/dev/nvidia1") })
	t.desktop(settleLimit)
}

// vllmNeverReady: the server of compute loads its model for ever. The machine is
// a desktop again, with the server that the desktop had.
func vllmNeverReady(t *T) {
	t.vllmLab("15s", "20s")
	t.serving()
	t.allowed("compute")
	t.pretend("ready=no")
	r := t.Switch("compute")
	if r.code != 1 || !strings.Contains(r.all, "vllm.service is not ready after 20s") {
		t.Errorf("exit %d, want 1 and the reason", r.code)
	}
	d := t.wantRolledBack(settleLimit)
	if lost := d.text("lost"); !strings.Contains(lost, "dev") {
		t.Errorf("lost is %s", lost)
	}
	t.pretend()
	t.Eventually("vLLM serves on gpu1 again", settleLimit, func() error { return t.vllmHolds("/dev/nvidia1") })
	t.desktop(switchLimit)
}

// vllmSlowStart: a unit that is up only when its model is loaded, without a limit
// of its own, takes long and is waited for, with words; nobody listens before.
func vllmSlowStart(t *T) {
	t.Cleanup(func() {
		t.Quiet("sh", "-c", "rm -rf "+filepath.Dir(killMode)+" && systemctl daemon-reload")
	})
	t.must(writeFile(killMode, "[Service]\nType=notify\nNotifyAccess=all\nTimeoutStartSec=infinity\n"))
	t.Must("systemctl", "daemon-reload")
	t.vllmLab("15s", "4m")
	t.serving()
	t.pretend("delay=60s", "listen=late")
	t.allowed("compute")
	steps := t.steps()
	t.begin("compute")
	t.await("vLLM begins", steps, doing("vllm/main acquire"))
	began := time.Now()
	t.Eventually("the wait is told", settleLimit, func() error {
		if r := t.Quiet("modectl", "status"); !strings.Contains(r.all, "starting vllm.service (") {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Run("modectl", "status")
	t.Eventually("compute", switchLimit, t.wantMode("compute"))
	if took := time.Since(began); took < 45*time.Second {
		t.Errorf("lab: it took %s only", took)
	}
	if err := t.vllmHolds("/dev/nvidia0", "/dev/nvidia1"); err != nil {
		t.Errorf("in compute %v", err)
	}
	r := t.Run("curl", "-sS", "-m", "10", vllmURL+"/env")
	for _, want := range []string{`"CUDA_VISIBLE_DEVICES":"` + gpu0 + "," + gpu1 + `"`, `"CUDA_DEVICE_ORDER":"PCI_BUS_ID"`, `"MODED_TENSOR_PARALLEL_SIZE":"2"`, `"MODED_VLLM_GPUS":"gpu0,gpu1"`} {
		if !strings.Contains(r.out, want) {
			t.Errorf("its environment does not have %s", want)
		}
	}
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
}
