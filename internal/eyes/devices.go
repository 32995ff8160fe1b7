package eyes

import (
	"context"
	"errors"
	"fmt"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// Devices implements actions.Devices: GPUs with their holders, always looked up
// afresh, by descriptors alone. A list of which anything is unknown is an error:
// a barrier must not open because somebody could not be seen.
func (e *Eyes) Devices(ctx context.Context) ([]actions.Device, error) {
	return e.devices(ctx, probe.Question{GPUs: true, Patient: true})
}

// Contexts implements actions.Contexts: Devices with what NVIDIA's library knows
// besides.
func (e *Eyes) Contexts(ctx context.Context) ([]actions.Device, error) {
	return e.devices(ctx, probe.Question{GPUs: true, NVML: true, Patient: true})
}

func (e *Eyes) devices(ctx context.Context, q probe.Question) ([]actions.Device, error) {
	a, err := e.answer(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("cannot list GPUs: %w", err)
	}
	if a.GPUs == nil {
		return nil, errors.New("cannot list GPUs: moded-probe did not speak of them")
	}
	if !a.GPUs.Known() {
		return nil, fmt.Errorf("cannot list GPUs: %s", a.GPUs.Unknown)
	}
	list := make([]actions.Device, 0, len(a.GPUs.List))
	for _, g := range a.GPUs.List {
		list = append(list, device(g))
	}
	return list, nil
}

// AudioServers lists uids for which an audio server runs, agent or not: the
// server's agents ask it for the audio action.
func (e *Eyes) AudioServers(ctx context.Context) ([]uint32, error) {
	a, err := e.answer(ctx, probe.Question{Audio: true, Patient: true})
	if err != nil {
		return nil, fmt.Errorf("cannot list audio servers: %w", err)
	}
	if a.Process == nil {
		return nil, errors.New("cannot list audio servers: moded-probe did not speak of them")
	}
	if !a.Process.Known() {
		return nil, fmt.Errorf("cannot list audio servers: %s", a.Process.Unknown)
	}
	var uids []uint32
	seen := map[uint32]bool{}
	for _, s := range a.Process.Audio {
		if !seen[s.UID] {
			seen[s.UID] = true
			uids = append(uids, s.UID)
		}
	}
	return uids, nil
}

func device(g facts.GPU) actions.Device {
	d := actions.Device{PCI: g.PCI, UUID: g.UUID, Nodes: g.Nodes, Connected: g.Connected, Suspended: g.Suspended}
	for _, h := range g.Holders {
		d.Holders = append(d.Holders, actions.DeviceHolder{
			PID: h.PID, Comm: h.Comm, UID: h.UID, User: h.User, Unit: h.Unit, Session: h.Session,
			Compute: h.Compute, Graphics: h.Graphics,
		})
	}
	return d
}
