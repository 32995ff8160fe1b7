package host_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/internal/server/frame"
)

const session3 = dbus.ObjectPath("/org/freedesktop/login1/session/_33")

// sessionSignals are all that we read of logind's, with whether they tell of
// sessions.
var sessionSignals = []struct {
	path     dbus.ObjectPath
	name     string
	body     []any
	sessions bool
}{
	{session3, "org.freedesktop.DBus.Properties.PropertiesChanged", []any{"org.freedesktop.login1.Session",
		map[string]dbus.Variant{"IdleHint": dbus.MakeVariant(true)}, []string{}}, true},
	{"/org/freedesktop/login1", "org.freedesktop.login1.Manager.SessionNew", []any{"3", session3}, true},
	{"/org/freedesktop/login1", "org.freedesktop.login1.Manager.SessionRemoved", []any{"3", session3}, true},
	{"/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", []any{false}, false},
}

// listener hears logind on a bus and counts.
type listener struct {
	changed, resumed atomic.Int64
	conn             *dbus.Conn
	guard            *frame.Guard
}

func listen(t *testing.T, bus *bustest.Bus) *listener {
	t.Helper()
	l := &listener{}
	news := host.NewSessionNews(func() { l.changed.Add(1) }, func() { l.resumed.Add(1) })
	var err error
	if l.conn, l.guard, err = frame.Dial(t.Context(), bus.Address, frame.Limits{}, nil, dbus.WithSignalHandler(news)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.conn.Close() })
	if err := news.Listen(t.Context(), l.conn, l.guard); err != nil {
		t.Fatal(err)
	}
	return l
}

// caughtUp returns when the connection has read all that was sent to it before.
func (l *listener) caughtUp(t *testing.T, from *dbus.Conn) {
	t.Helper()
	for _, conn := range []*dbus.Conn{from, l.conn} {
		if err := conn.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil {
			t.Fatal(err)
		}
	}
}

// own takes logind's name.
func own(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	if reply, err := conn.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("cannot be logind: %v, %v", reply, err)
	}
}

func TestLogindsSignalsAreToldOn(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t, bustest.WithName("org.freedesktop.login1"))
	l := listen(t, bus)
	for life := range 2 { // it is restarted, and still heard
		logind := bus.Connect(t)
		own(t, logind)
		l.caughtUp(t, logind)
		changed, resumed := l.changed.Load(), l.resumed.Load()
		if life == 0 && changed != 1 {
			t.Errorf("a new logind was told %d times", changed)
		}
		for _, s := range sessionSignals {
			if err := logind.Emit(s.path, s.name, s.body...); err != nil {
				t.Fatal(err)
			}
		}
		for path, name := range map[dbus.ObjectPath]string{
			"/org/freedesktop/login1/user/_1000": "org.freedesktop.DBus.Properties.PropertiesChanged",
			"/org/freedesktop/login1":            "org.freedesktop.login1.Manager.UserNew",
		} {
			if err := logind.Emit(path, name, "x", map[string]dbus.Variant{}, []string{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := logind.Emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", true); err != nil {
			t.Fatal(err)
		}
		l.caughtUp(t, logind)
		if c, r := l.changed.Load()-changed, l.resumed.Load()-resumed; c != 3 || r != 1 {
			t.Errorf("life %d: told %d changes and %d resumes, want 3 and 1", life, c, r)
		}
		if err := logind.Close(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for owned := true; owned && time.Now().Before(deadline); {
			if err := l.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.login1").Store(&owned); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNobodyElsesSignalsAreBelieved(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t, bustest.WithName("org.freedesktop.login1"))
	logind := bus.Connect(t)
	own(t, logind)
	l := listen(t, bus)
	forger := bus.Connect(t)
	unique := l.conn.Names()[0]
	sent := 0
	for _, s := range sessionSignals {
		for _, body := range [][]any{s.body, {uint32(7)}, {}} {
			for range 250 {
				msg := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
					dbus.FieldPath:      dbus.MakeVariant(s.path),
					dbus.FieldInterface: dbus.MakeVariant(s.name[:lastDot(s.name)]),
					dbus.FieldMember:    dbus.MakeVariant(s.name[lastDot(s.name)+1:]),
				}, Body: body}
				if len(body) > 0 {
					msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
				}
				if sent%2 == 0 { // to us alone, past all match rules
					msg.Headers[dbus.FieldDestination] = dbus.MakeVariant(unique)
				}
				if err := forger.Send(msg, nil).Err; err != nil {
					t.Fatal(err)
				}
				sent++
			}
		}
	}
	l.caughtUp(t, forger)
	if c, r := l.changed.Load(), l.resumed.Load(); c != 0 || r != 0 {
		t.Errorf("of %d forgeries %d and %d were believed", sent, c, r)
	}
	if got := l.guard.Counters().Signals; got < uint64(sent/2) {
		t.Errorf("the guard dropped %d of %d", got, sent)
	}
}

func lastDot(name string) int {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return i
		}
	}
	return -1
}
