package host

import (
	"context"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Kept are units that PID 1 keeps in its memory for us. It forgets a unit that is
// at rest as soon as it has answered, and reads its files anew for each question;
// a plan has dozens of them. A reference is PID 1's own means against that. It
// belongs to a connection to the system bus and ends with it.
type Kept struct {
	conn *dbus.Conn

	mu    sync.Mutex
	units []string // that PID 1 has agreed to keep
}

// NewKept keeps nothing yet. The connection stays the caller's.
func NewKept(conn *dbus.Conn) *Kept { return &Kept{conn: conn} }

// Keep has PID 1 keep these units, in place of those before. One that it does not
// keep is only slower to look at, so there is nobody to be told.
func (k *Kept) Keep(ctx context.Context, units []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.units = slices.DeleteFunc(k.units, func(unit string) bool {
		return !slices.Contains(units, unit) && k.call(ctx, "UnrefUnit", unit)
	})
	for _, unit := range units {
		if !slices.Contains(k.units, unit) && k.call(ctx, "RefUnit", unit) {
			k.units = append(k.units, unit)
		}
	}
}

func (k *Kept) call(ctx context.Context, method, unit string) bool {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return k.conn.Object(managerName, managerPath).CallWithContext(ctx, managerIface+"."+method, 0, unit).Err == nil
}
