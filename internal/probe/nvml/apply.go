package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/modectl/moded/pkg/actions"
)

// Apply tells the driver of one GPU what an order says, and reports what it did
// not take. Settings that are stated are told also when they are so already. MIG
// comes before what a reset forgets, and persistence around all: without it the
// driver would forget the rest between two calls.
func Apply(lib Library, order actions.GPUOrder) actions.GPUReport {
	r, problem := open(lib)
	if problem != nil {
		return Failed(order, problem.Problem)
	}
	w := worker{order: order, report: actions.GPUReport{ID: order.ID}}
	w.reader = r
	want := order.Settings
	on := want.Persistence != nil && *want.Persistence
	w.try("persistence", on, w.persist(nvml.FEATURE_ENABLED))
	w.try("mig", len(want.MIG) > 0, func(d nvml.Device) string { return w.partition(d, want.MIG) })
	w.try("compute-mode", want.ComputeMode != "", w.computeMode)
	w.try("power-limit", want.PowerLimit != "", w.powerLimit)
	w.try("persistence", want.Persistence != nil && !on, w.persist(nvml.FEATURE_DISABLED))
	return w.report
}

// worker carries out one order.
type worker struct {
	reader
	order  actions.GPUOrder
	report actions.GPUReport
}

func (w *worker) problem(setting, why string) {
	w.report.Problems = append(w.report.Problems, actions.GPUProblem{Setting: setting, Problem: why})
}

// Failed says of each setting of an order why it was not set.
func Failed(order actions.GPUOrder, why string) actions.GPUReport {
	w := worker{report: actions.GPUReport{ID: order.ID}}
	want := order.Settings
	for _, s := range []struct {
		name   string
		stated bool
	}{
		{"persistence", want.Persistence != nil}, {"mig", len(want.MIG) > 0},
		{"compute-mode", want.ComputeMode != ""}, {"power-limit", want.PowerLimit != ""},
	} {
		if s.stated {
			w.problem(s.name, why)
		}
	}
	return w.report
}

// try sets one setting on a handle of its own: the reset for MIG makes earlier
// ones void.
func (w *worker) try(setting string, stated bool, set func(d nvml.Device) string) {
	if !stated {
		return
	}
	d, ret := w.lib.DeviceGetHandleByPciBusId(w.order.PCI)
	if ret != nvml.SUCCESS {
		w.problem(setting, text(ret))
	} else if why := set(d); why != "" {
		w.problem(setting, why)
	}
}

// lacks says that the library cannot do something, or "".
func (r reader) lacks(symbols ...string) string {
	for _, s := range symbols {
		if !r.has(s) {
			return "the driver is too old for it: its library has no " + s
		}
	}
	return ""
}

// failure is empty for a call that went well.
func failure(ret nvml.Return) string {
	if ret == nvml.SUCCESS {
		return ""
	}
	return text(ret)
}

func (w *worker) persist(mode nvml.EnableState) func(nvml.Device) string {
	return func(d nvml.Device) string {
		if why := w.lacks("nvmlDeviceSetPersistenceMode"); why != "" {
			return why
		}
		return w.unless(failure(d.SetPersistenceMode(mode)), mode == nvml.FEATURE_DISABLED)
	}
}

// unless forgives a device that does not have the knob, and shall have it as
// devices without it do.
func (w *worker) unless(why string, neutral bool) string {
	if neutral && why == text(nvml.ERROR_NOT_SUPPORTED) {
		return ""
	}
	return why
}

func (w *worker) computeMode(d nvml.Device) string {
	if why := w.lacks("nvmlDeviceSetComputeMode"); why != "" {
		return why
	}
	for mode, name := range computeModes {
		if name == w.order.Settings.ComputeMode {
			return w.unless(failure(d.SetComputeMode(mode)), mode == nvml.COMPUTEMODE_DEFAULT)
		}
	}
	return "there is no compute mode " + w.order.Settings.ComputeMode
}

func (w *worker) powerLimit(d nvml.Device) string {
	if why := w.lacks("nvmlDeviceSetPowerManagementLimit", "nvmlDeviceGetPowerManagementDefaultLimit"); why != "" {
		return why
	}
	if w.order.Settings.PowerLimit == "default" {
		limit, ret := d.GetPowerManagementDefaultLimit()
		if ret == nvml.SUCCESS {
			ret = d.SetPowerManagementLimit(limit)
		}
		return w.unless(failure(ret), true)
	}
	limit, err := actions.Milliwatts(w.order.Settings.PowerLimit)
	if err != nil {
		return err.Error()
	}
	return failure(d.SetPowerManagementLimit(limit))
}
