package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	standin "github.com/modectl/moded/test/nvml"
)

// daemon is a real moded-probe on a socket of its own.
type daemon struct {
	client *probe.Client
	pid    int
	gone   chan error
}

// start starts one that looks at the machine of testdata/bare.txtar and finds
// NVIDIA's library in dir. It sees to it that the daemon lives until the test
// ends, and ends then when it is told to, without children.
func start(t *testing.T, dir string, args ...string) *daemon {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	// Of two deadlines the last counts.
	cmd := exec.Command(binary(t), append([]string{"--listen", socket, "--root", tree(t, "bare.txtar"), "--idle=10m", "--nvml-deadline=1m"}, args...)...)
	cmd.Env = []string{"LD_LIBRARY_PATH=" + dir}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &daemon{client: probe.NewClient(socket, "test"), pid: cmd.Process.Pid, gone: make(chan error, 1)}
	go func() { d.gone <- cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case err := <-d.gone:
			t.Fatalf("the daemon exited: %v", err)
		default:
		}
		d.childless(t)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-d.gone; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	d.until(t, "it listens", func() bool {
		_, err := d.client.Ask(t.Context(), probe.Question{})
		return err == nil
	})
	return d
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 3 * time.Minute

// until asks again and again, as long as there is patience.
func (d *daemon) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !done(); {
		select {
		case <-ctx.Done():
			tick.Stop()
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// childless waits until the daemon has no child, dead ones included.
func (d *daemon) childless(t *testing.T) {
	t.Helper()
	d.until(t, "all its children are gone", func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.pid))
		var all []byte
		for _, path := range tasks {
			list, _ := os.ReadFile(path)
			all = append(all, list...)
		}
		return len(tasks) > 0 && len(bytes.TrimSpace(all)) == 0
	})
}

