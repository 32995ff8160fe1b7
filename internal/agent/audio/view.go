package audio

import (
	"fmt"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userunits"
)

// States of an order, and of what is.
const (
	on       = "on"
	realtime = "realtime"
	off      = "off"
	unknown  = "unknown"
)

const (
	pipewireService = "pipewire.service"
	wireplumber     = "wireplumber.service"
)

// audioUnits are the user units that audio consists of, sockets first.
var audioUnits = []string{"pipewire.socket", "pipewire-pulse.socket", pipewireService, "pipewire-pulse.service", wireplumber}

// UnitNames returns the units that a Units has to watch.
func UnitNames() []string { return append([]string{}, audioUnits...) }

// view is what the keeper sees and was told. What is judged is judged from it
// alone.
type view struct {
	order manager1.AudioOrder // State is empty before the first one

	units map[string]userunits.State
	lost  error // the manager does not answer

	graph  *pipewire.Summary // nil while no stream is live
	broken error             // why there is none
	clock  *pipewire.Clock   // what the graph runs with, nil for not known

	forced   *Forced  // by us
	expected []string // units that were to be up
	busy     bool     // a change of the machine is under way
	failed   error    // what the last one came to
}

func (v *view) pipewireRuns() bool {
	active := v.units[pipewireService].Active
	return active == "active" || active == "reloading"
}

func (v *view) graphKnown() bool { return v.graph != nil && v.graph.Settings }

func (v *view) anyRunning() bool {
	for _, unit := range audioUnits {
		if v.units[unit].Running() {
			return true
		}
	}
	return false
}

// judge tells whether the order is settled, and in a sentence why not.
func (v *view) judge() (settled bool, detail string) {
	switch {
	case v.order.State == "":
		return false, "there is no order"
	case v.lost != nil:
		return false, v.lost.Error()
	case v.busy:
		return false, "units or the quantum of audio are being changed"
	}
	if unit, state := v.deviant(); unit != "" {
		return false, fmt.Sprintf("%s is %s%s", unit, state, v.because())
	}
	switch v.order.State {
	case off:
		return true, ""
	case on:
		return v.judgeLifted()
	default:
		return v.judgeForced()
	}
}

// deviant names a unit that is not as the order wants, and its state. A session
// manager that crashes over and over is reported, and no reason to hold up a
// mode: PipeWire is what an order is about.
func (v *view) deviant() (unit, state string) {
	for _, unit := range audioUnits {
		s := v.units[unit]
		switch {
		case v.order.State == off && s.Running(),
			v.order.State != off && unit == pipewireService && (s.Active == "activating" || s.Active == "deactivating"):
			return unit, s.Active
		}
	}
	if v.order.State == off {
		return "", ""
	}
	for _, unit := range v.expected {
		if s := v.units[unit]; isSocket(unit) && !s.Running() {
			return unit, s.Active
		}
	}
	return "", ""
}

func (v *view) judgeLifted() (settled bool, detail string) {
	switch {
	case v.forced == nil, !v.pipewireRuns():
		return true, ""
	case !v.graphKnown():
		return false, "PipeWire's settings are not seen" + v.because()
	default:
		return false, "PipeWire still has our quantum" + v.because()
	}
}

func (v *view) judgeForced() (settled bool, detail string) {
	switch {
	case !v.pipewireRuns():
		return true, "PipeWire does not run; the quantum is forced when it starts"
	case !v.graphKnown():
		return false, "PipeWire's settings are not seen" + v.because()
	case v.order.Quantum != 0 && v.graph.ForcedQuantum != v.order.Quantum:
		return false, fmt.Sprintf("PipeWire shows a forced quantum of %d, not %d%s", v.graph.ForcedQuantum, v.order.Quantum, v.because())
	case v.order.Rate != 0 && v.graph.ForcedRate != v.order.Rate:
		return false, fmt.Sprintf("PipeWire shows a forced rate of %d, not %d%s", v.graph.ForcedRate, v.order.Rate, v.because())
	case v.order.Quantum != 0 && v.clock != nil && v.clock.Quantum != v.order.Quantum:
		return false, fmt.Sprintf("%s runs with a quantum of %d, not %d", v.clock.Driver, v.clock.Quantum, v.order.Quantum)
	default:
		return true, ""
	}
}

// because is ": reason", or empty.
func (v *view) because() string {
	switch {
	case v.failed != nil:
		return ": " + v.failed.Error()
	case v.broken != nil:
		return ": " + v.broken.Error()
	default:
		return ""
	}
}

// state is what Capture answers.
func (v *view) state() manager1.AudioState {
	s := manager1.AudioState{State: on, PipeWire: v.pipewire()}
	for _, unit := range audioUnits {
		if v.units[unit].Running() {
			s.Units = append(s.Units, unit)
		}
	}
	if v.clock != nil {
		s.Measured = v.clock.Quantum
	}
	if v.graph != nil {
		s.Quantum, s.Rate = v.graph.ForcedQuantum, v.graph.ForcedRate
	}
	switch {
	case v.lost != nil:
		s.State = unknown
	case len(s.Units) == 0:
		s.State = off
	case v.forced != nil && v.pipewireRuns():
		s.State, s.Quantum, s.Rate = realtime, v.forced.Is.Quantum, v.forced.Is.Rate
	}
	return s
}
