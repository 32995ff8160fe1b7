package guards

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// gpuMemory tells whether the memory of GPUs comes back when the plan is done.
type gpuMemory struct{ ignore []string }

func gpuMemoryKind() Kind {
	return Kind{
		Name:    "gpu-memory",
		Summary: "passes while all that computes on a GPU is managed: a unit of the plan, or a pod",
		Details: "Programs that only draw are not asked about. A suspended GPU holds nothing.",
		Params: []Param{
			{"ignore-units", Names, "", "units of the system whose processes may keep GPU memory"},
		},
		Codes: []Code{
			{"gpu-memory-managed", fsm.Pass, "all GPU memory is free, or held by what the plan stops", ""},
			{"gpu-memory-unmanaged", fsm.Deny, "a process holds GPU memory that no unit of the plan, and no pod, would give back", "end it, run it as a unit that the mode manages, or name its unit in ignore-units"},
			{"gpu-memory-unknown", fsm.Unknown, "the GPUs, or who holds them, cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
		},
		Example: `[guards.gpu-memory-reclaimable]
kind = "gpu-memory"
ignore-units = ["dcgm-exporter.service"]
`,
		New: newGPUMemory,
	}
}

func newGPUMemory(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := gpuMemory{ignore: p.names("ignore-units", false)}
	return g, p.done()
}

// Needs implements Guard.
func (g gpuMemory) Needs() Needs { return Needs{GPU: true, NVML: true} }

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g gpuMemory) Judge(f *facts.Facts, a Asked) fsm.Verdict {
	plan := planOf(f, a)
	var unmanaged, managed []fsm.Culprit
	var dark string
	var used uint64
	for _, dev := range f.GPUs.List {
		if dev.Suspended {
			continue
		}
		used = sum(used, dev.MemoryUsed)
		dark = cmp.Or(dark, unlisted(dev))
		for _, h := range dev.Holders {
			switch {
			case !keeps(h):
			case h.Pod != "" || plan.owns(h.Unit) || h.Unit != "" && slices.Contains(g.ignore, h.Unit):
				managed = append(managed, holder(dev, h, memoryOf(dev, h)))
			default:
				unmanaged = append(unmanaged, holder(dev, h, memoryOf(dev, h)))
			}
		}
	}
	v := pass("gpu-memory-managed", "all GPU memory that is held is managed")
	switch {
	case len(unmanaged) > 0:
		v = deny("gpu-memory-unmanaged", fmt.Sprintf("%s (%d) holds GPU memory, and nothing of this plan manages it", cmp.Or(unmanaged[0].Comm, "a process"), unmanaged[0].PID)+more(unmanaged),
			"end it, run it as a unit that the mode manages, or name its unit in ignore-units")
	case !f.GPUs.Known():
		return unseen("gpu-memory", "the GPUs", f.GPUs.Part)
	case dark != "":
		return unseen("gpu-memory", "who holds GPU memory", facts.Part{Unknown: dark})
	}
	v.Measured, v.Limit = formatSize(used)+" of GPU memory in use", "no unmanaged holder"
	v.Culprits = append(unmanaged, managed...)
	return v
}

// keeps tells whether a holder keeps memory that a program needs which computes:
// what only draws does not.
func keeps(h facts.Holder) bool { return h.Compute || h.Memory > 0 && !h.Graphics }

// unlisted says why a device's processes are not all known. NVIDIA's driver shows
// descriptors to everybody, and who has a context on which device to its library
// alone.
func unlisted(dev facts.GPU) string {
	if dev.Driver != "nvidia" || dev.Listed {
		return ""
	}
	return facts.Clean(dev.Label()) + ": " + cmp.Or(dev.Unmeasured, "NVML did not name its processes")
}

func memoryOf(dev facts.GPU, h facts.Holder) string {
	if h.Memory == 0 {
		return "computes on " + facts.Clean(dev.Label())
	}
	return formatSize(h.Memory) + " of " + facts.Clean(dev.Label())
}

// sum adds without going around.
func sum(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}
