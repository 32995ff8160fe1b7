package tune

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// PowerProfiles is power-profiles-daemon, or what speaks its language (tuned-ppd
// does), on the system bus. The hold lasts as long as the connection, which is
// the process's.
type PowerProfiles struct{ Conn *dbus.Conn }

// faces are the names of the daemon: the newer first (0.20 and later have both).
var faces = []struct {
	name string
	path dbus.ObjectPath
}{
	{"org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"},
	{"net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"},
}

// Hold implements Profiles. A daemon that does not run is not started: it does
// not own the governors then.
func (p PowerProfiles) Hold(ctx context.Context) (bool, error) {
	for _, f := range faces {
		var runs bool
		if err := p.Conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, f.name).Store(&runs); err != nil {
			return false, fmt.Errorf("cannot ask for %s: %w", f.name, err)
		}
		if !runs {
			continue
		}
		var cookie uint32
		call := p.Conn.Object(f.name, f.path).CallWithContext(ctx, f.name+".HoldProfile", dbus.FlagNoAutoStart,
			"performance", "low-latency audio", "org.modectl.moded")
		if err := call.Store(&cookie); err != nil {
			return false, fmt.Errorf("%s: %w", f.name, err)
		}
		return true, nil
	}
	return false, nil
}

const askAgain = 25 * time.Second

// Keep holds again whenever such a daemon comes: one that was started anew has
// forgotten the hold, and one that comes late would turn the governors its own
// way. A profile that a person chooses instead stays theirs. It returns when ctx
// ends or the bus is lost; note hears of holds that failed.
func (p PowerProfiles) Keep(ctx context.Context, note func(error)) error {
	signals := make(chan *dbus.Signal, 8)
	p.Conn.Signal(signals)
	defer p.Conn.RemoveSignal(signals)
	for _, f := range faces {
		if err := p.Conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, f.name)); err != nil {
			return fmt.Errorf("cannot watch for %s: %w", f.name, err)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.Conn.Context().Done():
			return errors.New("the bus is gone")
		case s := <-signals:
			if !arrived(s) {
				continue
			}
			if err := p.again(ctx); err != nil && ctx.Err() == nil {
				note(err)
			}
		}
	}
}

// again is Hold for one that has just come, and may not answer yet.
func (p PowerProfiles) again(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	_, err := p.Hold(ctx)
	return err
}

// arrived tells whether one of the faces has got an owner.
func arrived(s *dbus.Signal) bool {
	var name, from, to string
	if s == nil || s.Name != "org.freedesktop.DBus.NameOwnerChanged" || dbus.Store(s.Body, &name, &from, &to) != nil || to == "" {
		return false
	}
	for _, f := range faces {
		if f.name == name {
			return true
		}
	}
	return false
}
