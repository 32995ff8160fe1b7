package actions

import (
	"context"

	"github.com/modectl/moded/pkg/fsm"
)

// inRounds lets all settings share one look at the GPUs where the whole machine is
// read: each look is a walk through every process's descriptors.
func inRounds(d Devices) Devices {
	if c, ok := d.(Contexts); ok {
		return sharedContexts{sharedDevices{d}, c}
	}
	return sharedDevices{d}
}

type sharedDevices struct{ behind Devices }

// Devices lists GPUs with their holders.
func (s sharedDevices) Devices(ctx context.Context) ([]Device, error) {
	return fsm.Once(ctx, "GPUs", s.behind.Devices)
}

type sharedContexts struct {
	sharedDevices
	library Contexts
}

// Contexts lists them as their driver does.
func (s sharedContexts) Contexts(ctx context.Context) ([]Device, error) {
	return fsm.Once(ctx, "GPUs by their driver", s.library.Contexts)
}
