package host

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// reconnect is how long to wait before the manager is tried again.
const reconnect = time.Second

// maxNews is how many signals may wait; more wait in godbus.
const maxNews = 256

// UnitNews hears from a manager which units have changed, on the Manager's own
// connection to the private socket: nobody but the manager speaks there, and it
// tells of every unit without being asked.
type UnitNews struct {
	manager *Manager
	changed func(unit string)

	mu    sync.Mutex
	units []string
	paths map[dbus.ObjectPath]string
	// said is what the manager said last of each: it also tells of units whose
	// state is the same, such as a slice in which something was started.
	said  map[dbus.ObjectPath]string
	again chan struct{} // has one element when units are to be resolved
}

// NewUnitNews tells changed of units of the manager, by the name under which
// they are followed; of "" when anything may have changed. changed must not
// block. A Manager has one at most, from before it connects.
func NewUnitNews(m *Manager, changed func(unit string)) *UnitNews {
	n := &UnitNews{manager: m, changed: changed, again: make(chan struct{}, 1)}
	m.news.Store(n)
	return n
}

// Follow says of which units to tell, in place of those before. It does not
// block.
func (n *UnitNews) Follow(units []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Equal(units, n.units) {
		return
	}
	n.units, n.paths, n.said = slices.Clone(units), map[dbus.ObjectPath]string{}, map[dbus.ObjectPath]string{}
	for _, unit := range units {
		n.paths[unitPath(unit)] = unit
	}
	n.resolve()
}

func (n *UnitNews) resolve() {
	select {
	case n.again <- struct{}{}:
	default:
	}
}

// Run listens until ctx ends. A manager that executes itself anew is found
// again, and everything may have changed meanwhile.
func (n *UnitNews) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if l, err := n.manager.connect(ctx); err == nil {
			n.listen(ctx, l.raw)
			n.mu.Lock()
			clear(n.said)
			n.mu.Unlock()
			n.changed("")
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnect):
		}
	}
}

// heard tells whether a signal is about a unit that is followed, or about all of
// them. It may take one for another, as of a unit whose name begins alike; what
// is delivered is looked at anyway.
func (n *UnitNews) heard(header []byte) bool {
	if bytes.Contains(header, []byte("Reloading")) {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for path := range n.paths {
		if bytes.Contains(header, []byte(path)) {
			return true
		}
	}
	return false
}

func (n *UnitNews) listen(ctx context.Context, conn *dbus.Conn) {
	signals := make(chan *dbus.Signal, maxNews)
	conn.Signal(signals)
	defer conn.RemoveSignal(signals)
	n.resolve()
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return // with the connection
			}
			n.take(s)
		case <-n.again:
			n.aliases(ctx)
		case <-conn.Context().Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// aliases asks for the names under which the manager tells of the units: a
// display-manager.service is told of as what it stands for.
func (n *UnitNews) aliases(ctx context.Context) {
	n.mu.Lock()
	units := slices.Clone(n.units)
	n.mu.Unlock()
	for _, unit := range units {
		props, err := n.manager.some(ctx, unitPath(unit), unitIface, "Id")
		if err != nil {
			continue // it is not there, and has no other name
		}
		n.mu.Lock()
		if id := field[string](props, "Id"); id != "" && slices.Equal(n.units, units) {
			n.paths[unitPath(id)] = unit
		}
		n.mu.Unlock()
	}
}

func (n *UnitNews) take(s *dbus.Signal) {
	switch {
	case s.Name == properties+"."+propertiesChanged:
		if unit, news := n.another(s); news {
			n.changed(unit)
		}
	case s.Name == managerIface+".Reloading" && !first[bool](s.Body): // other files, other names
		n.resolve()
		n.changed("")
	}
}

// another names the unit that the signal is about, and tells whether its state,
// or its words if it is the pressure unit's, are not what they were.
func (n *UnitNews) another(s *dbus.Signal) (unit string, news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	unit, followed := n.paths[s.Path]
	if !followed || len(s.Body) < 2 {
		return "", false
	}
	props, _ := s.Body[1].(map[string]dbus.Variant)
	switch iface := first[string](s.Body); {
	case iface == unitIface:
		state := field[string](props, "LoadState") + " " + field[string](props, "ActiveState") + " " + field[string](props, "SubState")
		was, known := n.said[s.Path]
		n.said[s.Path] = state
		return unit, !known || was != state
	case iface == serviceIface && unit == PressureUnit:
		return unit, true
	}
	return "", false
}
