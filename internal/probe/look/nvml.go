package look

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// Report is what NVIDIA's library says: the answer of the child that asks it.
type Report struct {
	// Problem says why there is nothing else; Absent that there is no library,
	// or no device, which on a machine without NVIDIA is as it should be.
	Problem string         `json:"problem,omitempty"`
	Absent  bool           `json:"absent,omitempty"`
	Devices []ReportDevice `json:"devices,omitempty"`
}

// ReportDevice is one device. Figures are -1 or 0 where the library does not
// give them.
type ReportDevice struct {
	PCI         string          `json:"pci"`
	UUID        string          `json:"uuid,omitempty"`
	Model       string          `json:"model,omitempty"`
	BusyPercent int             `json:"busy-percent"`
	MemoryTotal uint64          `json:"memory-total,omitempty"`
	MemoryUsed  uint64          `json:"memory-used,omitempty"`
	Processes   []ReportProcess `json:"processes,omitempty"`
	// Listed is true when both lists of processes were given, and Shares when
	// the use by each process was.
	Listed bool `json:"listed,omitempty"`
	Shares bool `json:"shares,omitempty"`
	// Problem says what went wrong with this device.
	Problem string `json:"problem,omitempty"`
}

// ReportProcess is a process on a device.
type ReportProcess struct {
	PID         uint32 `json:"pid"`
	Compute     bool   `json:"compute,omitempty"`
	Graphics    bool   `json:"graphics,omitempty"`
	BusyPercent int    `json:"busy-percent"`
}

func (m *Machine) nvml(ctx context.Context, window time.Duration, pci []string) (Report, error) {
	if m.NVML == nil {
		return Report{Absent: true}, errors.New("nobody can be asked")
	}
	return m.NVML(ctx, window, pci)
}

// merge enters a report into the facts. It knows better than descriptors what a
// process does, and may know processes of which none was seen; descriptors that
// it does not mention stay. On a machine without NVIDIA nothing is missing.
func (r Report) merge(out *facts.GPUs, describe func(uint32) (facts.Holder, bool), err error) {
	problem := r.Problem
	if err != nil {
		problem = err.Error()
	}
	for _, dev := range r.Devices {
		g := findGPU(out, dev)
		fillDevice(g, dev)
		for _, p := range dev.Processes {
			enter(g, p, dev.Listed, describe)
		}
		if dev.Shares {
			for i := range g.Holders {
				g.Holders[i].BusyPercent = max(g.Holders[i].BusyPercent, 0)
			}
		}
	}
	for i := range out.List {
		if g := &out.List[i]; g.Driver == nvidia && problem != "" && !g.Suspended {
			g.Unmeasured = "NVML: " + problem
		}
	}
	if problem != "" && !r.Absent && !slices.ContainsFunc(out.List, func(g facts.GPU) bool { return g.Driver == nvidia }) && out.Unknown == "" {
		out.Unknown = "NVML: " + problem
	}
}

// findGPU returns the GPU of a report, which is new when sysfs has none.
func findGPU(out *facts.GPUs, dev ReportDevice) *facts.GPU {
	pci := NormalPCI(dev.PCI)
	i := slices.IndexFunc(out.List, func(g facts.GPU) bool { return g.PCI == pci })
	if i < 0 {
		out.List = append(out.List, facts.GPU{PCI: pci, Driver: nvidia, BusyPercent: -1})
		i = len(out.List) - 1
	}
	return &out.List[i]
}

func fillDevice(g *facts.GPU, dev ReportDevice) {
	if dev.UUID != "" {
		g.UUID = facts.Clean(dev.UUID)
	}
	if dev.Model != "" {
		g.Model = facts.Clean(dev.Model)
	}
	g.BusyPercent, g.MemoryTotal, g.MemoryUsed = dev.BusyPercent, dev.MemoryTotal, dev.MemoryUsed
	if dev.Problem != "" {
		g.Unmeasured = "NVML: " + dev.Problem
	}
}

// enter adds a process to a device's holders, or says more of one.
func enter(g *facts.GPU, p ReportProcess, listed bool, describe func(uint32) (facts.Holder, bool)) {
	i := slices.IndexFunc(g.Holders, func(h facts.Holder) bool { return h.PID == p.PID })
	if i < 0 {
		if !p.Compute && !p.Graphics {
			return // a sample of a process that has ended since
		}
		h, ok := describe(p.PID)
		if !ok {
			return
		}
		g.Holders = append(g.Holders, h)
		i = len(g.Holders) - 1
	}
	h := &g.Holders[i]
	switch {
	case listed && (p.Compute || p.Graphics):
		h.Compute, h.Graphics = p.Compute, p.Graphics
	default:
		h.Compute, h.Graphics = h.Compute || p.Compute, h.Graphics || p.Graphics
	}
	h.BusyPercent = max(h.BusyPercent, p.BusyPercent)
}

// NormalPCI writes an address as sysfs does: NVML has eight digits of domain,
// and upper case.
func NormalPCI(pci string) string {
	pci = strings.ToLower(pci)
	domain, rest, ok := strings.Cut(pci, ":")
	if ok && len(domain) == 8 && strings.HasPrefix(domain, "0000") {
		return domain[4:] + ":" + rest
	}
	return pci
}
