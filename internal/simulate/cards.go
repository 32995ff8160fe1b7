package simulate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

var (
	_ actions.Cards  = (*Machine)(nil)
	_ actions.Orders = (*Machine)(nil)
)

// gpuUnit tells the drivers of GPUs what was ordered, while it starts.
const gpuUnit = "moded-gpu.service"

// freshSettings are a card's as its driver leaves them.
func freshSettings(profiles ...string) *facts.GPUSettings {
	off := false
	s := &facts.GPUSettings{
		ComputeMode: "default", PowerLimit: 300_000, PowerDefault: 300_000, PowerMin: 100_000, PowerMax: 300_000, Persistence: &off,
	}
	if len(profiles) > 0 {
		s.MIG, s.MIGPending, s.Profiles = "off", "off", profiles
	}
	return s
}

// Settings are the card's.
func (m *Machine) Settings(_ context.Context, pci string) (actions.GPUState, error) {
	s := facts.GPUSettings{Without: "there is no such card"}
	err := m.look(func(w *world) {
		if g := w.gpu(pci); g != nil {
			s = *g.Settings
		}
	})
	return actions.GPUState{
		ComputeMode: s.ComputeMode, PowerLimit: s.PowerLimit, PowerDefault: s.PowerDefault, PowerMin: s.PowerMin, PowerMax: s.PowerMax,
		Persistence: s.Persistence, MIG: s.MIG, MIGPending: s.MIGPending,
		Parts: slices.Clone(s.Parts), Profiles: slices.Clone(s.Profiles), Without: s.Without,
	}, err
}

func (w *world) gpu(pci string) *facts.GPU {
	i := slices.IndexFunc(w.GPUs, func(g facts.GPU) bool { return g.PCI == pci })
	if i < 0 {
		return nil
	}
	return &w.GPUs[i]
}

// WriteGPUOrder keeps what the unit will do when it starts.
func (m *Machine) WriteGPUOrder(o actions.GPUOrder) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.world.Order = o
	return m.commitLocked()
}

// GPUReport is what the unit said last.
func (m *Machine) GPUReport() (r actions.GPUReport, err error) {
	err = m.look(func(w *world) { r = w.Report })
	return r, err
}

// setUpLocked carries out the order. It tells whether all of it was possible.
func (m *Machine) setUpLocked() bool {
	o := m.world.Order
	report := actions.GPUReport{ID: o.ID}
	refuse := func(setting, why string) {
		report.Problems = append(report.Problems, actions.GPUProblem{Setting: setting, Problem: why})
	}
	if i := slices.IndexFunc(m.world.GPUs, func(g facts.GPU) bool { return g.PCI == o.PCI }); i >= 0 {
		g := &m.world.GPUs[i]
		_, met := m.strikeLocked(gpuSet + " " + gpuName(i))
		for setting, set := range m.knobs(g, o.Settings) {
			err := errors.New("the device does not support it")
			if !met {
				err = set()
			}
			if err != nil {
				refuse(setting, err.Error())
			}
		}
	}
	m.world.Report = report
	return len(report.Problems) == 0
}

// knobs are the settings that are stated, each with how it is set.
func (m *Machine) knobs(g *facts.GPU, want actions.GPUSettings) map[string]func() error {
	is := g.Settings
	knobs := map[string]func() error{}
	if want.ComputeMode != "" {
		knobs["compute-mode"] = func() error { is.ComputeMode = want.ComputeMode; return nil }
	}
	if want.Persistence != nil {
		knobs["persistence"] = func() error { is.Persistence = want.Persistence; return nil }
	}
	if want.PowerLimit == "default" {
		knobs["power-limit"] = func() error { is.PowerLimit = is.PowerDefault; return nil }
	} else if want.PowerLimit != "" {
		knobs["power-limit"] = func() (err error) { is.PowerLimit, err = actions.Milliwatts(want.PowerLimit); return err }
	}
	if len(want.MIG) > 0 && is.MIG != "" {
		knobs["mig"] = func() error { return partition(g, want.MIG) }
	}
	return knobs
}

// partition cuts a card into parts, or makes it whole.
func partition(g *facts.GPU, want []string) error {
	if len(g.Holders) > 0 {
		return errors.New("the GPU is in use, and MIG changes only when nobody has it open")
	}
	s := g.Settings
	s.MIG, s.Parts, g.Instances = "on", nil, nil
	switch want[0] {
	case "off":
		s.MIG = "off"
	case "on":
	default:
		s.Parts = slices.Sorted(slices.Values(want))
		for _, p := range s.Parts {
			g.Instances = append(g.Instances, facts.Instance{UUID: "MIG-" + bootID(), Model: g.Model + " MIG " + p})
		}
	}
	s.MIGPending = s.MIG
	return nil
}

// seeSettings is a copy of them as of now.
func seeSettings(s *facts.GPUSettings) *facts.GPUSettings {
	seen := *s
	seen.At = time.Now()
	return &seen
}
