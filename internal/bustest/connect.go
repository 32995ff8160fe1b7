package bustest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Connect connects as the user of the test. The connection is closed when the
// test ends.
func (b *Bus) Connect(tb testing.TB, options ...dbus.ConnOption) *dbus.Conn {
	tb.Helper()
	return b.ConnectAs(tb, uint32(os.Geteuid()), options...)
}

// ConnectAs connects as another user, which needs root.
func (b *Bus) ConnectAs(tb testing.TB, uid uint32, options ...dbus.ConnOption) *dbus.Conn {
	tb.Helper()
	socket, err := b.DialAs(uid)
	if err != nil {
		tb.Fatalf("cannot connect to the bus: %v", err)
	}
	conn, err := finish(socket, uid, options)
	if err != nil {
		tb.Fatalf("cannot connect to the bus as %d: %v", uid, err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func finish(socket net.Conn, uid uint32, options []dbus.ConnOption) (*dbus.Conn, error) {
	conn, err := dbus.NewConn(socket, options...)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	auth := dbus.AuthExternal(strconv.FormatUint(uint64(uid), 10))
	if err := conn.Auth([]dbus.Auth{auth}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.Hello(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// DialAs opens a socket to the bus that the kernel attributes to uid, and does
// nothing with it: for clients that speak the wire protocol themselves. The
// other user's identity is that of one locked thread, and only while it dials.
func (b *Bus) DialAs(uid uint32) (net.Conn, error) {
	if int(uid) == os.Geteuid() {
		return net.Dial("unix", b.socket)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked when the way back fails
		if err := setEUID(uid); err != nil {
			done <- result{nil, fmt.Errorf("cannot become %d: %w", uid, err)}
			return
		}
		conn, err := net.Dial("unix", b.socket)
		if setEUID(uint32(os.Getuid())) == nil {
			runtime.UnlockOSThread()
		}
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// setEUID changes the effective uid of this thread only; syscall.Setresuid
// would change that of all.
func setEUID(uid uint32) error {
	const keep = ^uintptr(0)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
		return errno
	}
	return nil
}
