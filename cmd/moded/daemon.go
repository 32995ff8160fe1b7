package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/journal"
	"github.com/modectl/moded/internal/ledger"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/internal/version"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// errBusLost ends the daemon: exports, name and matches died with the
// connection. The document is on disk, and the next start goes on from it.
var errBusLost = errors.New("the connection to the bus was lost")

// shutdownLimit is how long a rollback may keep the daemon alive after SIGTERM.
const shutdownLimit = 5 * time.Minute

// daemon is what run runs.
type daemon struct {
	o       options
	log     *zap.Logger
	machine machine
	engine  *fsm.Engine
	server  *server.Server
	watcher *triggers.Watcher
	history *ledger.History
	lock    io.Closer
	supervisor
	renewal *renewal
	// problem is what is wrong with the configuration, and a sentence in
	// Degraded until a reload finds it mended.
	problem string
	cfg     *config.Config
	cfgMu   sync.Mutex
	// stopping is set when the daemon was told to end.
	stopping atomic.Bool
}

// assemble makes all parts and starts none.
func assemble(ctx context.Context, o options) (*daemon, error) {
	d := &daemon{o: o, log: journal.New(levelOf(o)), renewal: newRenewal(), supervisor: supervisor{said: new(string)}}
	var err error
	if d.lock, err = ledger.Lock(o.stateDir); err != nil {
		return nil, err
	}
	if d.history, err = ledger.OpenHistory(o.stateDir); err != nil {
		return nil, err
	}
	cfg, problem, err := load(o)
	if err != nil {
		return nil, err
	}
	d.cfg = cfg
	d.server = server.New(server.Config{Address: o.address(), Version: version.Version, Log: d.log,
		Resources: d.resources, Reload: d.reload, Interactive: d.interactive, AudioServers: d.audioServers, Stopping: d.isStopping,
		AudioChanged: func() { d.watcher.Tell(triggers.Audio) },
		UserName:     userName})
	if d.machine, err = d.chooseMachine(ctx); err != nil {
		return nil, err
	}
	d.watcher = triggers.New(triggers.Config{Machine: d.machine.watched, Settings: d.triggers, Holds: d.server.Holds(), Log: d.log})
	book, err := ledger.Open(o.runtimeDir, d.machine.stamps)
	if err != nil {
		return nil, err
	}
	d.engine = fsm.New(fsm.Config{Catalog: cfg.Catalog, Actions: actions.New(d.machine.hands), Judge: guards.New(d.machine.eyes),
		Sessions: d.machine.sessions, Host: d.machine.host, Ledger: book, History: d.history,
		Notifier: d.machine.notifier, Observer: d.observers(), Holds: d.server.Holds()})
	d.complain(problem)
	return d, nil
}

func levelOf(o options) zapcore.Level {
	if o.debug {
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}

func (d *daemon) chooseMachine(ctx context.Context) (machine, error) {
	if !d.o.simulated {
		return d.realMachine(ctx)
	}
	m, err := simulated(d.o)
	m.eyes = holdingEyes{m.eyes, d.server.Holds()}
	return m, err
}

// complain puts what is wrong with the configuration into Degraded, in place of
// what was wrong before.
func (d *daemon) complain(problem error) {
	if d.problem != "" {
		d.engine.Degrade(d.problem, true)
		d.problem = ""
	}
	if problem != nil {
		d.problem = oneLine(problem)
		d.log.Warn("configuration", zap.String("reason", problem.Error()))
		d.engine.Degrade(d.problem, false)
	}
}

// run serves until a signal, or until the bus is lost.
func (d *daemon) run() error {
	defer d.lock.Close() // the lock ends with the process
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
	var background <-chan error // nil: nothing that could end
	if d.machine.background != nil {
		done, err := d.machine.background(ctx)
		if err != nil {
			return fmt.Errorf("cannot start: %w", err)
		}
		background = done
	}

	boot, err := d.engine.Start(ctx, !d.installed() && d.machine.starting(ctx))
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	if err := d.server.Listen(ctx, d.engine); err != nil {
		return err
	}
	d.ready(d.engine.State().Mode)
	d.log.Info("moded is up", zap.String("message_id", journal.IDUp), zap.String("mode", d.engine.State().Mode), zap.String("version", version.Version))
	go d.feed(ctx, func() { d.engine.Catalog() })
	d.watch(ctx)
	if boot {
		go d.boot(ctx)
	}
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				if err := d.reload(ctx); err != nil {
					d.log.Warn("reload refused", zap.Error(err))
				}
			case syscall.SIGUSR1:
				d.renew()
			default:
				return d.stop(d.machine.retire)
			}
		case <-d.renewal.due:
			if d.engine.StopAtRest() {
				d.log.Info("starting anew")
				return d.stop(nil) // gates stay shut in between
			}
		case <-d.server.Done():
			return errBusLost
		case err := <-background:
			return fmt.Errorf("cannot go on: %w", cmp.Or(err, errors.New("the machine's own part ended")))
		}
	}
}

