package nvml

import (
	"math"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// place is where a process is on a device in MIG mode.
type place struct{ gpu, compute uint32 }

// processes joins the lists of compute and graphics contexts. In MIG mode each
// MIG device has lists of its own; that of the device as a whole is for
// privileged callers, and then says no more than these.
func (r reader) processes(d nvml.Device, out *look.ReportDevice) {
	where := map[uint32]place{}
	compute := r.compute(d, out, where)
	graphics := r.graphics(d, out)
	out.Listed = compute && graphics == nvml.SUCCESS
	if r.partitioned(d, out) {
		out.Listed = r.instances(d, out, where)
	}
}

// compute enters the processes with a compute context, those that share one
// through MPS too, and remembers where they are.
func (r reader) compute(d nvml.Device, out *look.ReportDevice, where map[uint32]place) bool {
	list, ret := r.list("nvmlDeviceGetComputeRunningProcesses", d.GetComputeRunningProcesses)
	ok := good(ret, out)
	if mps, ret := r.list("nvmlDeviceGetMPSComputeRunningProcesses", d.GetMPSComputeRunningProcesses); good(ret, out) {
		list = slices.Concat(list, mps)
	}
	for _, p := range list {
		one := process(out, p.Pid)
		one.Compute = true
		one.Memory = max(one.Memory, memory(p))
		where[p.Pid] = place{p.GpuInstanceId, p.ComputeInstanceId}
	}
	return ok
}

func (r reader) graphics(d nvml.Device, out *look.ReportDevice) nvml.Return {
	list, ret := r.list("nvmlDeviceGetGraphicsRunningProcesses", d.GetGraphicsRunningProcesses)
	good(ret, out)
	for _, p := range list {
		one := process(out, p.Pid)
		one.Graphics = true
		one.Memory = max(one.Memory, memory(p))
	}
	return ret
}

// list asks for a list, of which the library has one version or more; go-nvml
// takes the newest.
func (r reader) list(symbol string, get func() ([]nvml.ProcessInfo, nvml.Return)) ([]nvml.ProcessInfo, nvml.Return) {
	if !slices.ContainsFunc([]string{symbol, symbol + "_v2", symbol + "_v3"}, r.has) {
		return nil, nvml.ERROR_FUNCTION_NOT_FOUND
	}
	list, ret := get()
	if ret != nvml.SUCCESS {
		return nil, ret
	}
	return list, ret
}

// memory is what a process holds, or 0 where the library does not say.
func memory(p nvml.ProcessInfo) uint64 {
	if p.UsedGpuMemory == math.MaxUint64 {
		return 0
	}
	return p.UsedGpuMemory
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

// partitioned tells whether a device is in MIG mode. Most have none, and drivers
// from before it have no such call.
func (r reader) partitioned(d nvml.Device, out *look.ReportDevice) bool {
	if !r.has("nvmlDeviceGetMigMode") {
		return false
	}
	current, _, ret := d.GetMigMode()
	return good(ret, out) && current == nvml.DEVICE_MIG_ENABLE
}

// instances adds the MIG devices of a device and says on which a process is. It
// tells whether the processes of all of them are known.
func (r reader) instances(d nvml.Device, out *look.ReportDevice, where map[uint32]place) bool {
	if !r.has("nvmlDeviceGetMaxMigDeviceCount") || !r.has("nvmlDeviceGetMigDeviceHandleByIndex") {
		return false
	}
	most, ret := d.GetMaxMigDeviceCount()
	all := good(ret, out)
	for i := range most {
		mig, ret := d.GetMigDeviceHandleByIndex(i)
		if ret == nvml.ERROR_NOT_FOUND {
			continue // nobody has made one there
		}
		all = good(ret, out) && r.instance(mig, out, where) && all
	}
	return all
}

// instance adds one MIG device. Its lists are entered as if they were a device's
// own; which of the processes are on it, the UUID says from then on.
func (r reader) instance(mig nvml.Device, out *look.ReportDevice, where map[uint32]place) bool {
	one := look.ReportDevice{BusyPercent: -1}
	r.identity(mig, &one)
	if r.has("nvmlDeviceGetMemoryInfo") {
		if mem, ret := mig.GetMemoryInfo(); good(ret, &one) {
			one.MemoryTotal, one.MemoryUsed = mem.Total, mem.Used
		}
	}
	listed := r.compute(mig, &one, map[uint32]place{})
	graphics := r.graphics(mig, &one)
	r.inherit(mig, &one, out, where)
	for _, p := range one.Processes {
		whole := process(out, p.PID)
		whole.Compute, whole.Graphics = whole.Compute || p.Compute, whole.Graphics || p.Graphics
		whole.Memory, whole.Instance = max(whole.Memory, p.Memory), one.UUID
	}
	out.Instances = append(out.Instances, facts.Instance{
		UUID: one.UUID, Model: one.Model, MemoryTotal: one.MemoryTotal, MemoryUsed: one.MemoryUsed,
	})
	if one.Lost != "" && out.Lost == "" {
		out.Lost = one.Lost
	}
	// Few kinds of MIG device have graphics at all.
	return listed && (graphics == nvml.SUCCESS || graphics == nvml.ERROR_NOT_SUPPORTED)
}

// inherit finds the processes of a MIG device in the list of the whole device,
// which has the numbers of instances.
func (r reader) inherit(mig nvml.Device, one, out *look.ReportDevice, where map[uint32]place) {
	if !r.has("nvmlDeviceGetGpuInstanceId") || !r.has("nvmlDeviceGetComputeInstanceId") {
		return
	}
	gi, gret := mig.GetGpuInstanceId()
	ci, cret := mig.GetComputeInstanceId()
	if !good(gret, one) || !good(cret, one) {
		return
	}
	for i := range out.Processes {
		p := &out.Processes[i]
		if at, ok := where[p.PID]; ok && at == (place{uint32(gi), uint32(ci)}) {
			p.Instance = one.UUID
		}
	}
}
