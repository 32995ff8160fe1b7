package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/audio"
	"github.com/modectl/moded/internal/agent/userunits"
)

// ErrBusGone says that the system bus ended the connection.
var ErrBusGone = errors.New("the system bus is gone")

// ErrReplaced says that an upgrade has put another program in this one's place.
var ErrReplaced = errors.New("the agent was replaced by an upgrade")

// Audio keeps the user's audio.
type Audio interface {
	Apply(ctx context.Context, order manager1.AudioOrder) (settled bool, detail string)
	Capture(ctx context.Context) manager1.AudioState
}

// Units is the user's service manager. Stop returns when the jobs are over.
type Units interface {
	States(ctx context.Context, units ...string) (map[string]userunits.State, error)
	Stop(ctx context.Context, units ...string) error
}

// Slices limits slices of the user's manager.
type Slices interface {
	Apply(ctx context.Context, order manager1.SliceLimits) (settled bool, detail string)
	Capture(ctx context.Context) ([]manager1.SliceLimits, error)
}

// Notifier tells the person. Notify returns at once.
type Notifier interface {
	Notify(n manager1.Notification)
}

// Agent serves one user on the system bus. Its fields but the last two are mandatory,
// and not changed once Run runs.
type Agent struct {
	Conn    *dbus.Conn
	Version string
	Audio   Audio
	Units   Units
	Slices  Slices
	Notify  Notifier
	// Replaced, if set, tells whether another program has taken this one's place.
	// It is asked when there is a new daemon, which begins at rest: an agent that
	// left in the middle of a transition would be missed.
	Replaced func() bool
	// Log, if set, is told what an admin would want to know tomorrow.
	Log func(event string, err error)

	mu      sync.Mutex
	owner   string // unique name of the daemon, or empty
	pending *audio.Report

	news chan struct{} // a report is pending
	once sync.Once
}

const (
	callTimeout = 5 * time.Second
	// reportEvery is the least time between two reports: ten a second.
	reportEvery = 100 * time.Millisecond
	firstRetry  = time.Second
	lastRetry   = time.Minute
)

func (a *Agent) setup() {
	a.once.Do(func() { a.news = make(chan struct{}, 1) })
}

// Report sends a report to the daemon as soon as may be; a newer one takes its
// place. It never blocks and may be called before Run.
func (a *Agent) Report(r audio.Report) {
	a.setup()
	a.mu.Lock()
	a.pending = &r
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// Run exports the agent, registers it with the daemon whenever there is one,
// and reports to it, until ctx ends, the bus does, which is ErrBusGone, or the
// agent has to make room, which is ErrReplaced.
func (a *Agent) Run(ctx context.Context) error {
	a.setup()
	if err := a.export(ctx); err != nil {
		return err
	}
	owners, err := a.watchOwner(ctx)
	if err != nil {
		return err
	}
	l := link{agent: a}
	for {
		l.advance(ctx, time.Now())
		wake := time.NewTimer(l.wait(time.Now()))
		select {
		case s, open := <-owners:
			if open {
				l.ownerChanged(s)
			}
			if a.hasOwner() && a.Replaced != nil && a.Replaced() {
				return ErrReplaced
			}
		case <-a.news:
			l.unsent = true
		case <-wake.C:
		case <-a.Conn.Context().Done():
			return ErrBusGone
		case <-ctx.Done():
			return ctx.Err()
		}
		wake.Stop()
	}
}

func (a *Agent) export(ctx context.Context) error {
	if err := a.Conn.Export(&face{agent: a, ctx: ctx}, manager1.AgentPath, manager1.AgentInterface); err != nil {
		return fmt.Errorf("cannot export the agent: %w", err)
	}
	introspection := introspectable(dbusxml.Introspection(dbusxml.Agent1))
	if err := a.Conn.Export(introspection, manager1.AgentPath, "org.freedesktop.DBus.Introspectable"); err != nil {
		return fmt.Errorf("cannot export the agent: %w", err)
	}
	return nil
}

type introspectable string

// Introspect answers the XML of the contract.
func (i introspectable) Introspect() (string, *dbus.Error) { return string(i), nil }

// watchOwner follows who owns the daemon's name, and looks who does now.
func (a *Agent) watchOwner(ctx context.Context) (<-chan *dbus.Signal, error) {
	signals := make(chan *dbus.Signal, 16)
	a.Conn.Signal(signals)
	if err := a.Conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, manager1.BusName)); err != nil {
		return nil, fmt.Errorf("cannot watch for the daemon: %w", err)
	}
	var owner string
	err := a.Conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, manager1.BusName).Store(&owner)
	var remote dbus.Error
	if err != nil && !errors.As(err, &remote) {
		return nil, fmt.Errorf("cannot look for the daemon: %w", err)
	}
	a.setOwner(owner)
	return signals, nil
}

func (a *Agent) setOwner(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owner = name
}

// obeys tells whether a caller is the daemon, or root.
func (a *Agent) obeys(ctx context.Context, sender dbus.Sender) bool {
	a.mu.Lock()
	owner := a.owner
	a.mu.Unlock()
	if owner != "" && string(sender) == owner {
		return true
	}
	var uid uint32
	err := a.Conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixUser", 0, string(sender)).Store(&uid)
	return err == nil && uid == 0
}

func (a *Agent) log(event string, err error) {
	if a.Log != nil {
		a.Log(event, err)
	}
}
