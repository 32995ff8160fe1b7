package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
	standin "github.com/modectl/moded/test/nvml"
)

// tree makes the files of a machine of testdata, in txtar's format.
func tree(t *testing.T, file string) (root string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	for _, f := range strings.Split(string(text), "\n-- ")[1:] {
		name, data, _ := strings.Cut(f, " --\n")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(data, "-> "); ok {
			err = os.Symlink(strings.TrimSpace(target), path)
		} else {
			err = os.WriteFile(path, []byte(data+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// workstation is the machine of testdata/nvidia.txtar, whose NVIDIA library is
// the one in dir: the binary's own child asks it.
func workstation(t *testing.T, dir string, flags ...string) *look.Machine {
	t.Helper()
	ask := newChild(time.Minute, append([]string{"/usr/bin/env", "LD_LIBRARY_PATH=" + dir, binary(t)}, flags...)...).ask
	return &look.Machine{Root: tree(t, "nvidia.txtar"), Budget: time.Minute, Patience: time.Minute, Gap: time.Millisecond, NVML: ask}
}

// everyGPU is what a decision asks.
var everyGPU = probe.Question{GPUs: true, Usage: true, NVML: true, Patient: true, Window: 10 * time.Second}

// judge is what the guard of kind gpu makes of an answer when the desktop ends.
func judge(t *testing.T, gpus *facts.GPUs, units ...string) fsm.Verdict {
	t.Helper()
	return judgeAs(t, "gpu", gpus, units...)
}

// judgeAs is the same of another kind of guard.
func judgeAs(t *testing.T, kind string, gpus *facts.GPUs, units ...string) fsm.Verdict {
	t.Helper()
	kinds := guards.Builtin()
	i := slices.IndexFunc(kinds, func(k guards.Kind) bool { return k.Name == kind })
	g, err := kinds[i].New("")
	if err != nil {
		t.Fatal(err)
	}
	if gpus == nil {
		t.Fatal("the answer does not speak of GPUs")
	}
	return g.Judge(&facts.Facts{GPUs: *gpus}, guards.Asked{
		Ends:  []fsm.Session{{ID: "3", UID: 1000, User: "dev", Scope: "session-3.scope"}},
		Units: units, Now: time.Now(),
	})
}

// three are the workstation's GPUs as the library sees them, all at rest.
const three = `driver 580.95.05
gpu gpu0 pci=00000000:01:00.0 uuid=GPU-0 total=24000 used=500 busy=4 temperature=41 name=NVIDIA GeForce RTX 4090
gpu gpu1 pci=00000000:02:00.0 uuid=GPU-1 total=80000 used=900 busy=90 temperature=66 name=NVIDIA A100
gpu gpu2 pci=00000000:03:00.0 uuid=GPU-2 total=6000 used=1 busy=0 name=NVIDIA RTX A2000
process gpu0 pid=500 kind=graphics
`

const (
	desktop = "process gpu0 pid=1200 kind=graphics memory=300 sm=2\n"
	service = "process gpu1 pid=1400 kind=compute memory=700 sm=88\n"
)

func TestTheGuardIsRightAboutEveryState(t *testing.T) {
	t.Parallel()
	managed := []string{"ai.service"}
	for name, c := range map[string]struct {
		conf    string
		lacks   []string
		units   []string
		outcome fsm.Outcome
		code    string
	}{
		"a calm desktop and a service that the plan stops": {
			conf: three + desktop + service, units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"the service is nobody's": {
			conf: three + desktop + service, outcome: fsm.Deny, code: "gpu-compute"},
		"a game in the session": {
			conf:  strings.Replace(three, "busy=4", "busy=83", 1) + strings.Replace(desktop, "sm=2", "sm=82", 1) + service,
			units: managed, outcome: fsm.Deny, code: "gpu-busy"},
		"a training run in the session": {
			conf: three + strings.Replace(desktop, "graphics", "compute", 1) + service, units: managed, outcome: fsm.Deny, code: "gpu-compute"},
		"a desktop that also computes": {
			conf: three + strings.Replace(desktop, "graphics", "both", 1) + service, units: managed, outcome: fsm.Deny, code: "gpu-compute"},
		"a desktop that also computes through MPS": {
			conf: three + desktop + "process gpu0 pid=1200 kind=mps\n" + service, units: managed, outcome: fsm.Deny, code: "gpu-compute"},
		"a process that nobody can see": {
			conf: three + desktop + service + "process gpu0 pid=99999 kind=compute\n", units: managed, outcome: fsm.Deny, code: "gpu-compute"},
		"a busy device on which nobody is": {
			conf:  strings.Replace(three, "busy=4", "busy=83", 1) + "process gpu0 pid=1200 kind=graphics\n" + service,
			units: managed, outcome: fsm.Deny, code: "gpu-busy"},
		"a device that tells no use, whose processes do": {
			conf: three + desktop + service + "NOT_SUPPORTED nvmlDeviceGetUtilizationRates\n", units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"a device that tells no use at all": {
			conf:  three + desktop + service + "NOT_SUPPORTED nvmlDeviceGetUtilizationRates\nNOT_SUPPORTED nvmlDeviceGetProcessUtilization\n",
			units: managed, outcome: fsm.Unknown, code: "gpu-unmeasured"},
		"a device that tells no use, and names nobody": {
			conf:  three + "process gpu0 pid=1200 kind=graphics\n" + service + "NOT_SUPPORTED nvmlDeviceGetUtilizationRates\n",
			units: managed, outcome: fsm.Unknown, code: "gpu-unmeasured"},
		"no lists: descriptors say who computes": {
			conf: three + desktop + service + "UNKNOWN nvmlDeviceGetComputeRunningProcesses\nNOT_SUPPORTED nvmlDeviceGetGraphicsRunningProcesses\n", outcome: fsm.Deny, code: "gpu-compute"},
		"one list is missing: descriptors say who holds": {
			conf: three + desktop + service + "NO_PERMISSION nvmlDeviceGetGraphicsRunningProcesses\n", units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"lists that forget who has the device open": {
			conf: three, outcome: fsm.Deny, code: "gpu-compute"},
		"the desktop's GPU is lost": {
			conf: three + desktop + service + "lost gpu0\n", units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"the service's GPU is lost": {
			conf: three + desktop + service + "lost gpu1\n", units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"a GPU is lost between two calls": {
			conf: three + desktop + service + "GPU_IS_LOST nvmlDeviceGetProcessUtilization gpu1\n", units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"a GPU that the library does not know": {
			conf: strings.ReplaceAll(three, ":02:00.0", ":12:00.0") + desktop, units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"an update without a reboot": {
			conf: three + "init LIB_RM_VERSION_MISMATCH\n", units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"an older driver": {
			conf: three + desktop + service, lacks: standin.Older, units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"an older driver with a game": {
			conf:  strings.Replace(three, "busy=4", "busy=83", 1) + strings.Replace(desktop, "sm=2", "sm=82", 1) + service,
			lacks: standin.Older, units: managed, outcome: fsm.Deny, code: "gpu-busy"},
		"a driver that counts no process and a calm device": {
			conf: three + desktop + service, lacks: []string{"nvmlDeviceGetProcessUtilization"}, units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"a driver that tells no use": {
			conf: three + desktop + service, lacks: []string{"nvmlDeviceGetProcessUtilization", "nvmlDeviceGetUtilizationRates"}, units: managed, outcome: fsm.Unknown, code: "gpu-unmeasured"},
		"a driver of the next year": {
			conf: three + desktop + service, lacks: []string{"nvmlDeviceGetTemperature"}, units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"a driver of the last decade": {
			conf: three + desktop + service, lacks: []string{"nvmlDeviceGetHandleByPciBusId_v2"}, units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
		"MIG devices, of which the plan stops the user": {
			conf:  three + desktop + "mig gpu1 gi=1 ci=0 uuid=MIG-a\nprocess gpu1 pid=1400 kind=compute gi=1 ci=0\n",
			units: managed, outcome: fsm.Pass, code: "gpu-free"},
		"a crash": {
			conf: three + desktop + service + "crash nvmlDeviceGetMemoryInfo gpu1\n", units: managed, outcome: fsm.Unknown, code: "gpu-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := workstation(t, library(t, c.conf, c.lacks...)).Look(context.Background(), everyGPU)
			v := judge(t, a.GPUs, c.units...)
			if v.Outcome != c.outcome || v.Code != c.code {
				t.Errorf("%s %s: %s; want %s %s\n%+v", v.Outcome, v.Code, v.Summary, c.outcome, c.code, *a.GPUs)
			}
		})
	}
}

// who writes the holders of a device, in the order of their numbers.
func who(g facts.GPU) string {
	var list []string
	for _, h := range g.Holders {
		list = append(list, fmt.Sprintf("%s compute=%v graphics=%v %d%% %d %s", h.Comm, h.Compute, h.Graphics, h.BusyPercent, h.Memory, h.Instance))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func TestALostGPUTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	a := workstation(t, library(t, three+desktop+service+"lost gpu1\n")).Look(context.Background(), everyGPU)
	if want := "NVML: 0000:02:00.0: the GPU has fallen off the bus"; a.GPUs.Unknown != want {
		t.Errorf("unknown: %q, want %q", a.GPUs.Unknown, want)
	}
	well, lost := a.GPUs.List[0], a.GPUs.List[1]
	if well.BusyPercent != 4 || well.Temperature != 41 || well.MemoryUsed != 500 || well.Unmeasured != "" {
		t.Errorf("the other is %+v", well)
	}
	if got := who(well); got != "weston compute=false graphics=true 2% 300 " {
		t.Errorf("the other has %s", got)
	}
	if lost.BusyPercent != -1 || lost.Unmeasured != "NVML: the GPU has fallen off the bus" {
		t.Errorf("the lost one is %+v", lost)
	}
	if got := who(lost); got != "python3 compute=true graphics=false -1% 0 " {
		t.Errorf("the lost one has %s", got)
	}
}

func TestASleepingGPUIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := library(t, three+desktop+service)
	log := filepath.Join(dir, "nvml.log")
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	workstation(t, dir).Look(context.Background(), everyGPU)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	called := string(text)
	if !strings.Contains(called, "nvmlDeviceGetHandleByPciBusId_v2 gpu1\n") {
		t.Errorf("the others were not asked:\n%s", called)
	}
	for _, bad := range []string{"gpu2", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetCount"} {
		if strings.Contains(called, bad) {
			t.Errorf("%s was called, which wakes the third GPU:\n%s", bad, called)
		}
	}
}

func TestMIGDevicesAreSeenWithTheirProcesses(t *testing.T) {
	t.Parallel()
	const parts = `mig gpu1 gi=1 ci=0 uuid=MIG-a total=10000 used=70 name=NVIDIA A100 MIG 1g.10gb
mig gpu1 gi=2 ci=0 uuid=MIG-b total=20000 used=1 name=NVIDIA A100 MIG 2g.20gb
process gpu1 pid=1400 kind=compute memory=60 gi=1 ci=0
process gpu1 pid=77777 kind=compute gi=2 ci=0
`
	want := "python3 compute=true graphics=false -1% 60 MIG-a, unknown process compute=true graphics=false -1% 0 MIG-b"
	for name, more := range map[string]string{
		"to a privileged caller":                           "",
		"to others, who may not ask the device as a whole": "NO_PERMISSION nvmlDeviceGetComputeRunningProcesses gpu1\nNO_PERMISSION nvmlDeviceGetGraphicsRunningProcesses gpu1\n",
		"where MIG devices have no graphics":               "NOT_SUPPORTED nvmlDeviceGetGraphicsRunningProcesses gpu1/3\nNOT_SUPPORTED nvmlDeviceGetGraphicsRunningProcesses gpu1/4\n",
		"by their numbers alone":                           "UNKNOWN nvmlDeviceGetComputeRunningProcesses gpu1/3\nUNKNOWN nvmlDeviceGetComputeRunningProcesses gpu1/4\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := workstation(t, library(t, three+desktop+parts+more)).Look(context.Background(), everyGPU)
			g := a.GPUs.List[1]
			if got := who(g); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			instances := []facts.Instance{
				{UUID: "MIG-a", Model: "NVIDIA A100 MIG 1g.10gb", MemoryTotal: 10000, MemoryUsed: 70},
				{UUID: "MIG-b", Model: "NVIDIA A100 MIG 2g.20gb", MemoryTotal: 20000, MemoryUsed: 1},
			}
			if !slices.Equal(g.Instances, instances) {
				t.Errorf("got %+v", g.Instances)
			}
			if v := judge(t, a.GPUs, "ai.service"); v.Outcome != fsm.Deny || v.Code != "gpu-compute" {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// Nobody asks about use here: who holds memory, the library tells all the same.
func TestTheGuardOfMemoryIsRightToo(t *testing.T) {
	t.Parallel()
	managed := []string{"ai.service"}
	for name, c := range map[string]struct {
		conf    string
		units   []string
		outcome fsm.Outcome
	}{
		"all that computes is managed":          {three + desktop + service, managed, fsm.Pass},
		"the service is nobody's":               {three + desktop + service, nil, fsm.Deny},
		"the desktop computes too":              {three + desktop + service + "process gpu0 pid=1200 kind=compute\n", managed, fsm.Deny},
		"a process that nobody can see":         {three + desktop + service + "process gpu0 pid=99999 kind=compute\n", managed, fsm.Deny},
		"a MIG device's user is nobody's":       {three + desktop + "mig gpu1 gi=1 ci=0 uuid=MIG-a\nprocess gpu1 pid=88888 kind=compute gi=1 ci=0\n", managed, fsm.Deny},
		"a GPU is lost":                         {three + desktop + service + "lost gpu0\n", managed, fsm.Unknown},
		"a GPU does not tell its memory":        {three + desktop + service + "NOT_SUPPORTED nvmlDeviceGetMemoryInfo gpu0\n", managed, fsm.Pass},
		"its processes are not to be had":       {three + desktop + service + "NOT_SUPPORTED nvmlDeviceGetComputeRunningProcesses gpu0\n", managed, fsm.Unknown},
		"an update without a reboot":            {three + "init LIB_RM_VERSION_MISMATCH\n", managed, fsm.Unknown},
		"a crash":                               {three + "crash nvmlDeviceGetMemoryInfo\n", managed, fsm.Unknown},
		"the service of another is on a device": {three + desktop + service, []string{"other.service"}, fsm.Deny},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpus := workstation(t, library(t, c.conf)).Look(context.Background(), probe.Question{GPUs: true, NVML: true, Patient: true}).GPUs
			if v := judgeAs(t, "gpu-memory", gpus, c.units...); v.Outcome != c.outcome {
				t.Errorf("%s %s: %s; want %s\n%+v", v.Outcome, v.Code, v.Summary, c.outcome, *gpus)
			}
		})
	}
}
