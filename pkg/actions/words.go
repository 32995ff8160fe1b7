package actions

import (
	"maps"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// What each kind says of a value: where it puts the knob, in the words of a plan.
// A value that cannot be read says nothing, and is shown as it is.

var (
	_ fsm.Speaker = gui{}
	_ fsm.Speaker = gpus{}
	_ fsm.Speaker = target{}
	_ fsm.Speaker = units{}
	_ fsm.Speaker = limits{}
	_ fsm.Speaker = userSlices{}
	_ fsm.Speaker = audio{}
	_ fsm.Speaker = tune{}
	_ fsm.Speaker = vllm{}
	_ fsm.Speaker = k3s{}
)

// Words are on or off.
func (gui) Words(want fsm.Value) string {
	v, _ := decodeGUI(want)
	return v.State
}

// Words are whose the GPU is, and what its driver is told.
func (gpus) Words(want fsm.Value) string {
	v, _ := decodeGPU(want)
	return joined(v.Owner, v.words()...)
}

// Words name the target.
func (target) Words(want fsm.Value) string {
	v, _ := decodeTarget(want)
	return v.Target
}

// Words are active or inactive, and the environment.
func (units) Words(want fsm.Value) string {
	v, _ := decodeUnit(want)
	var details []string
	for _, name := range slices.Sorted(maps.Keys(v.Environment)) {
		details = append(details, "with "+name+"="+v.Environment[name])
	}
	return joined(v.State, details...)
}

// Words are the limits.
func (limits) Words(want fsm.Value) string {
	l, _ := decodeLimits(want)
	return l.describe()
}

// Words are the limits.
func (userSlices) Words(want fsm.Value) string { return limits{}.Words(want) }

// Words are on, off, or realtime with quantum and rate.
func (a audio) Words(want fsm.Value) string {
	v, _ := decodeAudio(want)
	_, details := a.Describe("", want, false)
	return joined(v.State, details...)
}

// Words are off or low-latency.
func (tune) Words(want fsm.Value) string {
	active, err := decodeTune(want)
	switch {
	case err != nil:
		return ""
	case active:
		return "low-latency"
	}
	return "off"
}

// Words are off, or the GPUs that the server has.
func (vllm) Words(want fsm.Value) string {
	v, _ := decodeVLLM(want)
	if v.State != "on" {
		return v.State
	}
	return strings.Join(v.names(), ",")
}

// Words are the node's state.
func (k3s) Words(want fsm.Value) string {
	v, _ := decodeK3s(want)
	return v.State
}

func joined(state string, details ...string) string {
	if state == "" {
		return ""
	}
	return strings.Join(append([]string{state}, details...), ", ")
}