func (d *daemon) ask(t *testing.T, q probe.Question) probe.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := d.client.Ask(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// look asks until what was read of the machine was in time, which on a busy one
// it may not be, and tells how long the answer took.
func (d *daemon) look(t *testing.T, q probe.Question) (a probe.Answer, took time.Duration) {
	t.Helper()
	d.until(t, "the walk is in time", func() bool {
		began := time.Now()
		a, took = d.ask(t, q), time.Since(began)
		return a.GPUs != nil && !strings.HasPrefix(a.GPUs.Unknown, "it took longer than")
	})
	return a, took
}

// both are two GPUs with nobody on them.
const both = `driver 580.95.05
gpu gpu0 pci=00000000:0A:00.0 uuid=GPU-0 total=24000 used=500 busy=4 temperature=41 name=NVIDIA GeForce RTX 4090
gpu gpu1 pci=00000000:0B:00.0 uuid=GPU-1 total=80000 used=900 busy=0 temperature=33 name=NVIDIA A100
`

// The library is all that knows of a GPU here: what it cannot say, nobody can.
func TestTheDaemonOutlivesEveryLibrary(t *testing.T) {
	t.Parallel()
	const held = "process gpu0 pid=1400 kind=compute memory=1000 sm=3\nprocess gpu1 pid=1200 kind=graphics\n"
	for name, c := range map[string]struct {
		conf    string
		lacks   []string
		garbage string
		outcome fsm.Outcome
		says    string
	}{
		"nobody on either GPU":                {conf: both, outcome: fsm.Pass, says: "no GPU is in use"},
		"holders on both":                     {conf: both + held, outcome: fsm.Deny, says: "computes on a GPU"},
		"an older driver":                     {conf: both, lacks: standin.Older, outcome: fsm.Pass, says: "no GPU is in use"},
		"an older driver with holders":        {conf: both + held, lacks: standin.Older, outcome: fsm.Deny, says: "computes on a GPU"},
		"a driver without one of the lists":   {conf: both, lacks: symbols("nvmlDeviceGetGraphicsRunningProcesses"), outcome: fsm.Unknown, says: "does not list the processes"},
		"a list that may not be read":         {conf: both + "NO_PERMISSION nvmlDeviceGetComputeRunningProcesses gpu1\n", outcome: fsm.Unknown, says: "does not list the processes"},
		"a MIG device":                        {conf: both + "mig gpu1 gi=1 ci=0 uuid=MIG-a\n", outcome: fsm.Pass, says: "no GPU is in use"},
		"a MIG device that cannot be opened":  {conf: both + "mig gpu1 gi=1 ci=0 uuid=MIG-a\nNO_PERMISSION nvmlDeviceGetMigDeviceHandleByIndex\n", outcome: fsm.Unknown, says: "does not list the processes"},
		"a lost GPU":                          {conf: both + "lost gpu1\n", outcome: fsm.Unknown, says: "cannot open device 1: the GPU has fallen off the bus"},
		"a GPU lost between two calls":        {conf: both + "GPU_IS_LOST nvmlDeviceGetGraphicsRunningProcesses gpu1\n", outcome: fsm.Unknown, says: "0000:0b:00.0: the GPU has fallen off the bus"},
		"a GPU without an address":            {conf: both + "UNKNOWN nvmlDeviceGetPciInfo gpu1\n", outcome: fsm.Unknown, says: "cannot tell the address of device 1: NVML's error 999"},
		"GPUs that cannot be counted":         {conf: both + "UNKNOWN nvmlDeviceGetCount\n", outcome: fsm.Unknown, says: "cannot count devices"},
		"an update without a reboot":          {conf: both + "init LIB_RM_VERSION_MISMATCH\n", outcome: fsm.Unknown, says: "reboot after the update"},
		"a driver that may not be asked":      {conf: both + "init NO_PERMISSION\n", outcome: fsm.Unknown, says: "no permission"},
		"a library of before the first lists": {conf: both, lacks: []string{"nvmlDeviceGetCount_v2"}, outcome: fsm.Unknown, says: "too old"},
		"a library of something else":         {conf: both, lacks: []string{"nvmlInit", "nvmlInit_v2"}, outcome: fsm.Unknown, says: "lacks a function"},
		"a library that is no library":        {garbage: strings.Repeat("garbage ", 1000), outcome: fsm.Unknown, says: "cannot load libnvidia-ml.so.1"},
		"a library that is empty":             {garbage: " ", outcome: fsm.Unknown, says: "cannot load libnvidia-ml.so.1"},
		"a library that crashes at first":     {conf: both + "crash nvmlInit\n", outcome: fsm.Unknown, says: "SIGABRT"},
		"a library that crashes in a call":    {conf: both + "crash nvmlDeviceGetName gpu1\n", outcome: fsm.Unknown, says: "SIGABRT"},
		"a library that hangs at its end":     {conf: both + "hang nvmlShutdown\n", outcome: fsm.Pass, says: "no GPU is in use"},
		"a library without a driver":          {conf: both + "init DRIVER_NOT_LOADED\n", outcome: fsm.Pass, says: "no GPU is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := library(t, c.conf, c.lacks...)
			if c.garbage != "" {
				if err := os.WriteFile(filepath.Join(dir, standin.Name), []byte(c.garbage), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			d := start(t, dir, "--nvml-deadline=1m")
			for range 2 {
				a, took := d.look(t, everyGPU)
				if took > 50*time.Second {
					t.Errorf("it took %v, as if it had waited for the library", took)
				}
				t.Logf("answered in %v", took)
				if v := judge(t, a.GPUs); v.Outcome != c.outcome || !strings.Contains(v.Summary, c.says) {
					t.Errorf("%s %s: %s; want %s, %q", v.Outcome, v.Code, v.Summary, c.outcome, c.says)
				}
			}
		})
	}
}

// symbols are all versions of a function.
func symbols(name string) []string { return []string{name, name + "_v2", name + "_v3"} }

func TestTwoGPUsAreSeenWithTheirHolders(t *testing.T) {
	t.Parallel()
	const conf = both + `process gpu0 pid=1200 kind=both memory=1000 sm=3
process gpu0 pid=1400 kind=graphics
process gpu1 pid=1200 kind=compute memory=7
`
	a, _ := start(t, library(t, conf)).look(t, everyGPU)
	if !a.GPUs.Known() || len(a.GPUs.List) != 2 {
		t.Fatalf("got %+v", a.GPUs)
	}
	g := a.GPUs.List[0]
	if g.PCI != "0000:0a:00.0" || g.UUID != "GPU-0" || g.Model != "NVIDIA GeForce RTX 4090" || g.BusyPercent != 4 ||
		g.MemoryTotal != 24000 || g.MemoryUsed != 500 || g.Temperature != 41 || g.Unmeasured != "" {
		t.Errorf("got %+v", g)
	}
	if got, want := who(g), "python3 compute=false graphics=true 0% 0 , weston compute=true graphics=true 3% 1000 "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if h := g.Holders[0]; h.PID != 1200 || h.User != "dev" || h.Session != "3" {
		t.Errorf("got %+v", h)
	}
	if got, want := who(a.GPUs.List[1]), "weston compute=true graphics=false 0% 7 "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestALibraryThatHangsCostsItsOwnPartOnly(t *testing.T) {
	t.Parallel()
	const call = "nvmlDeviceGetUtilizationRates"
	dir := library(t, both+"hang "+call+" gpu0\n")
	log := filepath.Join(dir, "nvml.log")
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const deadline = 20 * time.Second
	d := start(t, dir, "--nvml-deadline="+deadline.String())
	q := everyGPU
	q.Load, q.Memory = true, true
	hanging := make(chan time.Duration, 1)
	go func() {
		a, took := d.look(t, everyGPU)
		checkUnknown(t, a.GPUs, "no answer within 20s")
		hanging <- took
	}()
	d.until(t, "the library hangs", func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), call+" gpu0")
	})
	a, _ := d.look(t, q)
	checkUnknown(t, a.GPUs, "an earlier call has not come back")
	if !a.Load.Known() || !a.Memory.Known() {
		t.Errorf("it took other parts with it: %+v", a)
	}
	select {
	case <-hanging:
		t.Error("the other question waited for it")
	default:
	}
	if took := <-hanging; took < deadline {
		t.Errorf("it took %v", took)
	}

	d.childless(t)
	if err := standin.Configure(dir, both); err != nil {
		t.Fatal(err)
	}
	a, _ = d.look(t, everyGPU)
	if v := judge(t, a.GPUs); v.Outcome != fsm.Pass {
		t.Errorf("when it works again: %+v", v)
	}
}

