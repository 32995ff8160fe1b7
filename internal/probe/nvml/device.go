package nvml

import (
	"slices"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
)

// device asks everything about one device. What it does not support, as cheap
// cards often do not, is left unknown and is no problem of the report.
func (r reader) device(d nvml.Device) look.ReportDevice {
	out := look.ReportDevice{BusyPercent: -1}
	pci, ret := d.GetPciInfo()
	if ret != nvml.SUCCESS {
		out.Problem = "cannot tell its address: " + r.text(ret)
		return out
	}
	out.PCI = look.NormalPCI(busID(pci))
	if r.has("nvmlDeviceGetUUID") {
		out.UUID, _ = d.GetUUID()
	}
	if r.has("nvmlDeviceGetName") {
		out.Model, _ = d.GetName()
	}
	if r.has("nvmlDeviceGetMemoryInfo") {
		if mem, ret := d.GetMemoryInfo(); ret == nvml.SUCCESS {
			out.MemoryTotal, out.MemoryUsed = mem.Total, mem.Used
		}
	}
	if r.has("nvmlDeviceGetUtilizationRates") {
		if u, ret := d.GetUtilizationRates(); ret == nvml.SUCCESS {
			out.BusyPercent = int(u.Gpu)
		} else {
			out.Problem = "cannot tell how busy it is: " + r.text(ret)
		}
	}
	r.processes(d, &out)
	r.shares(d, &out)
	return out
}

// busID reads the address, which ends at its first zero byte.
func busID(pci nvml.PciInfo) string {
	var b strings.Builder
	for _, c := range pci.BusId {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// processes joins the lists of compute and graphics contexts. Either list has
// versions; go-nvml takes the newest that the library has.
func (r reader) processes(d nvml.Device, out *look.ReportDevice) {
	compute, cok := r.list("nvmlDeviceGetComputeRunningProcesses", d.GetComputeRunningProcesses)
	graphics, gok := r.list("nvmlDeviceGetGraphicsRunningProcesses", d.GetGraphicsRunningProcesses)
	out.Listed = cok && gok
	for _, p := range compute {
		process(out, p.Pid).Compute = true
	}
	for _, p := range graphics {
		process(out, p.Pid).Graphics = true
	}
}

func (r reader) list(symbol string, get func() ([]nvml.ProcessInfo, nvml.Return)) ([]nvml.ProcessInfo, bool) {
	if !slices.ContainsFunc([]string{symbol, symbol + "_v2", symbol + "_v3"}, r.has) {
		return nil, false
	}
	list, ret := get()
	return list, ret == nvml.SUCCESS
}

// process returns the entry of a pid, which is made when new.
func process(out *look.ReportDevice, pid uint32) *look.ReportProcess {
	i := slices.IndexFunc(out.Processes, func(p look.ReportProcess) bool { return p.PID == pid })
	if i < 0 {
		out.Processes = append(out.Processes, look.ReportProcess{PID: pid, BusyPercent: -1})
		i = len(out.Processes) - 1
	}
	return &out.Processes[i]
}

// shares adds each process's own use since the window began: the highest of its
// samples. A device that has no samples at all has calm processes.
func (r reader) shares(d nvml.Device, out *look.ReportDevice) {
	if !r.has("nvmlDeviceGetProcessUtilization") {
		return
	}
	samples, ret := d.GetProcessUtilization(r.since)
	switch ret {
	case nvml.SUCCESS, nvml.ERROR_NOT_FOUND:
		out.Shares = true
	default:
		return
	}
	for _, s := range samples {
		if s.TimeStamp < r.since || s.Pid == 0 {
			continue
		}
		use := max(s.SmUtil, s.EncUtil, s.DecUtil)
		p := process(out, s.Pid)
		p.BusyPercent = max(p.BusyPercent, int(min(use, 100)))
	}
}
