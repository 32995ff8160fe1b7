package host_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
)

// keeper is a logind that gives out locks and sees them end.
type keeper struct {
	conn *dbus.Conn
	mu   sync.Mutex
	// held are the reasons of the locks that are held; refuse gives none, and old
	// has never heard of weak ones.
	held   []string
	refuse bool
	old    bool
}

// Inhibit gives the end of a pipe.
func (k *keeper) inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse {
		return 0, dbus.MakeFailedError(fmt.Errorf("no"))
	}
	if k.old && mode == "block-weak" {
		return 0, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"Invalid mode specification block-weak"})
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	name := strings.Join([]string{what, who, why, mode}, " ")
	k.held = append(k.held, name)
	dup, err := syscall.Dup(int(w.Fd()))
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	_ = w.Close()
	go func() {
		_, _ = r.Read(make([]byte, 1)) // until the last writer has closed it
		_ = r.Close()
		k.mu.Lock()
		defer k.mu.Unlock()
		for i, h := range k.held {
			if h == name {
				k.held = append(k.held[:i], k.held[i+1:]...)
				break
			}
		}
	}()
	return dbus.UnixFD(dup), nil
}

// closed closes our copies of the descriptors of a reply that is out.
func closed(reply *dbus.Message) {
	for _, v := range reply.Body {
		if fd, ok := v.(dbus.UnixFD); ok {
			_ = syscall.Close(int(fd))
		}
	}
}

func (k *keeper) locks() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.held, ", ")
}

// open is a logind on the bus.
func open(t *testing.T, bus *bustest.Bus) *keeper {
	t.Helper()
	conn, err := dbus.Dial(bus.Address, manager1test.AfterReplies(closed)...)
	if err == nil {
		err = conn.Auth(nil)
	}
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{conn: conn}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.ExportMethodTable(map[string]any{"Inhibit": k.inhibit}, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheLockAgainstShutdown(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t, bustest.WithName("org.freedesktop.login1"))
	first := open(t, bus)
	s := host.NewSleepless(bus.Address, func(event string, err error) { t.Log(event, err) })
	listener := bus.Connect(t, dbus.WithSignalHandler(s))
	if err := listener.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, "org.freedesktop.login1")); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	holds := func(k *keeper, want string) {
		t.Helper()
		eventually(t, "logind's locks are "+want, func() bool { return k.locks() == want })
	}
	const toCompute, back = "shutdown:sleep moded desktop to compute block-weak", "shutdown:sleep moded undoing block-weak"
	s.Hold("desktop to compute")
	s.Hold("desktop to compute") // twice is once
	holds(first, toCompute)
	s.Hold("undoing")
	holds(first, back)
	s.Release()
	holds(first, "")

	s.Hold("desktop to compute")
	holds(first, toCompute)
	_ = first.conn.Close() // it is restarted
	second := open(t, bus)
	holds(second, toCompute)
	holds(first, "")

	s.Release()
	holds(second, "")
	second.mu.Lock()
	second.refuse = true
	second.mu.Unlock()
	s.Hold("desktop to compute") // it gives none, and is asked again
	second.mu.Lock()
	second.refuse = false
	second.mu.Unlock()
	holds(second, toCompute)
	s.Release()
	holds(second, "")
	second.mu.Lock()
	second.old = true
	second.mu.Unlock()
	s.Hold("desktop to compute") // before 257
	holds(second, "shutdown:sleep moded desktop to compute block")
	stop()
	<-ended
	holds(second, "")
}

func TestOnlyTheBusTellsOfANewLogind(t *testing.T) {
	t.Parallel()
	const changed = "org.freedesktop.DBus.NameOwnerChanged"
	for name, c := range map[string]struct {
		signal *dbus.Signal
		want   bool
	}{
		"a new one":      {&dbus.Signal{Sender: "org.freedesktop.DBus", Name: changed, Body: []any{"org.freedesktop.login1", "", ":1.9"}}, true},
		"one that went":  {&dbus.Signal{Sender: "org.freedesktop.DBus", Name: changed, Body: []any{"org.freedesktop.login1", ":1.9", ""}}, false},
		"another name":   {&dbus.Signal{Sender: "org.freedesktop.DBus", Name: changed, Body: []any{"org.example", "", ":1.9"}}, false},
		"a forged one":   {&dbus.Signal{Sender: ":1.66", Name: changed, Body: []any{"org.freedesktop.login1", "", ":1.9"}}, false},
		"of wrong types": {&dbus.Signal{Sender: "org.freedesktop.DBus", Name: changed, Body: []any{uint32(7)}}, false},
	} {
		if got := host.IsNewOwner(c.signal); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