// boot waits until the machine is up and then goes to the default mode, or to
// the one that a person chose last.
func (d *daemon) boot(ctx context.Context) {
	d.machine.up(ctx)
	if ctx.Err() != nil {
		return
	}
	if err := d.engine.Boot(ctx, d.bootMode()); err != nil {
		d.log.Info("boot is over already", zap.Error(err))
	}
}

// cleanFile is there while the daemon is down after a clean end.
const cleanFile = "clean-shutdown"

// bootMode is the default mode, unless the configuration says to restore the
// chosen one and the last shutdown was clean: a mode that took the machine down
// is not entered again.
func (d *daemon) bootMode() string {
	path := filepath.Join(d.o.stateDir, cleanFile)
	_, err := os.Lstat(path)
	clean := err == nil && os.Remove(path) == nil
	if !d.config().Restore || !clean {
		return ""
	}
	mode, err := d.history.Chosen()
	if err != nil {
		d.log.Warn("cannot restore the chosen mode", zap.Error(err))
	}
	return mode
}

// stop undoes what is open, retires unless that is nil, and ends. While it
// undoes, it asks systemd for time.
func (d *daemon) stop(retire func() error) error {
	d.stopping.Store(true)
	_ = d.Stopping("undoing what is open")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	go d.extend(ctx)
	err := d.engine.Shutdown(ctx)
	if err != nil {
		d.log.Warn("left for the next start", zap.Error(err))
	}
	if retire != nil {
		if err := retire(); err != nil {
			d.log.Warn("gates stay shut", zap.Error(err))
		}
	}
	if f, ferr := os.OpenFile(filepath.Join(d.o.stateDir, cleanFile), os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600); ferr == nil {
		ferr = f.Close()
		if ferr != nil {
			d.log.Warn("cannot mark the end as clean", zap.Error(ferr))
		}
	}
	return d.server.Close()
}

// isStopping tells whether the daemon, or the machine under it, is about to
// stop: there is nothing left to hold then.
func (d *daemon) isStopping(ctx context.Context) bool {
	return d.stopping.Load() || d.machine.host.Stopping(ctx)
}

// observers of the engine. The console's is for the real machine alone.
func (d *daemon) observers() observers {
	all := observers{journal.NewStory(d.log), d.server, d.supervisor, d.watcher, d.renewal}
	if !d.o.simulated {
		all = append(all, &issue{dir: issueDir, headless: d.wayOut})
	}
	if d.machine.observer != nil {
		all = append(all, d.machine.observer)
	}
	return all
}

// observers tell each of them, in order.
type observers []fsm.Observer

func (o observers) Changed(s fsm.State) {
	for _, each := range o {
		each.Changed(s)
	}
}

func (o observers) Started(t fsm.Transition) {
	for _, each := range o {
		each.Started(t)
	}
}

func (o observers) StepChanged(id uint32, total int, s fsm.Step) {
	for _, each := range o {
		each.StepChanged(id, total, s)
	}
}

func (o observers) StepEndedLate(id uint32, total int, s fsm.Step) {
	for _, each := range o {
		if late, ok := each.(fsm.LateObserver); ok {
			late.StepEndedLate(id, total, s)
		}
	}
}

func (o observers) Finished(t fsm.Transition) {
	for _, each := range o {
		each.Finished(t)
	}
}

func (o observers) ModeChanged(from, to string, id uint32) {
	for _, each := range o {
		each.ModeChanged(from, to, id)
	}
}
