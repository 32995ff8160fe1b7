package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/pkg/facts"
)

// Report is what NVIDIA's library says: the answer of the child that asks it.
type Report struct {
	// Problem says why there is nothing else, or not all; Absent that there is
	// no library, or no driver, which on a machine without NVIDIA is as it
	// should be.
	Problem string         `json:"problem,omitempty"`
	Absent  bool           `json:"absent,omitempty"`
	Devices []ReportDevice `json:"devices,omitempty"`
}

// ReportDevice is one device. Figures are -1 or 0 where the library does not
// give them.
type ReportDevice struct {
	PCI         string           `json:"pci"`
	UUID        string           `json:"uuid,omitempty"`
	Model       string           `json:"model,omitempty"`
	BusyPercent int              `json:"busy-percent"`
	MemoryTotal uint64           `json:"memory-total,omitempty"`
	MemoryUsed  uint64           `json:"memory-used,omitempty"`
	Temperature int              `json:"temperature,omitempty"`
	Instances   []facts.Instance `json:"instances,omitempty"`
	Processes   []ReportProcess  `json:"processes,omitempty"`
	// Listed is true when all lists of processes were given, and Shares when
	// the use by each process was.
	Listed bool `json:"listed,omitempty"`
	Shares bool `json:"shares,omitempty"`
	// Problem says why the device's use is not known; Lost why nothing is that
	// the library could say of it, its processes above all.
	Problem string `json:"problem,omitempty"`
	Lost    string `json:"lost,omitempty"`
	// Settings are what it is set to, when that was asked.
	Settings *facts.GPUSettings `json:"settings,omitempty"`
}

// ReportProcess is a process on a device; Instance is the UUID of its MIG device.
type ReportProcess struct {
	PID         uint32 `json:"pid"`
	Compute     bool   `json:"compute,omitempty"`
	Graphics    bool   `json:"graphics,omitempty"`
	BusyPercent int    `json:"busy-percent"`
	Memory      uint64 `json:"memory,omitempty"`
	Instance    string `json:"instance,omitempty"`
}

// DecodeReport reads what the child printed: one Report and nothing else.
func DecodeReport(text []byte) (Report, error) { return helper.Decode[Report](text) }

func (m *Machine) nvml(ctx context.Context, window time.Duration, pci []string) (Report, error) {
	if m.NVML == nil {
		return Report{Absent: true}, errors.New("nobody can be asked")
	}
	return m.NVML(ctx, window, pci)
}

// merge enters a report into the facts. It knows better than descriptors what a
// process does, and may know processes of which none was seen; descriptors that
// it does not mention stay.
//
// A library that fails, or loses a device, leaves the holders unknown, for a
// driver in that state tells nobody who is on a device. That there is none at
// all leaves unknown only how busy the devices of its driver are: who holds one
// is known by descriptors. On a machine without NVIDIA nothing is missing.
func (r Report) merge(out *facts.GPUs, describe func(uint32) (facts.Holder, bool), err error) {
	problem := reason(r.Problem)
	if err != nil {
		problem = reason(err.Error())
	}
	spoken := map[string]bool{}
	for _, dev := range r.Devices {
		g := findGPU(out, dev)
		spoken[g.PCI] = true
		dev.merge(g, describe)
		if why := dev.unseen(*g); why != "" {
			miss(out, g.PCI+": "+why)
		}
	}
	if problem != "" && !r.Absent {
		miss(out, problem)
	}
	for i := range out.List {
		if g := &out.List[i]; g.Driver == nvidia && !g.Suspended && !spoken[g.PCI] {
			why := problem
			if why == "" {
				why = "the library did not speak of it"
				miss(out, g.PCI+": "+why)
			}
			g.Unmeasured = "NVML: " + why
		}
	}
}

// miss makes the holders of GPUs unknown. The first reason stays.
func miss(out *facts.GPUs, why string) {
	if out.Unknown == "" {
		out.Unknown = "NVML: " + why
	}
}

// unseen says why a device may have holders that nobody saw. Where its device
// files are known, descriptors tell who has them open, list or no list.
func (dev ReportDevice) unseen(g facts.GPU) string {
	switch {
	case dev.Lost != "":
		return reason(dev.Lost)
	case !dev.Listed && len(g.Nodes) == 0:
		return "the library does not list the processes on it"
	}
	return ""
}

