package notify

import (
	"context"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

// The Desktop Notifications Specification,
// https://specifications.freedesktop.org/notification-spec/latest/.
const (
	serviceName = "org.freedesktop.Notifications"
	servicePath = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// SessionBus shows notifications through the session bus. Use NewSessionBus.
type SessionBus struct {
	conn    *dbus.Conn
	desktop func(ctx context.Context) bool
	pressed chan Press
}

// NewSessionBus returns a Desktop on a connection, which stays the caller's.
// desktop tells whether a desktop runs: only then a service that does not run
// may be started by the bus.
func NewSessionBus(ctx context.Context, conn *dbus.Conn, desktop func(ctx context.Context) bool) (*SessionBus, error) {
	s := &SessionBus{conn: conn, desktop: desktop, pressed: make(chan Press, 8)}
	signals := make(chan *dbus.Signal, 8)
	conn.Signal(signals)
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(serviceName), dbus.WithMatchObjectPath(servicePath),
		dbus.WithMatchInterface(serviceName), dbus.WithMatchMember("ActionInvoked")); err != nil {
		return nil, fmt.Errorf("cannot watch for buttons: %w", err)
	}
	go s.listen(signals)
	return s, nil
}

func (s *SessionBus) listen(signals <-chan *dbus.Signal) {
	defer close(s.pressed)
	for signal := range signals {
		var p Press
		if signal.Name != serviceName+".ActionInvoked" || dbus.Store(signal.Body, &p.Number, &p.Key) != nil {
			continue
		}
		select {
		case s.pressed <- p:
		default: // nobody presses that fast
		}
	}
}

// Pressed has the buttons that were pressed.
func (s *SessionBus) Pressed() <-chan Press { return s.pressed }

// Show shows a notification.
func (s *SessionBus) Show(ctx context.Context, m manager1.Notification, replaces uint32) (uint32, error) {
	if !s.available(ctx) {
		return 0, ErrNobody
	}
	var can []string
	if err := s.call(ctx, "GetCapabilities").Store(&can); err != nil {
		return 0, fmt.Errorf("cannot ask the notification service: %w", err)
	}
	text, actions := body(m), buttons(m.Kind)
	if slices.Contains(can, "body-markup") {
		text = escape(text)
	}
	if !slices.Contains(can, "actions") {
		actions = []string{}
	}
	var number uint32
	err := s.call(ctx, "Notify", "moded", replaces, "computer", manager1.Clean(m.Summary, maxText), text, actions,
		hints(m), expiry(m.Kind)).Store(&number)
	if err != nil {
		return 0, fmt.Errorf("cannot show a notification: %w", err)
	}
	return number, nil
}

// Close takes a notification away.
func (s *SessionBus) Close(ctx context.Context, number uint32) error {
	return s.call(ctx, "CloseNotification", number).Err
}

func (s *SessionBus) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return s.conn.Object(serviceName, servicePath).CallWithContext(ctx, serviceName+"."+method, 0, args...)
}

// available tells whether a service runs, or may be started.
func (s *SessionBus) available(ctx context.Context) bool {
	bus := s.conn.BusObject()
	var owned bool
	if bus.CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, serviceName).Store(&owned) == nil && owned {
		return true
	}
	var names []string
	err := bus.CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&names)
	return err == nil && slices.Contains(names, serviceName) && s.desktop(ctx)
}

func hints(m manager1.Notification) manager1.Dict {
	urgency := map[string]byte{"low": 0, "critical": 2}
	level, ok := urgency[m.Urgency]
	if !ok {
		level = 1
	}
	return manager1.Dict{"urgency": dbus.MakeVariant(level), "category": dbus.MakeVariant("device")}
}

// expiry is in milliseconds: -1 as the service likes, 0 never, for what waits
// for an answer until it is closed.
func expiry(kind string) int32 {
	switch kind {
	case kindGrace, "awaiting-confirm", kindStuck:
		return 0
	default:
		return -1
	}
}
