// Command moded-agent is the helper of moded in a user's manager: see package
// agent. It ends with 0 when it is told to, with 1 when a bus goes away, and with
// 75 when an upgrade has replaced it: its unit starts it again then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent"
	"github.com/modectl/moded/internal/agent/audio"
	"github.com/modectl/moded/internal/agent/notify"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userslices"
	"github.com/modectl/moded/internal/agent/userunits"
	"github.com/modectl/moded/internal/server/frame"
	"github.com/modectl/moded/internal/version"
)

// cgroups is where systemd mounts the hierarchy of control groups.
const cgroups = "/sys/fs/cgroup"

// exitReplaced is EX_TEMPFAIL, which the unit takes for no failure.
const exitReplaced = 75

// replaced tells whether the file that this program was started from is gone,
// as it is when a package has brought another.
func replaced() bool {
	exe, err := os.Readlink("/proc/self/exe")
	return err == nil && strings.HasSuffix(exe, " (deleted)")
}

// options are the flags.
type options struct {
	bus   string
	tools pipewire.Tools
	state string
	// slices remembers how slices were limited.
	slices string
	print  bool
}

func main() {
	smallPages()
	o := flags()
	if o.print {
		fmt.Println(version.Version)
		return
	}
	log := logger()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, log)
	told := ctx.Err() != nil
	stop()
	if errors.Is(err, agent.ErrReplaced) {
		log.Info("starting anew", zap.Error(err))
		os.Exit(exitReplaced)
	}
	if err != nil && !told {
		log.Error("agent ends", zap.Error(err))
		os.Exit(1)
	}
}

func flags() options {
	var o options
	flag.StringVar(&o.bus, "bus", "system", "the bus of the daemon: `system`, or an address")
	flag.StringVar(&o.tools.Dump, "pw-dump", "pw-dump", "`program` that shows PipeWire's graph")
	flag.StringVar(&o.tools.Metadata, "pw-metadata", "pw-metadata", "`program` that changes PipeWire's settings")
	flag.StringVar(&o.tools.Top, "pw-top", "pw-top", "`program` that measures PipeWire's graph")
	flag.StringVar(&o.state, "state", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "moded-agent.json"), "`file` that remembers how audio was")
	flag.StringVar(&o.slices, "slices", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "moded-agent-slices.json"), "`file` that remembers how slices were limited")
	flag.BoolVar(&o.print, "version", false, "print the version and exit")
	flag.Parse()
	return o
}

// logger writes JSON to stderr, from where journald takes it.
func logger() *zap.Logger {
	config := zap.NewProductionConfig()
	config.DisableStacktrace = true
	config.DisableCaller = true
	log, err := config.Build()
	if err != nil {
		return zap.NewNop() // stderr is closed: nobody reads
	}
	return log
}

// run is the wiring. It returns when ctx ends or a part of it cannot go on.
func run(ctx context.Context, o options, log *zap.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	conn, err := connect(ctx, o.bus)
	if err != nil {
		return fmt.Errorf("cannot connect to the bus of the daemon: %w", err)
	}
	defer func() { _ = conn.Close() }()
	units, err := userunits.Connect(ctx, audio.UnitNames()...)
	if err != nil {
		return err
	}
	defer func() { _ = units.Close() }()

	note := func(event string, err error) { log.Info(event, zap.Error(err)) }
	a := &agent.Agent{Conn: conn, Version: version.Version, Units: units, Log: note, Replaced: replaced}
	keeper := audio.New(units, o.tools, audio.File(o.state), calm(a.Report))
	teller := notify.New(desktop(ctx, units, note), manager1.New(conn), notify.Terminals{}.Write, note)
	a.Audio, a.Notify = keeper, teller
	a.Slices = userslices.New(units, o.slices, cgroups)
	return together(ctx, stop,
		func() error { return a.Run(ctx) },
		func() error { return keeper.Run(ctx) },
		func() error { teller.Run(ctx); return nil },
		func() error {
			select {
			case <-units.Done():
				return errors.New("the user's service manager is gone")
			case <-ctx.Done():
				return nil
			}
		})
}

// together runs the parts until the first ends, stops the others, and returns
// why that was when all have ended.
func together(ctx context.Context, stop func(), parts ...func() error) error {
	ends := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ends <- part() }()
	}
	why := <-ends
	if ctx.Err() != nil {
		why = nil
	}
	stop()
	for range parts[1:] {
		<-ends //nolint:errcheck // how the others end after the first tells nothing
	}
	return why
}

// connect goes through a guard: anybody on a system bus may send us signals, and
// only root, by the bus's policy, a call.
func connect(ctx context.Context, bus string) (*dbus.Conn, error) {
	if bus == "system" {
		bus = frame.SystemBus()
	}
	conn, _, err := frame.Dial(ctx, bus, frame.Limits{PassCalls: true}, nil, dbus.WithContext(ctx))
	return conn, err
}

// desktop is how notifications are shown, nil without a session bus.
func desktop(ctx context.Context, units *userunits.Manager, note func(string, error)) notify.Desktop {
	if units.Bus() == nil {
		return nil
	}
	bus, err := notify.NewSessionBus(ctx, units.Bus(), func(ctx context.Context) bool {
		states, err := units.States(ctx, "graphical-session.target")
		return err == nil && states["graphical-session.target"].Running()
	})
	if err != nil {
		note("no notifications of the desktop", err)
		return nil
	}
	return bus
}
