package agent

import (
	"fmt"
	"regexp"

	"github.com/modectl/moded/dbus/manager1"
)

// Limits of what may be forced: PipeWire does not check.
const (
	minQuantum, maxQuantum = 4, 8192
	minRate, maxRate       = 8000, 768000
)

// audioOrder reads and checks an order. Keys that its state does not use are
// dropped, so that equal orders are equal.
func audioOrder(want manager1.Dict) (manager1.AudioOrder, *manager1.Error) {
	if err := typed(want, map[string]string{"state": "s", "quantum": "u", "rate": "u"}); err != nil {
		return manager1.AudioOrder{}, err
	}
	var o manager1.AudioOrder
	o.FromMap(want)
	switch o.State {
	case "on", "off":
		return manager1.AudioOrder{State: o.State}, nil
	case "realtime":
		return o, inRange("quantum", o.Quantum, minQuantum, maxQuantum, inRange("rate", o.Rate, minRate, maxRate, nil))
	default:
		return o, manager1.Errorf(manager1.ErrInvalidArgument, "state of audio can be on, realtime or off")
	}
}

// inRange is err, or why n is neither 0 nor in the range.
func inRange(name string, n, low, high uint32, err *manager1.Error) *manager1.Error {
	if err == nil && n != 0 && (n < low || n > high) {
		return &manager1.Error{Name: manager1.ErrInvalidArgument, Message: fmt.Sprintf("%s can be %d to %d", name, low, high)}
	}
	return err
}

// maxWeight is the greatest weight of a control group.
const maxWeight = 10_000

var sliceRE = regexp.MustCompile(`^[A-Za-z0-9:_.\\@]+(-[A-Za-z0-9:_.\\@]+)*\.slice$`)

// sliceOrder reads and checks an order.
func sliceOrder(want manager1.Dict) (manager1.SliceLimits, *manager1.Error) {
	var o manager1.SliceLimits
	if err := typed(want, map[string]string{"slice": "s", "cpu-weight": "u", "io-weight": "u", "memory-high": "x"}); err != nil {
		return o, err
	}
	o.FromMap(want)
	if !sliceRE.MatchString(o.Slice) || len(o.Slice) > 255 {
		return o, manager1.Errorf(manager1.ErrInvalidArgument, "slice is no name of a slice")
	}
	if o.MemoryHigh < manager1.NoLimit {
		return o, manager1.Errorf(manager1.ErrInvalidArgument, "memory-high is a number of bytes, or -1")
	}
	return o, inRange("cpu-weight", o.CPUWeight, 1, maxWeight, inRange("io-weight", o.IOWeight, 1, maxWeight, nil))
}

// typed refuses values of another type than the contract's.
func typed(want manager1.Dict, types map[string]string) *manager1.Error {
	for key, sig := range types {
		if v, ok := want[key]; ok && v.Signature().String() != sig {
			return manager1.Errorf(manager1.ErrInvalidArgument, "%s is no %s", key, sig)
		}
	}
	return nil
}
