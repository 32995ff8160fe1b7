package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Follower lets signals of a name's owner pass; *frame.Guard is one.
type Follower interface{ Follow(name, owner string) }

// SessionNews hears logind's signals: it is the signal handler of a guarded
// connection. The guard lets nobody's signals pass but those of the bus and of
// logind's present owner; what they say is not believed either: they are only
// told on, for somebody to look.
type SessionNews struct{ changed, resumed func() }

// NewSessionNews calls changed when sessions may have changed, and resumed when
// the machine woke up. They must not block.
func NewSessionNews(changed, resumed func()) *SessionNews { return &SessionNews{changed, resumed} }

// DeliverSignal implements dbus.SignalHandler.
func (n *SessionNews) DeliverSignal(iface, member string, s *dbus.Signal) {
	session := strings.HasPrefix(string(s.Path), string(loginPath)+"/session/")
	switch {
	case iface == busIface && member == ownerChanged && first[string](s.Body) == loginName,
		iface == properties && member == propertiesChanged && session,
		iface == loginIface && s.Path == loginPath && (member == "SessionNew" || member == "SessionRemoved"):
		n.changed()
	case iface == loginIface && s.Path == loginPath && member == "PrepareForSleep" && len(s.Body) == 1 && s.Body[0] == false:
		n.resumed()
	}
}

const (
	busIface          = "org.freedesktop.DBus"
	ownerChanged      = "NameOwnerChanged"
	propertiesChanged = "PropertiesChanged"
)

func first[T any](body []any) T {
	var none T
	if len(body) == 0 {
		return none
	}
	v, ok := body[0].(T)
	if !ok {
		return none
	}
	return v
}

// Listen asks for the signals on the connection that n handles, and tells the
// guard whose they are. logind need not run.
func (n *SessionNews) Listen(ctx context.Context, conn *dbus.Conn, guard Follower) error {
	guard.Follow(loginName, "")
	from := dbus.WithMatchSender(loginName)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(busIface), dbus.WithMatchInterface(busIface), dbus.WithMatchMember(ownerChanged), dbus.WithMatchArg(0, loginName)},
		{from, dbus.WithMatchInterface(properties), dbus.WithMatchMember(propertiesChanged), dbus.WithMatchPathNamespace(loginPath + "/session")},
		{from, dbus.WithMatchInterface(loginIface), dbus.WithMatchObjectPath(loginPath)},
	} {
		if err := conn.AddMatchSignalContext(ctx, match...); err != nil {
			return fmt.Errorf("cannot listen to logind: %w", err)
		}
	}
	// An owner who changes between the answer and what is made of it would be
	// followed by nobody: ask until two answers are the same.
	for was := "?"; ; {
		owner, err := ownerOf(ctx, conn, loginName)
		if err != nil || owner == was {
			return err
		}
		guard.Follow(loginName, owner)
		was = owner
	}
}

// ownerOf is the unique name of the owner, or "".
func ownerOf(ctx context.Context, conn *dbus.Conn, name string) (string, error) {
	var owner string
	err := conn.BusObject().CallWithContext(ctx, busIface+".GetNameOwner", 0, name).Store(&owner)
	var e dbus.Error
	if errors.As(err, &e) && e.Name == "org.freedesktop.DBus.Error.NameHasNoOwner" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot find the owner of %s: %w", name, err)
	}
	return owner, nil
}
