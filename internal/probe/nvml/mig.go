package nvml

import (
	"cmp"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// partitioning is what it takes to cut a device into parts, and to make it whole.
var partitioning = []string{
	"nvmlDeviceGetMigMode", "nvmlDeviceSetMigMode", "nvmlDeviceGetGpuInstanceProfileInfo", "nvmlDeviceGetGpuInstances",
	"nvmlDeviceCreateGpuInstance", "nvmlGpuInstanceDestroy", "nvmlGpuInstanceGetComputeInstanceProfileInfo",
	"nvmlGpuInstanceGetComputeInstances", "nvmlGpuInstanceCreateComputeInstance", "nvmlComputeInstanceDestroy",
}

// partition brings a device into the parts that are wanted, or makes it whole.
// Parts that are there are removed first.
func (w *worker) partition(d nvml.Device, want []string) string {
	if why := w.lacks("nvmlDeviceGetMigMode"); why != "" && want[0] != "off" {
		return why
	} else if why != "" {
		return "" // a driver from before MIG has none
	}
	now, pending, ret := d.GetMigMode()
	if ret != nvml.SUCCESS {
		return w.unless(text(ret), want[0] == "off")
	}
	if why := w.lacks(partitioning...); why != "" {
		return why
	}
	if now == nvml.DEVICE_MIG_ENABLE {
		if why := w.whole(d); why != "" {
			return why
		}
	}
	mode := nvml.DEVICE_MIG_ENABLE
	if want[0] == "off" {
		mode = nvml.DEVICE_MIG_DISABLE
	}
	if now != mode || pending != mode {
		if why := migMode(d, now, mode); why != "" {
			return why
		}
	}
	if want[0] == "off" || want[0] == "on" {
		return ""
	}
	// The device may have been reset, which voids its handle.
	if d, ret = w.lib.DeviceGetHandleByPciBusId(w.order.PCI); ret != nvml.SUCCESS {
		return text(ret)
	}
	return w.cut(d, want)
}

// migMode turns MIG on or off. A mode that would only come with the next reset
// is taken back: nobody shall be surprised by it months later.
func migMode(d nvml.Device, now, mode int) string {
	activation, ret := d.SetMigMode(mode)
	if ret != nvml.SUCCESS {
		return text(ret)
	}
	if activation == nvml.SUCCESS {
		return ""
	}
	_, _ = d.SetMigMode(now) // the activation is what failed
	switch activation {
	case nvml.ERROR_IN_USE:
		return "the GPU is in use, and MIG changes only when nobody has it open"
	case nvml.ERROR_RESET_REQUIRED:
		return "the GPU must be reset for it, which its driver cannot do here: say nvidia-smi --gpu-reset, or restart the machine"
	}
	return text(activation)
}

// whole removes all parts.
func (w *worker) whole(d nvml.Device) string {
	for _, p := range w.profiles(d) {
		instances, ret := d.GetGpuInstances(&p.info)
		if ret != nvml.SUCCESS {
			return "cannot list its parts: " + text(ret)
		}
		for _, gi := range instances {
			if why := dissolve(gi); why != "" {
				return "cannot remove its part " + p.name + ": " + why
			}
		}
	}
	return ""
}

// dissolve removes a part with the compute instances on it.
func dissolve(gi nvml.GpuInstance) string {
	for i := range nvml.COMPUTE_INSTANCE_PROFILE_COUNT {
		info, ret := gi.GetComputeInstanceProfileInfo(i, nvml.COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED)
		if ret != nvml.SUCCESS {
			continue // the part is too small for it, or the driver too old
		}
		list, ret := gi.GetComputeInstances(&info)
		if ret != nvml.SUCCESS {
			return text(ret)
		}
		for _, ci := range list {
			if ret := ci.Destroy(); ret != nvml.SUCCESS {
				return text(ret)
			}
		}
	}
	return failure(gi.Destroy())
}

// cut makes the parts in the order in which they are wanted, and where they do
// not fit so, the largest first: the driver places each where it likes.
func (w *worker) cut(d nvml.Device, want []string) string {
	have := w.profiles(d)
	var parts []profile
	for _, name := range want {
		i := slices.IndexFunc(have, func(p profile) bool { return p.name == name })
		if i < 0 {
			return "it has no profile " + name
		}
		parts = append(parts, have[i])
	}
	ret := makeAll(d, parts)
	if ret == nvml.ERROR_INSUFFICIENT_RESOURCES {
		if why := w.whole(d); why != "" {
			return why
		}
		slices.SortStableFunc(parts, func(a, b profile) int {
			return cmp.Or(cmp.Compare(b.info.MemorySizeMB, a.info.MemorySizeMB), cmp.Compare(b.info.SliceCount, a.info.SliceCount))
		})
		ret = makeAll(d, parts)
	}
	return failure(ret)
}

func makeAll(d nvml.Device, parts []profile) nvml.Return {
	for _, p := range parts {
		gi, ret := d.CreateGpuInstance(&p.info)
		if ret == nvml.SUCCESS {
			ret = fill(gi, p.info.SliceCount)
		}
		if ret != nvml.SUCCESS {
			return ret
		}
	}
	return nvml.SUCCESS
}

// fill makes the one compute instance that takes the whole part.
func fill(gi nvml.GpuInstance, size uint32) nvml.Return {
	for i := range nvml.COMPUTE_INSTANCE_PROFILE_COUNT {
		info, ret := gi.GetComputeInstanceProfileInfo(i, nvml.COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED)
		if ret != nvml.SUCCESS || info.SliceCount != size {
			continue
		}
		_, ret = gi.CreateComputeInstance(&info)
		return ret
	}
	return nvml.ERROR_NOT_SUPPORTED
}
