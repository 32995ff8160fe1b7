package guards_test

import (
	"math"
	"testing"

	"github.com/modectl/moded/pkg/facts"
)

func TestVerdictsOfComputeJobs(t *testing.T) {
	t.Parallel()
	busy := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "active", Running: 2, Waiting: 1}
	calm := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "active"}
	down := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "inactive"}
	generating := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "active", Generating: true}
	silent := facts.VLLMServer{Part: facts.Part{Unknown: "connection refused"}, Name: "second", Unit: "vllm2.service", Active: "active"}
	absurd := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "active", Running: math.MaxInt, Waiting: math.MaxInt}
	negative := facts.VLLMServer{Name: "main", Unit: "vllm.service", Active: "active", Running: -5}
	stateless := facts.VLLMServer{Name: "main", Unit: "vllm.service"}
	vllm := func(list ...facts.VLLMServer) facts.Facts { return facts.Facts{VLLM: facts.VLLM{List: list}} }

	train := facts.Pod{Namespace: "ml", Name: "train-0", UID: "u-1", Phase: "Running", Owner: "Job", GPUs: 2}
	plugin := facts.Pod{Namespace: "kube-system", Name: "nvidia-device-plugin-x", UID: "u-2", Phase: "Running", Owner: "DaemonSet"}
	waiting := facts.Pod{Namespace: "ml", Name: "train-1\x1b[2J", UID: "u-3", Phase: "Pending", Owner: "DaemonSet", GPUs: 1}
	done := facts.Pod{Namespace: "ml", Name: "old", UID: "u-4", Phase: "Succeeded", GPUs: 8}
	pods := func(active string, list ...facts.Pod) facts.Facts {
		return facts.Facts{Pods: facts.Pods{Unit: "k3s.service", Active: active, List: list}}
	}
	on := func(f facts.Facts, h ...facts.Holder) facts.Facts {
		f.GPUs.List = []facts.GPU{{Name: "gpu1", PCI: "0000:02:00.0", Holders: h}}
		return f
	}
	left := facts.Holder{PID: 70, Comm: "python3", Pod: "ml/train-0", Unit: "cri-containerd-1.scope", Graphics: true}
	sneaky := facts.Holder{PID: 71, Comm: "python3", Pod: "u-9", Compute: true}
	exporter := facts.Holder{PID: 72, Comm: "dcgm-exporter", Pod: "gpu/dcgm", Graphics: true}
	both := pods("active", train)
	both.VLLM = vllm(busy).VLLM
	seenOne := vllm(busy, silent)
	mute := pods("active")
	mute.Pods.Unknown = "the API server does not answer"
	mutePods := pods("active", train)
	mutePods.Pods.Unknown = "the list was cut"
	blind := pods("inactive")
	blind.GPUs.Unknown = "moded-probe did not answer in time"
	noState := pods("")
	none := facts.Facts{GPUs: facts.GPUs{Part: dark}}

	golden(t, "compute-jobs", []verdict{
		{name: "without vLLM and k3s it passes", facts: facts.Facts{}},
		{name: "so it does when the GPUs cannot be seen", facts: none},
		{name: "a server that is down passes", facts: vllm(down)},
		{name: "a server at rest passes", facts: vllm(calm)},
		{name: "requests deny", facts: vllm(calm, busy)},
		{name: "as many as allowed pass", params: `{"max-requests":3}`, facts: vllm(busy)},
		{name: "tokens without requests are a request", facts: vllm(generating)},
		{name: "a server that is silent is unknown", facts: vllm(calm, silent)},
		{name: "what is seen of the other denies", facts: seenOne},
		{name: "figures that go around deny", facts: vllm(absurd, absurd)},
		{name: "figures that cannot be are unknown", facts: vllm(negative)},
		{name: "a unit without a state is unknown", facts: vllm(stateless)},
		{name: "a GPU pod denies, whoever owns it", facts: pods("active", train, plugin, waiting, done)},
		{name: "as many as allowed pass, too", params: `{"max-gpu-pods":2}`, facts: pods("active", train, plugin, waiting)},
		{name: "a pod that computes without asking for a GPU denies", facts: on(pods("active", plugin), sneaky)},
		{name: "a pod counts once", params: `{"max-gpu-pods":1}`, facts: on(pods("active", train), left, facts.Holder{PID: 73, Pod: "u-1", Compute: true})},
		{name: "one that only watches does not count", facts: on(pods("active"), exporter)},
		{name: "containers of a stopped k3s count", facts: on(pods("inactive"), left)},
		{name: "a stopped k3s without any passes", facts: on(pods("failed"))},
		{name: "GPUs that are not seen leave it unknown", facts: blind},
		{name: "requests come before pods", facts: both},
		{name: "a cluster that is silent is unknown", facts: mute},
		{name: "what it said before denies", facts: mutePods},
		{name: "a cluster without a state is unknown", facts: noState},
		{name: "vLLM that is not seen is unknown", facts: facts.Facts{VLLM: facts.VLLM{Part: facts.Part{Unknown: "there is no systemd"}}}},
	})
}

