package host_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
)

// logind is a fake with the sessions of one machine. A session of class stale
// is in the list and gone when it is looked at.
type logind struct {
	mu       sync.Mutex
	sessions map[string]map[string]dbus.Variant
	locks    []lock
	calls    []string
}

// lock is one of logind's inhibitors.
type lock struct {
	What, Who, Why, Mode string
	UID, PID             uint32
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sessionObject is where logind has a session: what begins with a digit is
// escaped.
func sessionObject(id string) dbus.ObjectPath {
	return "/org/freedesktop/login1/session/" + dbus.ObjectPath(systemd.PathBusEscape(id))
}

var errNoObject = dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", []any{"Unknown object"})

func (l *logind) add(conn *dbus.Conn, id string, uid uint32, user, class, kind, state string) error {
	path := sessionObject(id)
	l.sessions[id] = map[string]dbus.Variant{
		"Class": dbus.MakeVariant(class), "Type": dbus.MakeVariant(kind), "State": dbus.MakeVariant(state),
		"Scope": dbus.MakeVariant("session-" + id + ".scope"), "Leader": dbus.MakeVariant(uint32(100) + uid),
		"Remote": dbus.MakeVariant(kind == "tty"), "IdleHint": dbus.MakeVariant(kind == "tty"),
		"uid": dbus.MakeVariant(uid), "user": dbus.MakeVariant(user),
	}
	if kind == "tty" {
		l.sessions[id]["IdleSinceHint"] = dbus.MakeVariant(uint64(noon.UnixMicro()))
	}
	return conn.ExportMethodTable(map[string]any{
		"GetAll": func(string) (map[string]dbus.Variant, *dbus.Error) {
			if class == "stale" {
				return nil, errNoObject
			}
			return l.sessions[id], nil
		},
		"Get": func(_, name string) (dbus.Variant, *dbus.Error) {
			if class == "stale" {
				return dbus.Variant{}, errNoObject
			}
			return l.sessions[id][name], nil
		},
	}, path, "org.freedesktop.DBus.Properties")
}

type entry struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func (l *logind) list() ([]entry, *dbus.Error) {
	var list []entry
	for id, s := range l.sessions {
		uid, _ := s["uid"].Value().(uint32)
		user, _ := s["user"].Value().(string)
		list = append(list, entry{id, uid, user, "seat0", sessionObject(id)})
	}
	return list, nil
}

func (l *logind) find(id string) (dbus.ObjectPath, *dbus.Error) {
	if _, ok := l.sessions[id]; !ok {
		return "", dbus.NewError("org.freedesktop.login1.NoSuchSession", []any{"No session '" + id + "' known"})
	}
	return sessionObject(id), nil
}

func (l *logind) note(call, id string) *dbus.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.find(id); err != nil {
		return err
	}
	l.calls = append(l.calls, call+" "+id)
	return nil
}

func fakeLogind(t *testing.T) (*logind, host.Logind) {
	t.Helper()
	bus := bustest.Start(t, bustest.WithName("org.freedesktop.login1"))
	server := bus.Connect(t)
	l := &logind{sessions: map[string]map[string]dbus.Variant{}}
	for _, s := range []struct {
		id          string
		uid         uint32
		user        string
		class, kind string
		state       string
	}{
		{"3", 1000, "dev", "user", "wayland", "active"},
		{"4", 1000, "dev", "manager", "unspecified", "active"},
		{"5", 1000, "dev", "user", "tty", "online"},
		{"6", 1001, "eve", "user-early", "x11", "online"},
		{"7", 1001, "eve", "user", "wayland", "closing"},
		{"c1", 120, "gdm", "greeter", "wayland", "online"},
		{"c2", 120, "gdm", "manager-early", "unspecified", "active"},
		{"8", 1002, "old", "stale", "wayland", "active"},
	} {
		if err := l.add(server, s.id, s.uid, s.user, s.class, s.kind, s.state); err != nil {
			t.Fatal(err)
		}
	}
	err := server.ExportMethodTable(map[string]any{
		"ListSessions":     l.list,
		"ListInhibitors":   func() ([]lock, *dbus.Error) { return l.locks, nil },
		"GetSession":       l.find,
		"TerminateSession": func(id string) *dbus.Error { return l.note("terminate", id) },
		"KillSession": func(id, who string, signal int32) *dbus.Error {
			if who != "all" || signal != 9 {
				return dbus.MakeFailedError(dbus.ErrMsgInvalidArg)
			}
			return l.note("kill", id)
		},
	}, "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return l, host.NewLogind(bus.Connect(t))
}

func TestGraphicalSessionsAreDesktopsAndLoginScreens(t *testing.T) {
	t.Parallel()
	_, client := fakeLogind(t)
	sessions, err := client.Graphical(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sessions {
		got = append(got, s.ID+" "+s.User+" "+s.Class+" "+s.Type+" "+s.Scope)
	}
	want := []string{
		"3 dev user wayland session-3.scope", "6 eve user-early x11 session-6.scope", "c1 gdm greeter wayland session-c1.scope",
	}
	if !slices.Equal(got, want) {
		t.Errorf("graphical sessions are %q, want %q", got, want)
	}
}

func TestOtherSessionsDoNotCountTheUsersManager(t *testing.T) {
	t.Parallel()
	_, client := fakeLogind(t)
	sessions, err := client.OtherSessions(t.Context(), 1000, []string{"3"})
	if err != nil || len(sessions) != 1 || sessions[0].ID != "5" {
		t.Errorf("other sessions are %v, %v", sessions, err)
	}
	all := client.Facts(t.Context())
	if !all.Known() || len(all.List) != 5 || !all.List[2].Graphical() || !all.List[1].Remote {
		t.Errorf("facts are %+v", all)
	}
	if desktop, tty := all.List[0], all.List[1]; desktop.Idle || !desktop.IdleSince.IsZero() || !tty.Idle || !tty.IdleSince.Equal(noon) {
		t.Errorf("idle: %+v", all.List)
	}
}

func TestSessionsAreEndedAndGoneOnesAreEndedAlready(t *testing.T) {
	t.Parallel()
	fake, client := fakeLogind(t)
	for _, id := range []string{"3", "99"} {
		if err := client.Terminate(t.Context(), id); err != nil {
			t.Error(err)
		}
		if err := client.Kill(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"terminate 3", "kill 3"}; !slices.Equal(fake.calls, want) {
		t.Errorf("calls were %q", fake.calls)
	}
	for id, want := range map[string]string{"7": "closing", "8": "gone"} {
		if got, err := client.SessionState(t.Context(), id); got != want || err != nil {
			t.Errorf("session %s is %q, %v, want %q", id, got, err, want)
		}
	}
	if leader, err := client.Leader(t.Context(), "3"); leader != 1100 || err != nil {
		t.Errorf("leader is %d, %v", leader, err)
	}
}

func TestWithoutLogindSessionsAreUnknownNotNone(t *testing.T) {
	t.Parallel()
	client := host.NewLogind(bustest.Start(t).Connect(t))
	if _, err := client.Graphical(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, err := client.SessionState(t.Context(), "3"); err == nil {
		t.Error("a session that cannot be asked for is not gone")
	}
	if client.Facts(t.Context()).Known() {
		t.Error("facts are known")
	}
}
