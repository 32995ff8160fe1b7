package nvml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// ReadSettings asks what the devices of the given PCI addresses are set to, and
// nothing else: a call that is not needed cannot hang. What a device does not
// have is left empty.
func ReadSettings(lib Library, pci []string) (report look.Report) {
	r, problem := open(lib)
	if problem != nil {
		return *problem
	}
	for _, id := range pci {
		dev := look.ReportDevice{PCI: look.NormalPCI(id), BusyPercent: -1}
		d, ret := lib.DeviceGetHandleByPciBusId(id)
		switch {
		case ret == nvml.ERROR_NOT_FOUND: // another maker's
			dev.Settings = &facts.GPUSettings{Without: text(ret)}
		case ret != nvml.SUCCESS:
			dev.Lost = text(ret)
		default:
			s := r.settings(d, &dev)
			dev.Settings = &s
		}
		report.Devices = append(report.Devices, dev)
	}
	return report
}

var computeModes = map[nvml.ComputeMode]string{
	nvml.COMPUTEMODE_DEFAULT: "default", nvml.COMPUTEMODE_PROHIBITED: "prohibited",
	nvml.COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive-process", nvml.COMPUTEMODE_EXCLUSIVE_THREAD: "exclusive-thread",
}

var migModes = map[int]string{nvml.DEVICE_MIG_DISABLE: "off", nvml.DEVICE_MIG_ENABLE: "on"}

func (r reader) settings(d nvml.Device, out *look.ReportDevice) (s facts.GPUSettings) {
	if r.has("nvmlDeviceGetComputeMode") {
		if mode, ret := d.GetComputeMode(); good(ret, out) {
			s.ComputeMode = computeModes[mode]
		}
	}
	if r.has("nvmlDeviceGetPersistenceMode") {
		if mode, ret := d.GetPersistenceMode(); good(ret, out) {
			on := mode == nvml.FEATURE_ENABLED
			s.Persistence = &on
		}
	}
	r.power(d, out, &s)
	if r.has("nvmlDeviceGetMigMode") {
		if now, pending, ret := d.GetMigMode(); good(ret, out) {
			s.MIG, s.MIGPending = migModes[now], migModes[pending]
			s.Parts, s.Profiles = r.parts(d, out), r.profileNames(d)
		}
	}
	return s
}

func (r reader) power(d nvml.Device, out *look.ReportDevice, s *facts.GPUSettings) {
	if r.has("nvmlDeviceGetPowerManagementLimit") {
		if limit, ret := d.GetPowerManagementLimit(); good(ret, out) {
			s.PowerLimit = limit
		}
	}
	if r.has("nvmlDeviceGetPowerManagementDefaultLimit") {
		if limit, ret := d.GetPowerManagementDefaultLimit(); good(ret, out) {
			s.PowerDefault = limit
		}
	}
	if r.has("nvmlDeviceGetPowerManagementLimitConstraints") {
		if least, most, ret := d.GetPowerManagementLimitConstraints(); good(ret, out) {
			s.PowerMin, s.PowerMax = least, most
		}
	}
}

// parts are the profiles of the MIG devices, which their names end in: to list
// the instances themselves takes a capability.
func (r reader) parts(d nvml.Device, out *look.ReportDevice) (parts []string) {
	if !r.has("nvmlDeviceGetMaxMigDeviceCount") || !r.has("nvmlDeviceGetMigDeviceHandleByIndex") || !r.has("nvmlDeviceGetName") {
		return nil
	}
	most, ret := d.GetMaxMigDeviceCount()
	if !good(ret, out) {
		return nil
	}
	for i := range most {
		mig, ret := d.GetMigDeviceHandleByIndex(i)
		if !good(ret, out) {
			continue
		}
		if name, ret := mig.GetName(); good(ret, out) {
			parts = append(parts, profileOf(name))
		}
	}
	return parts
}

// profileOf is the profile in a name such as "NVIDIA A100-SXM4-40GB MIG 3g.20gb".
func profileOf(name string) string {
	if i := strings.LastIndex(name, "MIG "); i >= 0 {
		name = name[i+len("MIG "):]
	}
	return strings.TrimSpace(name)
}

func (r reader) profileNames(d nvml.Device) (names []string) {
	for _, p := range r.profiles(d) {
		if !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// profile is a kind of part that a device can have.
type profile struct {
	name string
	info nvml.GpuInstanceProfileInfo
}

// profiles lists what a device can be cut into, as far as this driver and this
// header know of the same.
func (r reader) profiles(d nvml.Device) (all []profile) {
	if !r.has("nvmlDeviceGetGpuInstanceProfileInfo") {
		return nil
	}
	for i := range nvml.GPU_INSTANCE_PROFILE_COUNT {
		info, ret := d.GetGpuInstanceProfileInfo(i)
		if ret == nvml.ERROR_INVALID_ARGUMENT {
			break // an older driver knows no more
		}
		if ret == nvml.SUCCESS {
			all = append(all, profile{r.profileName(d, i, info), info})
		}
	}
	return all
}

// suffixes are how profiles of the same size are told apart where the driver
// does not say: see nvidia-smi mig -lgip.
var suffixes = map[int]string{
	nvml.GPU_INSTANCE_PROFILE_1_SLICE_REV1: "+me", nvml.GPU_INSTANCE_PROFILE_2_SLICE_REV1: "+me",
	nvml.GPU_INSTANCE_PROFILE_1_SLICE_GFX: "+gfx", nvml.GPU_INSTANCE_PROFILE_2_SLICE_GFX: "+gfx", nvml.GPU_INSTANCE_PROFILE_4_SLICE_GFX: "+gfx",
}

func (r reader) profileName(d nvml.Device, number int, info nvml.GpuInstanceProfileInfo) string {
	if r.has("nvmlDeviceGetGpuInstanceProfileInfoV") {
		if v2, ret := d.GetGpuInstanceProfileInfoV(number).V2(); ret == nvml.SUCCESS {
			return profileOf(cString(v2.Name[:]))
		}
	}
	const halfGiB = 512
	return sized(info.SliceCount, (info.MemorySizeMB+halfGiB)/1024) + suffixes[number]
}

// sized is what a part is called by its compute slices and its memory.
func sized(slices uint32, gib uint64) string { return fmt.Sprintf("%dg.%dgb", slices, gib) }
