package eyes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

var _ actions.Cards = (*Eyes)(nil)

// Settings implements actions.Cards: it asks the GPU's driver, one question at a
// time, and remembers the answer for the facts. Who only looks at the machine
// shall not wake a GPU, nor wait for a driver.
func (e *Eyes) Settings(ctx context.Context, pci string) (actions.GPUState, error) {
	select {
	case e.asking <- struct{}{}:
		defer func() { <-e.asking }()
	case <-ctx.Done():
		return actions.GPUState{}, context.Cause(ctx)
	}
	if e.src.Probe == nil {
		return actions.GPUState{}, errors.New("there is no moded-probe")
	}
	limited, cancel := context.WithTimeout(ctx, slow)
	defer cancel()
	a, err := e.src.Probe.Ask(limited, probe.Question{Settings: []string{pci}, Patient: true})
	if err != nil {
		return actions.GPUState{}, err
	}
	s, ok := a.Settings[pci]
	switch {
	case !ok:
		return actions.GPUState{}, errors.New("moded-probe did not speak of it")
	case !s.Known():
		return actions.GPUState{}, fmt.Errorf("NVML: %s", s.Unknown)
	}
	e.mu.Lock()
	e.settings[pci] = s
	e.mu.Unlock()
	return state(s), nil
}

func state(s facts.GPUSettings) actions.GPUState {
	return actions.GPUState{
		ComputeMode: s.ComputeMode, PowerLimit: s.PowerLimit, PowerDefault: s.PowerDefault, PowerMin: s.PowerMin, PowerMax: s.PowerMax,
		Persistence: s.Persistence, MIG: s.MIG, MIGPending: s.MIGPending,
		Parts: slices.Clone(s.Parts), Profiles: slices.Clone(s.Profiles), Without: s.Without,
	}
}

// remembered is what the driver of a GPU said last, or nil.
func (e *Eyes) remembered(pci string) *facts.GPUSettings {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, ok := e.settings[pci]; ok {
		return &s
	}
	return nil
}
