package nvml

import (
	"slices"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
)

// device asks everything about one device. What it does not support, as cheap
// cards often do not, is left unknown and is no problem of the report.
func (r reader) device(pci string, d nvml.Device) look.ReportDevice {
	out := look.ReportDevice{PCI: pci, BusyPercent: -1}
	r.identity(d, &out)
	r.figures(d, &out)
	r.processes(d, &out)
	r.shares(d, &out)
	if out.Lost != "" {
		out.BusyPercent, out.Listed, out.Shares = -1, false, false
	}
	return out
}

// lost are results after which nothing that a device says can be believed.
var lost = []nvml.Return{
	nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED, nvml.ERROR_GPU_NOT_FOUND,
	nvml.ERROR_IRQ_ISSUE, nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_UNINITIALIZED,
}

// good tells whether a call gave something, and remembers when the device has
// gone.
func good(ret nvml.Return, out *look.ReportDevice) bool {
	if out.Lost == "" && slices.Contains(lost, ret) {
		out.Lost = text(ret)
	}
	return ret == nvml.SUCCESS
}

func (r reader) identity(d nvml.Device, out *look.ReportDevice) {
	if r.has("nvmlDeviceGetUUID") {
		if uuid, ret := d.GetUUID(); good(ret, out) {
			out.UUID = uuid
		}
	}
	if r.has("nvmlDeviceGetName") {
		if name, ret := d.GetName(); good(ret, out) {
			out.Model = name
		}
	}
}

func (r reader) figures(d nvml.Device, out *look.ReportDevice) {
	if r.has("nvmlDeviceGetMemoryInfo") {
		if mem, ret := d.GetMemoryInfo(); good(ret, out) {
			out.MemoryTotal, out.MemoryUsed = mem.Total, mem.Used
		}
	}
	if degrees := r.temperature(d, out); degrees > 0 && degrees < 200 {
		out.Temperature = degrees
	}
	if !r.has("nvmlDeviceGetUtilizationRates") {
		out.Problem = "the library cannot tell how busy it is"
		return
	}
	if u, ret := d.GetUtilizationRates(); good(ret, out) {
		out.BusyPercent = int(u.Gpu)
	} else {
		out.Problem = "cannot tell how busy it is: " + text(ret)
	}
}

// temperature has two symbols: drivers from R570 on may drop the first.
func (r reader) temperature(d nvml.Device, out *look.ReportDevice) int {
	switch {
	case r.has("nvmlDeviceGetTemperature"):
		if degrees, ret := d.GetTemperature(nvml.TEMPERATURE_GPU); good(ret, out) {
			return int(degrees)
		}
	case r.has("nvmlDeviceGetTemperatureV"):
		if t, ret := d.GetTemperatureV().V1(); good(ret, out) {
			return int(t.Temperature)
		}
	}
	return 0
}

// busID reads the address.
func busID(pci nvml.PciInfo) string { return cString(pci.BusId[:]) }

// cString ends at its first zero byte.
func cString(chars []int8) string {
	var b strings.Builder
	for _, c := range chars {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// shares adds each process's own use since the window began: the highest of its
// samples. That there are none may mean that all are calm.
func (r reader) shares(d nvml.Device, out *look.ReportDevice) {
	if !r.has("nvmlDeviceGetProcessUtilization") {
		return
	}
	samples, ret := d.GetProcessUtilization(r.since)
	if !good(ret, out) && ret != nvml.ERROR_NOT_FOUND {
		return
	}
	out.Shares = true
	for _, s := range samples {
		if s.TimeStamp < r.since || s.Pid == 0 {
			continue
		}
		use := max(s.SmUtil, s.EncUtil, s.DecUtil)
		p := process(out, s.Pid)
		p.BusyPercent = max(p.BusyPercent, int(min(use, 100)))
	}
}