// findGPU returns the GPU of a report, which is new when sysfs has none.
func findGPU(out *facts.GPUs, dev ReportDevice) *facts.GPU {
	pci := facts.Clean(NormalPCI(dev.PCI))
	i := slices.IndexFunc(out.List, func(g facts.GPU) bool { return g.PCI == pci })
	if i < 0 {
		out.List = append(out.List, facts.GPU{PCI: pci, Driver: nvidia, BusyPercent: -1})
		i = len(out.List) - 1
	}
	return &out.List[i]
}

func (dev ReportDevice) merge(g *facts.GPU, describe func(uint32) (facts.Holder, bool)) {
	dev.fill(g)
	for _, p := range dev.Processes {
		dev.enter(g, p, describe)
	}
	if !dev.accounted() {
		return
	}
	for i := range g.Holders {
		g.Holders[i].BusyPercent = max(g.Holders[i].BusyPercent, 0)
	}
}

func (dev ReportDevice) fill(g *facts.GPU) {
	if dev.UUID != "" {
		g.UUID = facts.Clean(dev.UUID)
	}
	if dev.Model != "" {
		g.Model = facts.Clean(dev.Model)
	}
	g.BusyPercent, g.MemoryTotal, g.MemoryUsed = figure(dev.BusyPercent), dev.MemoryTotal, dev.MemoryUsed
	g.Listed = dev.Listed && dev.Lost == ""
	if dev.Temperature > 0 {
		g.Temperature = dev.Temperature
	}
	g.Instances = nil
	for _, i := range dev.Instances {
		i.UUID, i.Model = facts.Clean(i.UUID), facts.Clean(i.Model)
		g.Instances = append(g.Instances, i)
	}
	switch {
	case dev.Lost != "":
		g.BusyPercent, g.Unmeasured = -1, "NVML: "+reason(dev.Lost)
	case dev.Problem != "":
		g.Unmeasured = "NVML: " + reason(dev.Problem)
	}
}

// enter adds a process to a device's holders, or says more of one.
func (dev ReportDevice) enter(g *facts.GPU, p ReportProcess, describe func(uint32) (facts.Holder, bool)) {
	i := slices.IndexFunc(g.Holders, func(h facts.Holder) bool { return h.PID == p.PID })
	if i < 0 {
		if !p.Compute && !p.Graphics {
			return // a sample of a process that has ended since
		}
		h, ok := describe(p.PID)
		if !ok {
			return
		}
		h.Memory, h.Instance = 0, "" // which it may have of another device
		g.Holders = append(g.Holders, h)
		i = len(g.Holders) - 1
	}
	h := &g.Holders[i]
	switch {
	case dev.Listed && dev.Lost == "" && (p.Compute || p.Graphics):
		h.Compute, h.Graphics = p.Compute, p.Graphics
	default:
		h.Compute, h.Graphics = h.Compute || p.Compute, h.Graphics || p.Graphics
	}
	h.BusyPercent = max(h.BusyPercent, figure(p.BusyPercent))
	h.Memory = max(h.Memory, p.Memory)
	if p.Instance != "" {
		h.Instance = facts.Clean(p.Instance)
	}
}

// slack is how much of a device's use may go unexplained, in percent: its figure
// and those of its processes are not of the same moment.
const slack = 5

// accounted tells whether the processes with figures of their own explain the
// device's use, so that all others are at rest. A driver that names nobody and
// calls the device busy hides somebody.
func (dev ReportDevice) accounted() bool {
	if !dev.Shares || dev.BusyPercent < 0 || dev.Lost != "" {
		return false
	}
	known := 0
	for _, p := range dev.Processes {
		known += max(figure(p.BusyPercent), 0)
	}
	return figure(dev.BusyPercent)-known <= slack
}

// figure is a figure that the library gave, or -1.
func figure(n int) int { return max(-1, min(n, 100)) }

// reason makes a reason fit to be shown.
func reason(s string) string { return facts.Line(s, 200) }

// NormalPCI writes an address as sysfs does: NVML has eight digits of domain,
// and upper case.
func NormalPCI(pci string) string {
	pci = strings.ToLower(pci)
	domain, rest, ok := strings.Cut(pci, ":")
	if short := strings.TrimLeft(domain, "0"); ok && len(domain) == 8 && len(short) < 8 {
		return fmt.Sprintf("%04s:%s", short, rest)
	}
	return pci
}
