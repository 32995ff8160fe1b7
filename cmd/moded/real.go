package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/internal/ledger"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/server/frame"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/internal/version"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// The helpers' sockets (systemd/*.socket).
const (
	probeSocket    = "/run/moded-probe.socket"
	workloadSocket = "/run/moded-workload.socket"
)

// bootPatience is how long the boot edge waits for default.target.
const (
	bootPatience = 90 * time.Second
	bootPoll     = time.Second
	stampTries   = 6
)

// realMachine is the one that we run on. logind is reached over a connection of
// its own, behind the same guard: the engine needs it before the server listens.
func (d *daemon) realMachine(ctx context.Context) (machine, error) {
	manager := host.NewManager(host.PrivateSocket)
	boot, userspace, err := stamps(ctx, manager)
	if err != nil {
		return machine{}, err
	}
	news := host.NewSessionNews(func() { d.watcher.Tell(triggers.Sessions) }, func() { d.watcher.Tell(triggers.Resumed) })
	sleepless := host.NewSleepless(d.o.address(), func(event string, err error) { d.log.Warn(event, zap.Error(err)) })
	conn, guard, err := frame.Dial(ctx, d.o.address(), frame.Limits{}, nil, dbus.WithSignalHandler(listeners{news, sleepless}))
	if err != nil {
		return machine{}, fmt.Errorf("cannot connect to the bus: %w", err)
	}
	files, err := host.NewFiles(d.o.runtimeDir)
	if err != nil {
		return machine{}, err
	}
	life := strconv.FormatUint(userspace, 10)
	if err := files.Resume(life); err != nil {
		return machine{}, err
	}
	logind, agents := host.NewLogind(conn), d.server.Agents()
	services := workload.NewClient(workloadSocket, version.Version)
	watched := newWatched(manager, logind, agents)
	look := eyes.New(eyes.Sources{Probe: probe.NewClient(probeSocket, version.Version), Audio: agents,
		Sessions: logind, Inhibitors: logind, Units: manager, Holds: d.server.Holds(),
		Workload: services, Workloads: d.workloads, GPUName: d.gpuName})
	return machine{
		background: func(ctx context.Context) (<-chan error, error) {
			go sleepless.Run(ctx)
			return nil, nil
		},
		observer: awake{sleepless},
		hands: actions.Hands{Units: manager, Slices: manager, Logind: logind, Agents: agents, Devices: look, Cards: look, Orders: files, Files: files,
			Prober: services, Cluster: services, Services: manager, Servers: services, EnvDir: files.EnvDir()},
		eyes: look, sessions: logind, host: host.Machine{Manager: manager, Logind: logind},
		stamps:   ledger.Stamps{BootID: boot, Userspace: userspace},
		notifier: agents,
		starting: func(ctx context.Context) bool { return starting(ctx, manager, userspace) },
		up:       func(ctx context.Context) { awaitUp(ctx, manager) },
		interactive: func(ctx context.Context) ([]uint32, error) {
			return people(logind.Facts(ctx))
		},
		audioServers: look.AudioServers,
		retire:       func() error { return files.Retire(life) },
		watched:      watched,
		keep:         host.NewKept(conn).Keep,
		listen: func(ctx context.Context, tell func(triggers.News)) error {
			watched.tell = tell
			go watched.units.Run(ctx)
			return news.Listen(ctx, conn, guard)
		},
	}, nil
}

// listeners hear the same signals.
type listeners []dbus.SignalHandler

// DeliverSignal implements dbus.SignalHandler.
func (l listeners) DeliverSignal(iface, member string, s *dbus.Signal) {
	for _, each := range l {
		each.DeliverSignal(iface, member, s)
	}
}

// stamps asks PID 1 again when it was too busy: at boot it may be, for longer
// than one question waits.
func stamps(ctx context.Context, manager *host.Manager) (boot string, userspace uint64, err error) {
	for range stampTries {
		if boot, userspace, err = host.Stamps(ctx, manager); err == nil {
			break
		}
	}
	return boot, userspace, err
}

// gpuName gives a GPU the name that the configuration has for it.
func (d *daemon) gpuName(g facts.GPU) string {
	cfg := d.config()
	for _, named := range cfg.GPUs {
		if named.PCI != "" && strings.EqualFold(named.PCI, g.PCI) || named.UUID != "" && strings.EqualFold(named.UUID, g.UUID) {
			return named.Name
		}
	}
	return ""
}

// starting tells whether the machine is coming up, or came up a moment ago.
func starting(ctx context.Context, manager *host.Manager, userspace uint64) bool {
	if state, err := manager.SystemState(ctx); err == nil && (state == "initializing" || state == "starting") {
		return true
	}
	return host.Clock{}.Boottime()-time.Duration(userspace)*time.Microsecond < bootWindow
}

// awaitUp waits until default.target is reached, or has had its time.
func awaitUp(ctx context.Context, manager *host.Manager) {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	tick := time.NewTicker(bootPoll)
	defer tick.Stop()
	for {
		if s, err := manager.State(ctx, "default.target"); err == nil && s.Active == "active" {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// people lists the uids of persons' sessions.
func people(sessions facts.Sessions) ([]uint32, error) {
	if !sessions.Known() {
		return nil, fmt.Errorf("cannot see who is logged in: %s", sessions.Unknown)
	}
	var uids []uint32
	for _, s := range sessions.List {
		if strings.HasPrefix(s.Class, "user") && !slices.Contains(uids, s.UID) {
			uids = append(uids, s.UID)
		}
	}
	return uids, nil
}
