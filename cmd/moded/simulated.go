package main

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/internal/ledger"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/actions"
)

// bootWindow is how long after the start of user space a machine without a
// document is taken to be booting.
const bootWindow = 5 * time.Minute

// simulated is the machine in memory. Files below the runtime directory are
// real, so that what the daemon writes there can be looked at.
func simulated(o options) (machine, error) {
	files, err := host.NewFiles(o.runtimeDir)
	if err != nil {
		return machine{}, fmt.Errorf("cannot make the simulated machine: %w", err)
	}
	m, err := simulate.New(simulate.Options{Dir: o.runtimeDir, Speed: o.speed})
	if err != nil {
		return machine{}, err
	}
	boot, userspace := m.Stamps()
	return machine{
		hands: actions.Hands{Units: m, Slices: m, Logind: m, Agents: m, Devices: m, Cards: m, Orders: m, Files: files, Prober: m, Cluster: m, Services: m, Servers: m,
			EnvDir: simulate.EnvDir, Timing: m.Timing()},
		eyes: m, sessions: m, host: m,
		stamps:   ledger.Stamps{BootID: boot, Userspace: uint64(userspace.UnixMicro())},
		starting: func(context.Context) bool { return m.Boottime() < bootWindow },
		up:       func(context.Context) {},
		interactive: func(ctx context.Context) ([]uint32, error) {
			sessions, err := m.Graphical(ctx)
			var uids []uint32
			for _, s := range sessions {
				uids = append(uids, s.UID)
			}
			return uids, err
		},
		audioServers: m.AudioServers,
		watched:      m,
		listen: func(_ context.Context, tell func(triggers.News)) error {
			m.Tell(func() { tell(triggers.Sessions | triggers.Audio | triggers.Units | triggers.Pressure) })
			return nil
		},
		background: func(ctx context.Context) (<-chan error, error) { return m.Serve(ctx, o.runtimeDir) },
	}, nil
}