func checkUnknown(t *testing.T, gpus *facts.GPUs, why string) {
	t.Helper()
	if v := judge(t, gpus); v.Outcome != fsm.Unknown || !strings.Contains(v.Summary, why) {
		t.Errorf("%s: %s; want %q", v.Outcome, v.Summary, why)
	}
}

func TestAMachineWithoutTheLibraryHasNothingToHide(t *testing.T) {
	t.Parallel()
	const nowhere = "--nvml-library=/nonexistent/libnvidia-ml.so.1" // whatever this machine has
	a, _ := start(t, t.TempDir(), nowhere).look(t, everyGPU)
	if v := judge(t, a.GPUs); v.Outcome != fsm.Pass || len(a.GPUs.List) != 0 {
		t.Errorf("got %+v of %+v", v, a.GPUs)
	}
	// Where the driver is, its library is missed.
	gpus := workstation(t, t.TempDir(), nowhere).Look(t.Context(), everyGPU).GPUs
	if v := judge(t, gpus, "ai.service"); v.Outcome != fsm.Unknown || !strings.Contains(v.Summary, "libnvidia-ml.so.1 not found") {
		t.Errorf("got %+v", v)
	}
	if !gpus.Known() {
		t.Errorf("who holds a GPU is known all the same: %s", gpus.Unknown)
	}
	if v := judge(t, gpus); v.Outcome != fsm.Deny {
		t.Errorf("descriptors say who computes: %+v", v)
	}
}

func TestTheLibraryIsLoadedFromWhereItIsSaidToBe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(library(t, both), "libnvidia-ml.so.1")
	a, _ := start(t, t.TempDir(), "--nvml-library="+path).look(t, everyGPU)
	if len(a.GPUs.List) != 2 || a.GPUs.List[0].UUID != "GPU-0" || a.GPUs.List[0].Unmeasured != "" {
		t.Errorf("got %+v", a.GPUs)
	}
}
