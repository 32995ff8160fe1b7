// Package nvml asks NVIDIA's management library, for a child process that may be
// lost: a symbol that an older driver lacks ends the process that calls it, and
// a device that has fallen off the bus may keep it for ever. Nobody but
// cmd/moded-probe links this package.
//
// Three rules keep the child alive where that is possible: nothing is called
// before Init has succeeded, nothing that the library does not have, and nothing
// that is not needed.
package nvml

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
)

// Library is the part of go-nvml that is used, so that tests have their own.
type Library interface {
	Init() nvml.Return
	DeviceGetCount() (int, nvml.Return)
	DeviceGetHandleByIndex(int) (nvml.Device, nvml.Return)
	DeviceGetHandleByPciBusId(string) (nvml.Device, nvml.Return)
	Extensions() nvml.ExtendedInterface
}

// loader is a Library that can say why it was not loaded: Init calls everything
// that the loader does not like LIBRARY_NOT_FOUND.
type loader interface{ Missing() error }

// name is what go-nvml loads.
const name = "libnvidia-ml.so.1"

type library struct {
	nvml.Interface
	path string
}

// Open returns the machine's library, which is loaded by Read: from path, or
// where the loader finds it when path is empty.
func Open(path string) Library {
	path = cmp.Or(path, name)
	return library{nvml.New(nvml.WithLibraryPath(path)), path}
}

// Missing tells why the library cannot be loaded; nil when there is none.
func (l library) Missing() error {
	err := dl.New(l.path, dl.RTLD_LAZY|dl.RTLD_GLOBAL).Open()
	if err == nil {
		return errors.New("it has only just come")
	}
	if strings.Contains(err.Error(), name) && strings.Contains(err.Error(), "No such file or directory") {
		return nil
	}
	return err
}

// needed are symbols without which there is nothing to ask; each has been there
// since long before the drivers that we meet.
var needed = []string{
	"nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByPciBusId_v2",
	"nvmlDeviceGetPciInfo_v3",
}

// Read asks about the devices of the given PCI addresses, or about all when
// there are none; naming them keeps the others asleep. It never fails: the
// report says what is missing. The process should end after it, which is the one
// way to shut the library down that cannot hang.
func Read(lib Library, window time.Duration, pci []string) look.Report {
	r, problem := open(lib)
	if problem != nil {
		return *problem
	}
	r.since = uint64(time.Now().Add(-window).UnixMicro())
	if len(pci) == 0 {
		return r.all()
	}
	return r.named(pci)
}

// open begins with the library, or says why that cannot be.
func open(lib Library) (reader, *look.Report) {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		report := initProblem(lib, ret)
		return reader{}, &report
	}
	r := reader{lib: lib}
	for _, symbol := range needed {
		if !r.has(symbol) {
			return r, &look.Report{Problem: "the library is too old: it has no " + symbol}
		}
	}
	return r, nil
}

// initProblem names a failed Init.
func initProblem(lib Library, ret nvml.Return) look.Report {
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		if l, ok := lib.(loader); ok {
			if err := l.Missing(); err != nil {
				return look.Report{Problem: fmt.Sprintf("cannot load %s: %v", name, err)}
			}
		}
		return look.Report{Absent: true, Problem: name + " not found"}
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return look.Report{Absent: true, Problem: text(ret)}
	}
	return look.Report{Problem: text(ret)}
}

// texts are our own words: nvmlErrorString is in the library, which must not be
// called where it failed to begin.
var texts = map[nvml.Return]string{
	nvml.ERROR_DRIVER_NOT_LOADED:       "the driver is not loaded",
	nvml.ERROR_LIB_RM_VERSION_MISMATCH: "library and driver have different versions: reboot after the update",
	nvml.ERROR_NO_PERMISSION:           "no permission to ask the driver",
	nvml.ERROR_NOT_SUPPORTED:           "the device does not support it",
	nvml.ERROR_FUNCTION_NOT_FOUND:      "the driver is too old for it",
	nvml.ERROR_NOT_FOUND:               "the driver has no such device",
	nvml.ERROR_GPU_NOT_FOUND:           "the driver has no such device",
	nvml.ERROR_GPU_IS_LOST:             "the GPU has fallen off the bus",
	nvml.ERROR_RESET_REQUIRED:          "the GPU must be reset",
	nvml.ERROR_IRQ_ISSUE:               "the GPU's interrupts do not arrive",
	nvml.ERROR_IN_USE:                  "the GPU is in use",
	nvml.ERROR_INSUFFICIENT_RESOURCES:  "the GPU has no room for it",
	nvml.ERROR_INVALID_ARGUMENT:        "the driver does not take that value",
	nvml.ERROR_INSUFFICIENT_POWER:      "the GPU's power cables are not plugged in",
	nvml.ERROR_OPERATING_SYSTEM:        "the GPU's device files may not be opened",
}

func text(ret nvml.Return) string {
	if s, ok := texts[ret]; ok {
		return s
	}
	return fmt.Sprintf("NVML's error %d", int(ret))
}

type reader struct {
	lib   Library
	since uint64 // µs since the epoch
}

// has tells whether the library has a symbol.
func (r reader) has(symbol string) bool { return r.lib.Extensions().LookupSymbol(symbol) == nil }

// named asks about devices by address, and touches no other. One that cannot be
// opened is lost and stands in the way of none.
func (r reader) named(pci []string) (report look.Report) {
	for _, id := range pci {
		d, ret := r.lib.DeviceGetHandleByPciBusId(id)
		if ret != nvml.SUCCESS {
			report.Devices = append(report.Devices, look.ReportDevice{PCI: look.NormalPCI(id), BusyPercent: -1, Lost: text(ret)})
			continue
		}
		report.Devices = append(report.Devices, r.device(look.NormalPCI(id), d))
	}
	return report
}

// all asks about every device. One that cannot be opened has no address: it is
// the report's problem.
func (r reader) all() (report look.Report) {
	n, ret := r.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return look.Report{Problem: "cannot count devices: " + text(ret)}
	}
	for i := range n {
		d, ret := r.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			report.Problem = fmt.Sprintf("cannot open device %d: %s", i, text(ret))
			continue
		}
		pci, ret := d.GetPciInfo()
		if ret != nvml.SUCCESS {
			report.Problem = fmt.Sprintf("cannot tell the address of device %d: %s", i, text(ret))
			continue
		}
		report.Devices = append(report.Devices, r.device(look.NormalPCI(busID(pci)), d))
	}
	return report
}
