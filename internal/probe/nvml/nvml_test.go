package nvml_test

import (
	"errors"
	"math"
	"testing"
	"time"

	gonvml "github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"

	"github.com/modectl/moded/internal/probe/nvml"
)

// library is one with a device, and without the symbols named in lacks. Each
// function that is called without being there breaks the test by panic, as the
// real one ends the process.
func library(lacks ...string) *mock.Interface {
	missing := map[string]bool{}
	for _, s := range lacks {
		missing[s] = true
	}
	card := &mock.Device{
		GetPciInfoFunc: func() (gonvml.PciInfo, gonvml.Return) {
			var p gonvml.PciInfo
			for i, c := range "00000000:0A:00.0" {
				p.BusId[i] = int8(c)
			}
			return p, gonvml.SUCCESS
		},
		GetUUIDFunc:       func() (string, gonvml.Return) { return "GPU-1", gonvml.SUCCESS },
		GetNameFunc:       func() (string, gonvml.Return) { return "RTX", gonvml.SUCCESS },
		GetMemoryInfoFunc: func() (gonvml.Memory, gonvml.Return) { return gonvml.Memory{Total: 100, Used: 7}, gonvml.SUCCESS },
		GetUtilizationRatesFunc: func() (gonvml.Utilization, gonvml.Return) {
			return gonvml.Utilization{Gpu: 80}, gonvml.SUCCESS
		},
		GetComputeRunningProcessesFunc: func() ([]gonvml.ProcessInfo, gonvml.Return) {
			return []gonvml.ProcessInfo{{Pid: 10, UsedGpuMemory: 5}, {Pid: 11, UsedGpuMemory: math.MaxUint64}}, gonvml.SUCCESS
		},
		GetMPSComputeRunningProcessesFunc: func() ([]gonvml.ProcessInfo, gonvml.Return) {
			return []gonvml.ProcessInfo{{Pid: 12}}, gonvml.SUCCESS
		},
		GetTemperatureFunc: func(gonvml.TemperatureSensors) (uint32, gonvml.Return) { return 41, gonvml.SUCCESS },
		GetMigModeFunc:     func() (int, int, gonvml.Return) { return 0, 0, gonvml.ERROR_NOT_SUPPORTED },
		GetGraphicsRunningProcessesFunc: func() ([]gonvml.ProcessInfo, gonvml.Return) {
			return []gonvml.ProcessInfo{{Pid: 11}, {Pid: 12}}, gonvml.SUCCESS
		},
		GetProcessUtilizationFunc: func(since uint64) ([]gonvml.ProcessUtilizationSample, gonvml.Return) {
			return []gonvml.ProcessUtilizationSample{
				{Pid: 10, TimeStamp: since + 1, SmUtil: 30}, {Pid: 10, TimeStamp: since + 2, EncUtil: 70},
				{Pid: 12, TimeStamp: since - 1, SmUtil: 99},
			}, gonvml.SUCCESS
		},
	}
	return &mock.Interface{
		InitFunc:                      func() gonvml.Return { return gonvml.SUCCESS },
		DeviceGetCountFunc:            func() (int, gonvml.Return) { return 1, gonvml.SUCCESS },
		DeviceGetHandleByIndexFunc:    func(int) (gonvml.Device, gonvml.Return) { return card, gonvml.SUCCESS },
		DeviceGetHandleByPciBusIdFunc: func(string) (gonvml.Device, gonvml.Return) { return card, gonvml.SUCCESS },
		ExtensionsFunc: func() gonvml.ExtendedInterface {
			return &mock.ExtendedInterface{LookupSymbolFunc: func(s string) error {
				if missing[s] {
					return errors.New("no such symbol")
				}
				return nil
			}}
		},
	}
}

func TestADeviceIsReportedWithItsProcesses(t *testing.T) {
	t.Parallel()
	for name, pci := range map[string][]string{"all devices": nil, "by address": {"0000:0a:00.0"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := nvml.Read(library(), 10*time.Second, pci)
			if r.Problem != "" || len(r.Devices) != 1 {
				t.Fatalf("got %+v", r)
			}
			d := r.Devices[0]
			if d.PCI != "0000:0a:00.0" || d.UUID != "GPU-1" || d.BusyPercent != 80 || d.MemoryUsed != 7 || d.Temperature != 41 || !d.Listed || !d.Shares || len(d.Processes) != 3 {
				t.Fatalf("got %+v", d)
			}
			if p := d.Processes[0]; p.PID != 10 || !p.Compute || p.Graphics || p.BusyPercent != 70 || p.Memory != 5 {
				t.Errorf("10 is %+v", p)
			}
			if p := d.Processes[1]; p.PID != 11 || !p.Compute || !p.Graphics || p.BusyPercent != -1 || p.Memory != 0 {
				t.Errorf("11 is %+v", p)
			}
			if p := d.Processes[2]; p.PID != 12 || !p.Compute || !p.Graphics || p.BusyPercent != -1 {
				t.Errorf("12 is %+v: a sample from before the window counted", p)
			}
		})
	}
}

func TestNothingIsCalledThatIsNotThere(t *testing.T) {
	t.Parallel()
	old := library("nvmlDeviceGetProcessUtilization", "nvmlDeviceGetGraphicsRunningProcesses",
		"nvmlDeviceGetGraphicsRunningProcesses_v2", "nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetUUID",
		"nvmlDeviceGetMPSComputeRunningProcesses", "nvmlDeviceGetMPSComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses_v3",
		"nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV", "nvmlDeviceGetMigMode", "nvmlDeviceGetUtilizationRates")
	d := nvml.Read(old, time.Second, nil).Devices[0]
	if d.Listed || d.Shares || d.UUID != "" || d.Temperature != 0 || d.BusyPercent != -1 || d.Problem == "" || len(d.Processes) != 2 {
		t.Errorf("got %+v", d)
	}
	if r := nvml.Read(library("nvmlDeviceGetCount_v2"), time.Second, nil); r.Problem == "" {
		t.Error("a library without its first function is no problem")
	}
}

func TestAfterAFailedInitNothingIsCalled(t *testing.T) {
	t.Parallel()
	for ret, absent := range map[gonvml.Return]bool{
		gonvml.ERROR_LIBRARY_NOT_FOUND: true, gonvml.ERROR_DRIVER_NOT_LOADED: true,
		gonvml.ERROR_LIB_RM_VERSION_MISMATCH: false, gonvml.ERROR_UNKNOWN: false,
	} {
		lib := &mock.Interface{InitFunc: func() gonvml.Return { return ret }} // all else panics
		if r := nvml.Read(lib, time.Second, nil); r.Problem == "" || r.Absent != absent {
			t.Errorf("error %d: got %+v", ret, r)
		}
	}
}

func TestAMachineWithoutTheLibrarySaysSo(t *testing.T) {
	t.Parallel()
	r := nvml.Read(nvml.Open("/nonexistent/libnvidia-ml.so.1"), time.Second, nil)
	if !r.Absent || r.Problem != "libnvidia-ml.so.1 not found" || len(r.Devices) != 0 {
		t.Errorf("got %+v", r)
	}
}
