package actionstest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/modectl/moded/pkg/actions"
)

// gpuUnit carries out the order on the machine's cards when it is started.
const gpuUnit = "moded-gpu.service"

// Card is what the driver of a GPU is set to, and what it refuses: by setting,
// with the reason.
type Card struct {
	actions.GPUState
	Refuses map[string]string
}

type cardHands struct{ m *Machine }

func (h cardHands) Settings(_ context.Context, pci string) (actions.GPUState, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.Blind[pci] {
		return actions.GPUState{}, fmt.Errorf("no answer within 10s")
	}
	c, ok := h.m.Cards[pci]
	if !ok {
		return actions.GPUState{Without: "libnvidia-ml.so.1 not found"}, nil
	}
	is := c.GPUState
	is.Parts = slices.Clone(is.Parts)
	return is, nil
}

func (h cardHands) WriteGPUOrder(o actions.GPUOrder) error {
	return h.m.effect(func() error { h.m.order = o; return nil })
}

func (h cardHands) GPUReport() (actions.GPUReport, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.report, nil
}

// obeyOrder is what moded-gpu.service does. It tells whether all was set.
func (m *Machine) obeyOrder() bool {
	c := m.Cards[m.order.PCI]
	m.report = actions.GPUReport{ID: m.order.ID}
	want := m.order.Settings
	try := func(setting string, stated bool, set func()) {
		switch {
		case !stated:
		case c == nil:
			m.report.Problems = append(m.report.Problems, actions.GPUProblem{Setting: setting, Problem: "the driver has no such device"})
		case c.Refuses[setting] != "":
			m.report.Problems = append(m.report.Problems, actions.GPUProblem{Setting: setting, Problem: c.Refuses[setting]})
		default:
			set()
		}
	}
	try("compute-mode", want.ComputeMode != "", func() { c.ComputeMode = want.ComputeMode })
	try("power-limit", want.PowerLimit != "", func() {
		c.PowerLimit = c.PowerDefault
		if mw, err := actions.Milliwatts(want.PowerLimit); err == nil {
			c.PowerLimit = mw
		}
	})
	try("persistence", want.Persistence != nil, func() { c.Persistence = want.Persistence })
	try("mig", len(want.MIG) > 0, func() { c.partition(want.MIG) })
	return len(m.report.Problems) == 0
}

func (c *Card) partition(parts []string) {
	c.MIG, c.Parts = "on", nil
	switch parts[0] {
	case "off":
		c.MIG = "off"
	case "on":
	default:
		c.Parts = slices.Sorted(slices.Values(parts))
	}
	c.MIGPending = c.MIG
}

func (m *Machine) cards() (text string) {
	for _, pci := range slices.Sorted(maps.Keys(m.Cards)) {
		c := m.Cards[pci]
		text += fmt.Sprintf("card %s %s %s persistence=%v mig=%s %v\n", pci, c.ComputeMode, actions.Watts(c.PowerLimit),
			c.Persistence != nil && *c.Persistence, c.MIG, c.Parts)
	}
	return text
}
