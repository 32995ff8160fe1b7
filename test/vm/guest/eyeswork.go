package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Where the lab's REAPER listens, and the vLLM server that the configuration
// has.
const (
	reaperWeb = "http://127.0.0.1:8080"
	vllmURL   = "http://127.0.0.1:8001"
)

// reaperPlays is a program of REAPER's name that plays through PipeWire:
// PipeWire calls a client after its executable.
const reaperPlays = "/var/tmp/lab-reaper/reaper"

// eyesReaper goes up and down the ladder: no process, a process without a node,
// one with a node, and what the web interface says of it; whoever else listens
// on that port is not believed.
func eyesReaper(t *T) {
	t.says("daw-inactive", passes)
	t.must(os.MkdirAll(filepath.Dir(reaperPlays), 0o755))
	t.Must("cp", "/usr/bin/pw-cat", reaperPlays)
	t.Cleanup(func() { t.Quiet("rm", "-rf", filepath.Dir(reaperPlays)) })

	t.asUnit("dev", "lab-reaper", "/usr/lib/lab/reaper", "-listen", "127.0.0.1:8079")
	t.Run("ps", "-o", "pid,comm,user,cgroup", "-C", "reaper")
	t.says("daw-inactive", passes, "daw-inactive", "reaper")
	t.endUnit("dev", "lab-reaper")

	pid := t.asUnit("dev", "lab-reaper", reaperPlays, "-p", t.silence())
	t.wantNode("dev", "reaper")
	t.blames(t.says("daw-inactive", denies, "daw-open", `"dev"`), pid)

	t.reaperListens("dev", 0)
	t.says("daw-inactive", passes, "daw-inactive", "stopped")
	t.Must("curl", "-sS", reaperWeb+"/set?play=0&armed=2")
	t.says("daw-inactive", denies, "daw-armed", "2 armed tracks")
	t.Must("curl", "-sS", reaperWeb+"/set?play=5&armed=2")
	t.says("daw-inactive", denies, "daw-recording")

	t.Quiet("systemctl", "stop", "lab-reaper-web.service")
	t.reaperListens("other", 0)
	t.Run("ss", "-ltnp")
	t.says("daw-inactive", denies, "daw-open", "other listens there")
}

// reaperListens lets a user serve REAPER's web interface.
func (t *T) reaperListens(user string, play int) {
	const unit = "lab-reaper-web.service"
	t.Cleanup(func() { t.Quiet("systemctl", "stop", unit) })
	t.Must("systemd-run", "--quiet", "--collect", "--unit="+unit, "--uid="+user, "/usr/lib/lab/reaper-web", fmt.Sprintf("-play=%d", play))
	t.answers(reaperWeb + "/_/TRANSPORT")
}

// answers waits until something serves the address.
func (t *T) answers(url string) {
	t.Eventually(url+" answers", time.Minute, func() error {
		if r := t.Quiet("curl", "-sS", "-m", "5", url); r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
}

// eyesVLLM: requests in flight keep the machine from becoming a studio, and the
// way on says how many there are.
func eyesVLLM(t *T) {
	t.Cleanup(func() { t.Quiet("systemctl", "stop", "vllm.service") })
	t.saysOf("studio", "compute-jobs", passes)
	t.must(writeFile("/run/moded/env/vllm.service", "LAB_MARK=eyes\n"))
	t.Must("systemctl", "start", "vllm.service")
	t.answers(vllmURL + "/health")
	t.saysOf("studio", "compute-jobs", passes)
	for range 3 {
		request := exec.Command("curl", "-sS", "-m", "600", "-d", "{}", vllmURL+"/v1/completions?delay=300s")
		t.must(request.Start())
		t.Cleanup(func() { _ = request.Process.Kill(); _ = request.Wait() })
	}
	t.Eventually("three requests are in flight", time.Minute, func() error {
		r := t.Quiet("sh", "-c", "curl -sS "+vllmURL+"/metrics | awk '/^vllm:num_requests_(running|waiting)/ {n += $2} END {print n}'")
		if strings.TrimSpace(r.out) != "3" {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.saysOf("studio", "compute-jobs", denies, "3", "vllm.service")
	v, err := t.verdict("studio", "vllm-can-yield")
	t.must(err)
	t.Logf("%s", v.raw)
	if !strings.Contains(v.raw, "3") {
		t.Errorf("vllm-can-yield does not say how many: %s", v.raw)
	}
	t.Must("systemctl", "stop", "vllm.service")
	t.saysOf("studio", "compute-jobs", passes)
}