func TestVerdictsOfVLLMYield(t *testing.T) {
	t.Parallel()
	server := func(active string, running int, why string) facts.VLLMServer {
		return facts.VLLMServer{Part: facts.Part{Unknown: why}, Name: "main", Unit: "vllm.service", Active: active, Running: running}
	}
	vllm := func(list ...facts.VLLMServer) facts.Facts { return facts.Facts{VLLM: facts.VLLM{List: list}} }
	seen := vllm(server("activating", 0, ""))
	seen.VLLM.Unknown = "the list was cut"
	golden(t, "vllm-yield", []verdict{
		{name: "without vLLM it passes", facts: vllm()},
		{name: "servers that are down pass", facts: vllm(server("inactive", 0, ""), server("failed", 0, ""))},
		{name: "requests will be drained", facts: vllm(server("active", 3, ""), server("inactive", 0, ""))},
		{name: "too many requests deny", params: `{"max-requests":2}`, facts: vllm(server("active", 3, ""))},
		{name: "a silent server warns", facts: vllm(server("active", 0, "no answer after 2s"), server("active", 1, ""))},
		{name: "a server without sense in its metrics warns", facts: vllm(server("active", -1, ""))},
		{name: "a server that starts denies", facts: vllm(server("activating", 0, "connection refused"), server("active", 0, "x"))},
		{name: "a server that stops denies", facts: vllm(server("deactivating", 0, ""))},
		{name: "a server that reloads denies, whatever else is dark", facts: vllm(server("", 0, "the bus is gone"), server("reloading", 0, ""))},
		{name: "a unit whose state is not known is unknown", facts: vllm(server("", 0, "cannot see vllm.service: the bus is gone"), server("active", 0, "x"))},
		{name: "servers that are not seen are unknown", facts: facts.Facts{VLLM: facts.VLLM{Part: facts.Part{Unknown: "there is no systemd"}}}},
		{name: "one that is seen denies, whatever else is dark", facts: seen},
	})
}

func TestVerdictsOfGPUMemory(t *testing.T) {
	t.Parallel()
	vllm := facts.Holder{PID: 14, Comm: "VLLM::EngineCor", UID: 990, Unit: "vllm.service", Compute: true, Memory: 40 << 30}
	python := facts.Holder{PID: 15, Comm: "python3\x1b[2J", UID: 1001, User: "dev", Unit: "user@1001.service", UserUnit: "vllm.service", Compute: true, Memory: 8 << 30}
	pod := facts.Holder{PID: 16, Comm: "python3", Unit: "cri-containerd-1.scope", Pod: "ml/train-0", Compute: true}
	xorg := facts.Holder{PID: 17, Comm: "Xorg", Unit: "session-3.scope", Graphics: true, Memory: 1 << 30}
	exporter := facts.Holder{PID: 18, Comm: "exporter", Unit: "dcgm-exporter.service", Compute: true}
	dev := func(h ...facts.Holder) facts.GPU {
		return facts.GPU{Name: "gpu1", PCI: "0000:02:00.0", Driver: "nvidia", Listed: true, MemoryTotal: 48 << 30, MemoryUsed: 41 << 30, Holders: h}
	}
	gpus := func(list ...facts.GPU) facts.Facts { return facts.Facts{GPUs: facts.GPUs{List: list}} }
	silent := dev(vllm)
	silent.Listed, silent.Unmeasured = false, "NVML: version mismatch"
	guilty := dev(python)
	guilty.Listed = false
	asleep := dev()
	asleep.Listed, asleep.Suspended = false, true
	half := gpus(dev(python))
	half.GPUs.Unknown = "descriptors of 3 processes cannot be read"
	amd := facts.GPU{PCI: "0000:03:00.0", Driver: "amdgpu", Holders: []facts.Holder{vllm}}
	units := []string{"vllm.service"}
	golden(t, "gpu-memory", []verdict{
		{name: "an idle GPU passes", facts: gpus(dev())},
		{name: "what the plan stops passes", facts: gpus(dev(vllm)), units: units},
		{name: "the same denies when the plan does not", facts: gpus(dev(vllm))},
		{name: "a pod passes", facts: gpus(dev(pod, vllm)), units: units},
		{name: "a unit to be ignored passes", params: `{"ignore-units":["dcgm-exporter.service"]}`, facts: gpus(dev(exporter))},
		{name: "what only draws passes", facts: gpus(dev(xorg))},
		{name: "a user's own process denies, whatever its unit is called", facts: gpus(dev(vllm, python), dev(python)), units: units},
		{name: "a library that is silent is unknown", facts: gpus(silent), units: units},
		{name: "descriptors deny all the same", facts: gpus(guilty), units: units},
		{name: "a suspended GPU holds nothing", facts: gpus(asleep)},
		{name: "a driver without a library is believed", facts: gpus(amd), units: units},
		{name: "GPUs that are not seen are unknown", facts: facts.Facts{GPUs: facts.GPUs{Part: dark}}},
		{name: "what is seen denies, whatever else is dark", facts: half},
	})
}
