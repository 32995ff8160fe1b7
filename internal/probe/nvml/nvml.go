// Package nvml asks NVIDIA's management library, for a child process that may be
// lost: a symbol that an older driver lacks ends the process that calls it, and
// a device that has fallen off the bus may keep it for ever. Nobody but
// cmd/moded-probe links this package.
//
// Two rules keep the child alive where that is possible: nothing is called
// before Init has succeeded, and nothing that the library does not have.
package nvml

import (
	"fmt"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
)

// Library is the part of go-nvml that is used, so that tests have their own.
type Library interface {
	Init() nvml.Return
	Shutdown() nvml.Return
	ErrorString(nvml.Return) string
	DeviceGetCount() (int, nvml.Return)
	DeviceGetHandleByIndex(int) (nvml.Device, nvml.Return)
	DeviceGetHandleByPciBusId(string) (nvml.Device, nvml.Return)
	Extensions() nvml.ExtendedInterface
}

// Open returns the machine's library, which is loaded by Read.
func Open() Library {
	return nvml.New()
}

// needed are symbols without which there is nothing to ask; each has been there
// since long before the drivers that we meet.
var needed = []string{
	"nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByPciBusId_v2",
	"nvmlDeviceGetPciInfo_v3",
}

// Read asks about the devices of the given PCI addresses, or about all when
// there are none; naming them keeps the others asleep. It never fails: the
// report says what is missing.
func Read(lib Library, window time.Duration, pci []string) look.Report {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		// ErrorString is in the library too: it is not called here.
		return initProblem(ret)
	}
	defer func() { _ = lib.Shutdown() }() // the process ends anyway
	r := reader{lib: lib, since: uint64(time.Now().Add(-window).UnixMicro())}
	for _, symbol := range needed {
		if !r.has(symbol) {
			return look.Report{Problem: "the library is too old: it has no " + symbol}
		}
	}
	devices, problem := r.devices(pci)
	report := look.Report{Problem: problem}
	for _, d := range devices {
		report.Devices = append(report.Devices, r.device(d))
	}
	return report
}

// initProblem names a failed Init in our own words.
func initProblem(ret nvml.Return) look.Report {
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return look.Report{Absent: true, Problem: "libnvidia-ml.so.1 not found"}
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return look.Report{Absent: true, Problem: "the driver is not loaded"}
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return look.Report{Problem: "library and driver have different versions: reboot after the update"}
	case nvml.ERROR_NO_PERMISSION:
		return look.Report{Problem: "no permission to ask the driver"}
	}
	return look.Report{Problem: fmt.Sprintf("cannot begin: error %d", int(ret))}
}

type reader struct {
	lib   Library
	since uint64 // µs since the epoch
}

// has tells whether the library has a symbol.
func (r reader) has(symbol string) bool { return r.lib.Extensions().LookupSymbol(symbol) == nil }

func (r reader) text(ret nvml.Return) string {
	if r.has("nvmlErrorString") {
		return r.lib.ErrorString(ret)
	}
	return fmt.Sprintf("error %d", int(ret))
}

func (r reader) devices(pci []string) (list []nvml.Device, problem string) {
	for _, id := range pci {
		d, ret := r.lib.DeviceGetHandleByPciBusId(id)
		if ret != nvml.SUCCESS {
			problem = fmt.Sprintf("cannot open %s: %s", id, r.text(ret))
			continue
		}
		list = append(list, d)
	}
	if len(pci) > 0 {
		return list, problem
	}
	n, ret := r.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, "cannot count devices: " + r.text(ret)
	}
	for i := range n {
		d, ret := r.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			problem = fmt.Sprintf("cannot open device %d: %s", i, r.text(ret))
			continue
		}
		list = append(list, d)
	}
	return list, problem
}
