// Package userunits talks to the service manager of the user it runs as: it
// reads the states of a few units, starts and stops them, tells when one of
// them may have changed, and limits slices.
//
// It goes through the session bus, where only the units that it was asked to
// watch wake it. Without one it uses the manager's private socket, which tells
// all its peers of every change.
package userunits

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

const (
	busName     = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
	manager     = "org.freedesktop.systemd1.Manager."
	properties  = "org.freedesktop.DBus.Properties"
)

// State is what the manager says of a unit.
type State struct {
	Load   string // loaded, not-found, masked, …
	Active string // active, inactive, failed, activating, deactivating, reloading
}

// Exists tells whether the unit can be started.
func (s State) Exists() bool { return s.Load == "loaded" }

// Running tells whether it is up or on its way.
func (s State) Running() bool {
	return slices.Contains([]string{"active", "reloading", "activating", "deactivating", "refreshing"}, s.Active)
}

// Manager is a connection to a user's manager. Its methods may be called from
// several goroutines.
type Manager struct {
	conn    *dbus.Conn
	onBus   bool
	changed chan struct{}
	watched map[dbus.ObjectPath]bool

	mu   sync.Mutex
	jobs map[chan finished]bool
}

// finished is a job that ended.
type finished struct {
	job    dbus.ObjectPath
	result string
}

// Connect reaches the manager and watches the given units until Close. The
// connection ends with ctx.
func Connect(ctx context.Context, units ...string) (*Manager, error) {
	m, err := ConnectBus(ctx, os.Getenv("DBUS_SESSION_BUS_ADDRESS"), units...)
	if err == nil {
		return m, nil
	}
	private, perr := connectPrivate(ctx, units...)
	if perr != nil {
		return nil, fmt.Errorf("cannot reach the user's service manager: %w", errors.Join(err, perr))
	}
	return private, nil
}

// ConnectBus is Connect through the session bus at that address.
func ConnectBus(ctx context.Context, address string, units ...string) (*Manager, error) {
	if address == "" {
		address = "unix:path=" + filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot reach the session bus: %w", err)
	}
	return begin(ctx, conn, true, units)
}

func connectPrivate(ctx context.Context, units ...string) (*Manager, error) {
	conn, err := dbus.Dial("unix:path="+filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd/private"), dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot reach the manager's socket: %w", err)
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(fmt.Sprint(os.Getuid()))}); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot authenticate at the manager's socket: %w", err), conn.Close())
	}
	return begin(ctx, conn, false, units)
}

func begin(ctx context.Context, conn *dbus.Conn, onBus bool, units []string) (*Manager, error) {
	m := &Manager{
		conn: conn, onBus: onBus, changed: make(chan struct{}, 1),
		watched: map[dbus.ObjectPath]bool{}, jobs: map[chan finished]bool{},
	}
	for _, unit := range units {
		m.watched[unitPath(unit)] = true
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	go m.listen(signals)
	if err := m.subscribe(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot watch the user's units: %w", err), conn.Close())
	}
	return m, nil
}

// subscribe asks the bus for changes of watched units, and the manager to tell
// the bus at all.
func (m *Manager) subscribe(ctx context.Context) error {
	if !m.onBus {
		return nil
	}
	for path := range m.watched {
		if err := m.conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchObjectPath(path),
			dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged")); err != nil {
			return err
		}
	}
	return m.call(ctx, "Subscribe").Err
}

// Bus is the session bus, which stays the manager's; nil without one.
func (m *Manager) Bus() *dbus.Conn {
	if !m.onBus {
		return nil
	}
	return m.conn
}

// Close ends the connection.
func (m *Manager) Close() error { return m.conn.Close() }

// Done is closed when the connection ended.
func (m *Manager) Done() <-chan struct{} { return m.conn.Context().Done() }

// Changed has something to read after a watched unit may have changed. Changes
// that nobody read yet are one.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) listen(signals <-chan *dbus.Signal) {
	for s := range signals {
		switch s.Name {
		case properties + ".PropertiesChanged":
			if m.watched[s.Path] {
				select {
				case m.changed <- struct{}{}:
				default:
				}
			}
		case manager + "JobRemoved":
			m.jobRemoved(s)
		}
	}
}

// States returns the states of units, those that do not exist included.
func (m *Manager) States(ctx context.Context, units ...string) (map[string]State, error) {
	states, err := m.list(m.call(ctx, "ListUnitsByNames", units))
	if err != nil {
		return nil, fmt.Errorf("cannot read the states of the user's units: %w", err)
	}
	return states, nil
}

// list reads an answer of the ListUnits family.
func (m *Manager) list(answer *dbus.Call) (map[string]State, error) {
	var rows []struct {
		Name, Description, Load, Active, Sub, Following string
		Path                                            dbus.ObjectPath
		JobID                                           uint32
		JobType                                         string
		JobPath                                         dbus.ObjectPath
	}
	if err := answer.Store(&rows); err != nil {
		return nil, err
	}
	states := make(map[string]State, len(rows))
	for _, row := range rows {
		states[row.Name] = State{Load: row.Load, Active: row.Active}
	}
	return states, nil
}

// Enabled tells whether the unit is started by itself: by a symlink of the
// user or of the administrator.
func (m *Manager) Enabled(ctx context.Context, unit string) (bool, error) {
	var state string
	err := m.call(ctx, "GetUnitFileState", unit).Store(&state)
	var remote dbus.Error
	if errors.As(err, &remote) && (strings.HasSuffix(remote.Name, ".NoSuchUnit") || strings.HasSuffix(remote.Name, ".FileNotFound")) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot tell whether %s is enabled: %w", unit, err)
	}
	return state == "enabled" || state == "enabled-runtime" || state == "alias", nil
}

func (m *Manager) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return m.conn.Object(busName, managerPath).CallWithContext(ctx, manager+method, dbus.FlagNoAutoStart, args...)
}

// unitPath is the object path of a unit: what is no letter or digit, and a
// leading digit, become _xx.
func unitPath(unit string) dbus.ObjectPath {
	var b strings.Builder
	for i, c := range []byte(unit) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if letter || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "_%02x", c)
	}
	return managerPath + "/unit/" + dbus.ObjectPath(b.String())
}
