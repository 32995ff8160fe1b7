package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/pkg/actions"
)

// PrivateSocket is where PID 1 itself answers, without a bus in between.
const PrivateSocket = "unix:path=/run/systemd/private"

const (
	// patience is how long a manager may be away, as it is while it executes
	// itself anew (systemctl daemon-reexec).
	patience = 10 * time.Second
	redial   = 100 * time.Millisecond
	// readLimit is for a single question.
	readLimit = 10 * time.Second
)

const (
	managerPath  = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerName  = "org.freedesktop.systemd1"
	managerIface = "org.freedesktop.systemd1.Manager"
	unitIface    = "org.freedesktop.systemd1.Unit"
	properties   = "org.freedesktop.DBus.Properties"
)

// Manager is a systemd manager: PID 1, or a user's in a test. It connects when
// it is first asked, and again when the connection has died. It is safe for
// use by several goroutines.
type Manager struct {
	address string
	news    atomic.Pointer[UnitNews] // who hears more than the end of jobs

	mu   sync.Mutex
	live *link
}

// link is one connection, which go-systemd and the calls that it has no method
// for share. go-systemd would have two; whoever is on the private socket is told
// everything, so that one costs half.
type link struct {
	api *systemd.Conn
	raw *dbus.Conn
}

// NewManager returns the manager that listens at a D-Bus address, PrivateSocket
// for PID 1. It does not connect yet.
func NewManager(address string) *Manager { return &Manager{address: address} }

// Close ends the connection. The manager may be used again.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live != nil {
		m.live.api.Close()
		m.live = nil
	}
}

func (m *Manager) dial() (*link, error) {
	conn, err := m.raw()
	if err == nil {
		err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	}
	if err == nil {
		var api *systemd.Conn
		if api, err = systemd.NewConnection(func() (*dbus.Conn, error) { return conn, nil }); err == nil {
			return &link{api: api, raw: conn}, nil
		}
	}
	if conn != nil {
		_ = conn.Close() // the other error is the one that tells
	}
	return nil, fmt.Errorf("cannot reach systemd at %s: %w", m.address, err)
}

// jobRemoved is the one signal that a Manager waits for itself.
var jobRemoved = []byte("JobRemoved")

func (m *Manager) heard(header []byte) bool {
	n := m.news.Load()
	return bytes.Contains(header, jobRemoved) || n != nil && n.heard(header)
}

func (m *Manager) raw() (*dbus.Conn, error) {
	path, ok := strings.CutPrefix(m.address, "unix:path=")
	if !ok {
		return dbus.Dial(m.address)
	}
	socket, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return dbus.NewConn(newQuiet(socket, m.heard))
}

func (l *link) alive() bool { return l.api.Connected() }

// connect returns the connection, a new one if need be. While the manager is
// away it tries again.
func (m *Manager) connect(ctx context.Context) (*link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live != nil && m.live.alive() {
		return m.live, nil
	}
	if m.live != nil {
		m.live.api.Close()
		m.live = nil
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		l, err := m.dial()
		if err == nil {
			m.live = l
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-deadline.C:
			return nil, err
		case <-time.After(redial):
		}
	}
}

// with calls f with a connection, and once more with a new one when that one
// died over it. f must be harmless to repeat.
func (m *Manager) with(ctx context.Context, f func(*link) error) error {
	l, err := m.connect(ctx)
	if err != nil {
		return err
	}
	if err = f(l); err == nil || l.alive() || ctx.Err() != nil {
		return known(err)
	}
	if l, err = m.connect(ctx); err != nil {
		return err
	}
	return known(f(l))
}

// known gives the errors of PID 1 that callers tell apart our own name.
func known(err error) error {
	var e dbus.Error
	if errors.As(err, &e) && e.Name == "org.freedesktop.systemd1.NoSuchUnit" {
		return fmt.Errorf("%w (%w)", actions.ErrNoUnit, err)
	}
	return err
}

// object is the unit's; PID 1 loads a unit that somebody looks at.
func (l *link) object(path dbus.ObjectPath) dbus.BusObject { return l.raw.Object(managerName, path) }

func unitPath(unit string) dbus.ObjectPath {
	return managerPath + "/unit/" + dbus.ObjectPath(systemd.PathBusEscape(unit))
}

// all reads every property of an interface, which is one moment's state.
func (m *Manager) all(ctx context.Context, path dbus.ObjectPath, iface string) (bag, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var props bag
	err := m.with(ctx, func(l *link) error {
		props = nil
		return l.object(path).CallWithContext(ctx, properties+".GetAll", 0, iface).Store(&props)
	})
	return props, err
}

// some reads a few properties of an interface: PID 1 needs long for all of a
// service's. All questions are on their way before the first answer is read, so
// that they cost one round and not one each.
func (m *Manager) some(ctx context.Context, path dbus.ObjectPath, iface string, names ...string) (bag, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var props bag
	err := m.with(ctx, func(l *link) error {
		props = bag{}
		asked := make([]*dbus.Call, len(names))
		for i, name := range names {
			asked[i] = l.object(path).GoWithContext(ctx, properties+".Get", 0, make(chan *dbus.Call, 1), iface, name)
		}
		for i, name := range names {
			var v dbus.Variant
			if err := (<-asked[i].Done).Store(&v); err != nil {
				return err
			}
			props[name] = v
		}
		return nil
	})
	return props, err
}

// bag is an a{sv}. What is not there, or of another type, reads as zero.
type bag map[string]dbus.Variant

func field[T any](b bag, name string) T {
	v, _ := b[name].Value().(T)
	return v
}

// UserspaceStart is PID 1's UserspaceTimestampMonotonic in microseconds: it
// tells one soft-reboot of a boot from the next.
func (m *Manager) UserspaceStart(ctx context.Context) (uint64, error) {
	props, err := m.some(ctx, managerPath, managerIface, "UserspaceTimestampMonotonic")
	if err != nil {
		return 0, fmt.Errorf("cannot ask systemd when it began: %w", err)
	}
	return field[uint64](props, "UserspaceTimestampMonotonic"), nil
}

// SystemState is the manager's own: starting, running, degraded, stopping, …
func (m *Manager) SystemState(ctx context.Context) (string, error) {
	props, err := m.some(ctx, managerPath, managerIface, "SystemState")
	if err != nil {
		return "", fmt.Errorf("cannot ask systemd for its state: %w", err)
	}
	return field[string](props, "SystemState"), nil
}
