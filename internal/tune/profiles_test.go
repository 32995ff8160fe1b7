package tune_test

import (
	"context"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/tune"
)

// ppd is what we need of power-profiles-daemon.
type ppd struct{ held chan [3]string }

func (p ppd) HoldProfile(profile, reason, app string) (uint32, *dbus.Error) {
	p.held <- [3]string{profile, reason, app}
	return 7, nil
}

func TestThePerformanceProfileIsHeldWhereADaemonOwnsIt(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]dbus.ObjectPath{
		"net.hadess.PowerProfiles":             "/net/hadess/PowerProfiles",
		"org.freedesktop.UPower.PowerProfiles": "/org/freedesktop/UPower/PowerProfiles",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bus := bustest.Start(t, bustest.WithName(name))
			us := tune.PowerProfiles{Conn: bus.Connect(t)}
			if held, err := us.Hold(t.Context()); held || err != nil {
				t.Fatalf("where nobody is: %v, %v", held, err)
			}
			p, conn := ppd{make(chan [3]string, 1)}, bus.Connect(t)
			if err := conn.Export(p, path, name); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
				t.Fatal(err)
			}
			if held, err := us.Hold(t.Context()); !held || err != nil {
				t.Fatalf("where it is: %v, %v", held, err)
			}
			if got := <-p.held; got != [3]string{"performance", "low-latency audio", "org.modectl.moded"} {
				t.Errorf("it was asked for %q", got)
			}
		})
	}
}

func TestAProfileIsHeldAgainWhenItsDaemonComesBack(t *testing.T) {
	t.Parallel()
	const name, path = "net.hadess.PowerProfiles", dbus.ObjectPath("/net/hadess/PowerProfiles")
	bus := bustest.Start(t, bustest.WithName(name))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	us := bus.Connect(t)
	go func() {
		ended <- tune.PowerProfiles{Conn: us}.Keep(ctx, func(err error) { t.Log(err) }) // the daemon may leave before it has answered
	}()
	p := ppd{make(chan [3]string, 1)}
	for range 2 { // one that comes late, and one that was started anew
		conn := bus.Connect(t)
		if err := conn.Export(p, path, name); err != nil {
			t.Fatal(err)
		}
		awaitHeld(t, p, conn, name)
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitHeld lets the daemon come until somebody has heard of it: nobody tells
// when a watch has begun.
func awaitHeld(t *testing.T, p ppd, conn *dbus.Conn, name string) {
	t.Helper()
	for {
		if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.held:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := conn.ReleaseName(name); err != nil {
			t.Fatal(err)
		}
	}
}
