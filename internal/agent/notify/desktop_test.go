package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/notify"
	"github.com/modectl/moded/internal/bustest"
)

const (
	service = "org.freedesktop.Notifications"
	path    = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// shell is a notification service.
type shell struct {
	capabilities []string
	shown        chan string
}

func (s *shell) GetCapabilities() ([]string, *dbus.Error) { return s.capabilities, nil }

func (s *shell) Notify(app string, replaces uint32, _, summary, body string, actions []string, hints manager1.Dict, expiry int32) (uint32, *dbus.Error) {
	s.shown <- fmt.Sprintf("%s %d %q %q %v urgency=%v expiry=%d", app, replaces, summary, body, actions, hints["urgency"].Value(), expiry)
	return 42, nil
}

func (s *shell) CloseNotification(number uint32) *dbus.Error {
	s.shown <- fmt.Sprintf("close %d", number)
	return nil
}

// session is a bus with a SessionBus on it.
func session(t *testing.T) (*bustest.Bus, *notify.SessionBus) {
	t.Helper()
	bus := bustest.Start(t, bustest.WithName(service))
	s, err := notify.NewSessionBus(t.Context(), bus.Connect(t), func(context.Context) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return bus, s
}

func serve(t *testing.T, bus *bustest.Bus, capabilities ...string) (*shell, *dbus.Conn) {
	t.Helper()
	s, conn := &shell{capabilities: capabilities, shown: make(chan string, 8)}, bus.Connect(t)
	if err := conn.Export(s, path, service); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(service, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return s, conn
}

func TestNobodyIsToldWhereNobodyIs(t *testing.T) {
	t.Parallel()
	_, s := session(t)
	if _, err := s.Show(t.Context(), manager1.Notification{}, 0); !errors.Is(err, notify.ErrNobody) {
		t.Errorf("%v", err)
	}
}

func TestANotificationAsTheServiceGetsIt(t *testing.T) {
	t.Parallel()
	grace := manager1.Notification{ID: 5, Kind: "grace", Summary: "To compute", Body: "a <b>", Urgency: "critical"}
	for name, c := range map[string]struct {
		can  []string
		n    manager1.Notification
		want string
	}{
		"with all it can": {[]string{"actions", "body-markup"}, grace,
			`moded 7 "To compute" "a &lt;b&gt;" [proceed Now cancel Cancel] urgency=2 expiry=0`},
		"with nothing": {nil, grace, `moded 7 "To compute" "a <b>" [] urgency=2 expiry=0`},
		"news":         {[]string{"actions"}, manager1.Notification{Kind: "settled", Summary: "x"}, `moded 7 "x" "" [] urgency=1 expiry=-1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bus, s := session(t)
			fake, _ := serve(t, bus, c.can...)
			number, err := s.Show(t.Context(), c.n, 7)
			if err != nil || number != 42 {
				t.Fatalf("%d, %v", number, err)
			}
			if got := <-fake.shown; got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if err := s.Close(t.Context(), 42); err != nil || <-fake.shown != "close 42" {
				t.Errorf("not closed: %v", err)
			}
		})
	}
}

func TestButtonsOfTheServiceAndOfNobodyElse(t *testing.T) {
	t.Parallel()
	bus, s := session(t)
	_, conn := serve(t, bus)
	forger := bus.Connect(t)
	if err := forger.Emit(path, service+".ActionInvoked", uint32(42), "proceed"); err != nil {
		t.Fatal(err)
	}
	if err := forger.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil { // it has been through the bus
		t.Fatal(err)
	}
	if err := conn.Emit(path, service+".ActionInvoked", uint32(42), "cancel"); err != nil {
		t.Fatal(err)
	}
	select {
	case p := <-s.Pressed():
		if p != (notify.Press{Number: 42, Key: "cancel"}) {
			t.Errorf("pressed %+v", p)
		}
	case <-time.After(2 * time.Minute):
		t.Error("nothing was pressed")
	}
}

func TestTerminalsHearNewsIfTheyLikeAndWarningsAnyhow(t *testing.T) {
	t.Parallel()
	allows, allowsName := terminal(t, 0o620)
	refuses, refusesName := terminal(t, 0o600)
	all := notify.Terminals{Patterns: []string{allowsName, refusesName, "/dev/null", t.TempDir()}}
	all.Write("news", false)
	all.Write("beware", true)
	for name, c := range map[string]struct {
		master *os.File
		want   string
	}{allowsName: {allows, "newsbeware."}, refusesName: {refuses, "beware."}} {
		end, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOCTTY, 0) // #nosec G304 -- the test's terminal
		if err != nil {
			t.Fatal(err)
		}
		_, err = end.WriteString(".")
		got := make([]byte, len(c.want))
		if _, rerr := io.ReadFull(c.master, got); err != nil || rerr != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, %v; want %q", name, got, err, rerr, c.want)
		}
		_ = end.Close()
	}
}

// terminal is a pseudo terminal of that mode: its master and the name.
func terminal(t *testing.T, mode os.FileMode) (*os.File, string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = slave.Close()
		_ = master.Close()
	})
	if err := slave.Chmod(mode); err != nil {
		t.Fatal(err)
	}
	return master, slave.Name()
}
