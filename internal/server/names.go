package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// names is the connection's signal handler: it tells who leaves the bus. The
// frame guard lets only the bus's own signals come here.
type names struct {
	conn *dbus.Conn

	mu      sync.Mutex
	watched map[string][]chan struct{}
}

func newNames() *names { return &names{watched: map[string][]chan struct{}{}} }

// use says on which connection; before that nothing can be watched.
func (n *names) use(conn *dbus.Conn) { n.conn = conn }

// DeliverSignal is called by godbus, in order, from its reader; it must not
// block.
func (n *names) DeliverSignal(_, member string, signal *dbus.Signal) {
	if signal.Sender != "org.freedesktop.DBus" || member != "NameOwnerChanged" || len(signal.Body) != 3 {
		return
	}
	name, ok1 := signal.Body[0].(string)
	now, ok2 := signal.Body[2].(string)
	if ok1 && ok2 && now == "" {
		n.leave(name)
	}
}

func (n *names) leave(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, gone := range n.watched[name] {
		close(gone)
	}
	delete(n.watched, name)
}

// Watch implements polkit.Watcher.
func (n *names) Watch(ctx context.Context, unique string) (<-chan struct{}, func(), error) {
	gone := make(chan struct{})
	n.mu.Lock()
	n.watched[unique] = append(n.watched[unique], gone)
	n.mu.Unlock()
	stop := func() { n.forget(unique, gone) }
	if err := n.conn.AddMatchSignalContext(ctx, ownerChanged(unique)...); err != nil {
		stop()
		return nil, nil, fmt.Errorf("cannot watch %s: %w", unique, err)
	}
	var there bool
	err := n.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, unique).Store(&there)
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("cannot watch %s: %w", unique, err)
	}
	if !there {
		n.leave(unique)
	}
	return gone, stop, nil
}

func ownerChanged(name string) []dbus.MatchOption {
	return []dbus.MatchOption{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)}
}

// forget ends a watch and takes its match rule back.
func (n *names) forget(unique string, gone chan struct{}) {
	n.mu.Lock()
	list := n.watched[unique]
	for i := range list {
		if list[i] == gone {
			n.watched[unique] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(n.watched[unique]) == 0 {
		delete(n.watched, unique)
	}
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// The bus forgets a rule that was never made with an error; that is fine.
	_ = n.conn.RemoveMatchSignalContext(ctx, ownerChanged(unique)...)
}
