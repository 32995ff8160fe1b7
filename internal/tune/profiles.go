package tune

import (
	"context"
	"fmt"

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
