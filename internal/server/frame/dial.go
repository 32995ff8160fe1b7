package frame

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Dial connects to a bus through a Guard, as the effective user of the process.
// call handles method calls; with nil they are all refused. The connection is
// ready to use. Options must not set a handler: it would never be called.
func Dial(ctx context.Context, address string, limits Limits, call Handler, options ...dbus.ConnOption) (*dbus.Conn, *Guard, error) {
	socket, err := dial(ctx, address)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot reach the bus: %w", err)
	}
	guard := New(socket, limits)
	conn, err := dbus.NewConn(guard, options...)
	if err != nil {
		return nil, nil, errors.Join(err, socket.Close())
	}
	guard.Use(call, conn)
	if err := greet(conn); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot greet the bus: %w", err), conn.Close())
	}
	return conn, guard, nil
}

// SystemBus is the address of the system bus: the usual one, unless the
// environment says another, as for all other clients.
func SystemBus() string {
	if said := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); said != "" {
		return said
	}
	return "unix:path=/run/dbus/system_bus_socket"
}

func greet(conn *dbus.Conn) error {
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		return err
	}
	return conn.Hello()
}

// dial connects to the first unix socket of a D-Bus address that answers. A
// bus over TCP has no peer credentials; there is none for us.
func dial(ctx context.Context, address string) (net.Conn, error) {
	err := fmt.Errorf("no unix socket in address %q", address)
	for one := range strings.SplitSeq(address, ";") {
		name, ok := socketName(one)
		if !ok {
			continue
		}
		var socket net.Conn
		if socket, err = new(net.Dialer).DialContext(ctx, "unix", name); err == nil {
			return socket, nil
		}
	}
	return nil, err
}

// socketName reads one address; Go writes abstract sockets with an @.
func socketName(address string) (string, bool) {
	rest, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return "", false
	}
	for pair := range strings.SplitSeq(rest, ",") {
		key, escaped, _ := strings.Cut(pair, "=")
		value, err := dbus.UnescapeBusAddressValue(escaped)
		switch {
		case err != nil:
			return "", false
		case key == "path":
			return value, true
		case key == "abstract":
			return "@" + value, true
		}
	}
	return "", false
}
