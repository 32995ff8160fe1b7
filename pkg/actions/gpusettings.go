package actions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// gpuUnit tells a GPU's driver what WriteGPUOrder says, and ends.
const gpuUnit = "moded-gpu.service"

type gpuSnapshot struct {
	PCI string `json:"pci,omitempty"`
	GPUSettings
}

// Capture keeps what the settings that are stated were. A barrier moves
// nothing.
func (g gpus) Capture(ctx context.Context, key string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeGPU(want)
	if err != nil || v.empty() {
		return "{}", err
	}
	d, err := g.one(ctx, key, v)
	if err != nil {
		return "", err
	}
	is, err := g.stateAt(ctx, key, d.PCI)
	return fsm.NewValue(gpuSnapshot{d.PCI, v.was(is)}), err
}

// Undo puts back what the settings were.
func (g gpus) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	var snapshot gpuSnapshot
	if err := was.Decode(&snapshot); err != nil || snapshot.empty() {
		return err
	}
	return g.configure(ctx, key, snapshot.PCI, snapshot.GPUSettings)
}

// one is the device that settings are about: those cannot be stated of "auto".
func (g gpus) one(ctx context.Context, key string, v gpuValue) (Device, error) {
	all, err := g.devices.Devices(ctx)
	if err != nil {
		return Device{}, fmt.Errorf("cannot find %s: %w", key, err)
	}
	found, err := v.pick(all)
	switch {
	case err != nil:
		return Device{}, fmt.Errorf("%s: %w", key, err)
	case len(found) != 1:
		return Device{}, fmt.Errorf("%s is not one GPU: name it to set it up", key)
	}
	return found[0], nil
}

func (g gpus) state(ctx context.Context, key string, v gpuValue) (GPUState, error) {
	d, err := g.one(ctx, key, v)
	if err != nil {
		return GPUState{}, err
	}
	return g.stateAt(ctx, key, d.PCI)
}

func (g gpus) stateAt(ctx context.Context, key, pci string) (GPUState, error) {
	is, err := fsm.Once(ctx, "settings of "+pci, func(ctx context.Context) (GPUState, error) { return g.cards.Settings(ctx, pci) })
	if err != nil {
		return is, fmt.Errorf("cannot read the settings of %s: %w", key, err)
	}
	return is, nil
}

// Tell names who is in the way, or the settings that are other than stated.
func (g gpus) Tell(ctx context.Context, key string, want fsm.Value) (string, error) {
	v, err := decodeGPU(want)
	if err != nil {
		return "", err
	}
	holders, err := g.inTheWay(ctx, key, want)
	switch {
	case err != nil:
		return "", err
	case len(holders) > 0:
		return "it is held by " + who(holders), nil
	case v.empty():
		return "", nil
	}
	is, err := g.state(ctx, key, v)
	return strings.Join(v.told(is), ", "), err
}

// feasible says before anything is touched what the device cannot do.
func (g gpus) feasible(ctx context.Context, key string, v gpuValue) error {
	is, err := g.state(ctx, key, v)
	if err != nil || len(v.differ(is)) == 0 {
		return err
	}
	if why := v.impossible(is); why != "" {
		return fmt.Errorf("cannot set up %s: %s", key, why)
	}
	if _, err = g.jobs.usable(ctx, gpuUnit); err != nil {
		// %v: the GPU is there, so there is nothing to skip.
		return fmt.Errorf("cannot set up %s: %v", key, err)
	}
	return nil
}

// configure brings the settings to where they are wanted. It believes what is
// read back afterwards, and what the unit says only for the reason.
func (g gpus) configure(ctx context.Context, key, pci string, want GPUSettings) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	is, err := g.stateAt(ctx, key, pci)
	if err != nil || len(want.differ(is)) == 0 {
		return err
	}
	fsm.Report(ctx, "setting up "+key+": "+strings.Join(want.differ(is), ", "))
	problems, failed := g.apply(ctx, GPUOrder{ID: rand.Text(), PCI: pci, Settings: want})
	if is, err = g.stateAt(ctx, key, pci); err != nil {
		return errors.Join(failed, err)
	}
	left := want.differ(is)
	if len(left) == 0 {
		return nil
	}
	return g.complain(ctx, key, pci, left, problems, failed)
}

// apply has the unit carry out an order.
func (g gpus) apply(ctx context.Context, order GPUOrder) ([]GPUProblem, error) {
	if err := g.orders.WriteGPUOrder(order); err != nil {
		return nil, err
	}
	s, err := g.jobs.usable(ctx, gpuUnit)
	if err == nil {
		err = g.jobs.startJob(ctx, gpuUnit, s, g.timing.GPUSettings)
	}
	report, unread := g.orders.GPUReport()
	if unread != nil || report.ID != order.ID {
		return nil, err // it says nothing of this order
	}
	return report.Problems, err
}

// complain says of each setting that is not as wanted why, as far as that is known.
func (g gpus) complain(ctx context.Context, key, pci string, left []string, problems []GPUProblem, failed error) error {
	var errs []error
	for _, name := range left {
		why := "it did not stay"
		if i := slices.IndexFunc(problems, func(p GPUProblem) bool { return p.Setting == name }); i >= 0 {
			why = problems[i].Problem
		} else if failed != nil {
			continue // and the reason is its
		}
		errs = append(errs, fmt.Errorf("cannot set %s of %s: %s%s", name, key, why, g.heldBy(ctx, name, pci)))
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("cannot set up %s: %w", key, failed))
	}
	return errors.Join(errs...)
}

// heldBy names who has the GPU, for a setting that nobody may hold it for.
func (g gpus) heldBy(ctx context.Context, setting, pci string) string {
	if setting != mig {
		return ""
	}
	all, err := g.devices.Devices(ctx)
	if err != nil {
		return ""
	}
	for _, d := range all {
		if d.PCI == pci && len(d.Holders) > 0 {
			return "; it is held by " + culprits(ctx, d.Holders)
		}
	}
	return ""
}
