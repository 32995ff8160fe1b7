package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

const (
	loginName    = "org.freedesktop.login1"
	loginPath    = dbus.ObjectPath("/org/freedesktop/login1")
	loginIface   = "org.freedesktop.login1.Manager"
	sessionIface = "org.freedesktop.login1.Session"
)

// Logind is systemd-logind on a connection to the system bus. Only replies are
// used, which the bus lets nobody forge.
type Logind struct{ conn *dbus.Conn }

var (
	_ actions.Logind  = Logind{}
	_ actions.Leaders = Logind{}
)

// NewLogind returns logind's client on a connection that stays the caller's.
func NewLogind(conn *dbus.Conn) Logind { return Logind{conn} }

// session is one of logind's with all that we want of it.
type session struct {
	facts.Session
	leader uint32
}

func (s session) plain() fsm.Session {
	return fsm.Session{ID: s.ID, UID: s.UID, User: s.User, Seat: s.Seat, Class: s.Class, Type: s.Type, Scope: s.Scope}
}

func (l Logind) call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return l.conn.Object(loginName, path).CallWithContext(ctx, method, 0, args...)
}

// sessions lists all of them but the users' managers, which logind counts as
// sessions since systemd 256.
func (l Logind) sessions(ctx context.Context) ([]session, error) {
	var list []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	if err := l.call(ctx, loginPath, loginIface+".ListSessions").Store(&list); err != nil {
		return nil, fmt.Errorf("cannot list sessions: %w", err)
	}
	var found []session
	for _, entry := range list {
		props, err := l.properties(ctx, entry.Path)
		if gone(err) {
			continue // it ended since the list was made
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read session %s: %w", entry.ID, err)
		}
		if class := field[string](props, "Class"); strings.HasPrefix(class, "manager") || class == "none" {
			continue
		}
		found = append(found, session{leader: field[uint32](props, "Leader"), Session: facts.Session{
			ID: entry.ID, UID: entry.UID, User: entry.User, Seat: entry.Seat,
			Class: field[string](props, "Class"), Type: field[string](props, "Type"), State: field[string](props, "State"),
			Remote: field[bool](props, "Remote"), Idle: field[bool](props, "IdleHint"), IdleSince: realtime(props, "IdleSinceHint"),
			Locked: field[bool](props, "LockedHint"), Scope: field[string](props, "Scope"),
		}})
	}
	slices.SortFunc(found, func(a, b session) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// realtime reads a time in microseconds; 0 is never.
func realtime(b bag, name string) time.Time {
	us := field[uint64](b, name)
	if us == 0 || us > math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us))
}

func (l Logind) properties(ctx context.Context, path dbus.ObjectPath) (bag, error) {
	var props bag
	return props, l.call(ctx, path, properties+".GetAll", sessionIface).Store(&props)
}

// gone tells whether the error says that there is no such session.
func gone(err error) bool {
	var e dbus.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Name == "org.freedesktop.login1.NoSuchSession" || e.Name == "org.freedesktop.DBus.Error.UnknownObject"
}

// Facts lists the sessions for guards and readers.
func (l Logind) Facts(ctx context.Context) facts.Sessions {
	all, err := l.sessions(ctx)
	if err != nil {
		return facts.Sessions{Part: facts.Part{Unknown: err.Error()}}
	}
	var list facts.Sessions
	for _, s := range all {
		list.List = append(list.List, s.Session)
	}
	return list
}

// Graphical lists users' desktops and login screens. A session that is closing
// has ended already: what keeps it are programs that were left running.
func (l Logind) Graphical(ctx context.Context) ([]fsm.Session, error) {
	return l.some(ctx, func(s session) bool {
		greeter := s.Class == "greeter" && slices.Contains([]string{"x11", "wayland", "mir"}, s.Type)
		return (s.Graphical() || greeter) && s.State != "closing"
	})
}

// OtherSessions lists the user's sessions but for those in except.
func (l Logind) OtherSessions(ctx context.Context, uid uint32, except []string) ([]fsm.Session, error) {
	return l.some(ctx, func(s session) bool {
		return s.UID == uid && s.State != "closing" && !slices.Contains(except, s.ID)
	})
}

func (l Logind) some(ctx context.Context, match func(session) bool) ([]fsm.Session, error) {
	all, err := l.sessions(ctx)
	if err != nil {
		return nil, err
	}
	var found []fsm.Session
	for _, s := range all {
		if match(s) {
			found = append(found, s.plain())
		}
	}
	return found, nil
}

// SessionState is online, active or closing, or "gone". One that ends is asked
// for often, so the question is a small one.
func (l Logind) SessionState(ctx context.Context, id string) (string, error) {
	var state string
	err := l.call(ctx, sessionPath(id), properties+".Get", sessionIface, "State").Store(&state)
	if gone(err) {
		return "gone", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot read session %s: %w", id, err)
	}
	return state, nil
}

// sessionPath is where logind has the session.
func sessionPath(id string) dbus.ObjectPath {
	return loginPath + "/session/" + dbus.ObjectPath(systemd.PathBusEscape(id))
}

// Leader is the process that the session began with, 0 when it is gone.
func (l Logind) Leader(ctx context.Context, id string) (uint32, error) {
	props, err := l.byID(ctx, id)
	if err != nil && !gone(err) {
		return 0, fmt.Errorf("cannot read session %s: %w", id, err)
	}
	return field[uint32](props, "Leader"), nil
}

func (l Logind) byID(ctx context.Context, id string) (bag, error) {
	var path dbus.ObjectPath
	if err := l.call(ctx, loginPath, loginIface+".GetSession", id).Store(&path); err != nil {
		return nil, err
	}
	return l.properties(ctx, path)
}

// Terminate asks the session to end. One that is gone has.
func (l Logind) Terminate(ctx context.Context, id string) error {
	err := l.call(ctx, loginPath, loginIface+".TerminateSession", id).Err
	if err != nil && !gone(err) {
		return fmt.Errorf("cannot terminate session %s: %w", id, err)
	}
	return nil
}

// Kill sends SIGKILL to everything in the session.
func (l Logind) Kill(ctx context.Context, id string) error {
	const sigkill = int32(9)
	err := l.call(ctx, loginPath, loginIface+".KillSession", id, "all", sigkill).Err
	if err != nil && !gone(err) {
		return fmt.Errorf("cannot kill session %s: %w", id, err)
	}
	return nil
}

// ShuttingDown tells whether logind has announced a shutdown.
func (l Logind) ShuttingDown(ctx context.Context) (bool, error) {
	var v dbus.Variant
	err := l.call(ctx, loginPath, properties+".Get", loginIface, "PreparingForShutdown").Store(&v)
	if err != nil {
		return false, fmt.Errorf("cannot ask logind for a shutdown: %w", err)
	}
	down, _ := v.Value().(bool)
	return down, nil
}
