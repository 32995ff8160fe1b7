package psi_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/psi"
)

// urgent is a descriptor on which poke makes the kernel say what it says of a
// trigger that has fired.
func urgent(t *testing.T) (fd int, poke func()) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	in, err := accepted.File()
	if err != nil {
		t.Fatal(err)
	}
	out, err := dialled.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{dialled, accepted, in, out} {
			_ = c.Close()
		}
	})
	return int(in.Fd()), func() {
		if err := unix.Sendto(int(out.Fd()), []byte{1}, unix.MSG_OOB, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestPressureIsToldWhenItComesAndWhenItHasGone(t *testing.T) {
	t.Parallel()
	fd, poke := urgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	told, end := make(chan bool, 16), make(chan error, 1)
	go func() {
		end <- psi.Wait(ctx, fd, 20*time.Millisecond, func(short bool) error { told <- short; return nil })
	}()
	if <-told {
		t.Error("it begins short")
	}
	poke()
	if !<-told {
		t.Error("the trigger says nothing")
	}
	// The kernel takes an event back when it was told; a socket when it was read.
	if _, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_OOB); err != nil {
		t.Fatal(err)
	}
	if <-told {
		t.Error("it stays short")
	}
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
}

func TestNobodyToTellEndsTheWatch(t *testing.T) {
	t.Parallel()
	fd, poke := urgent(t)
	deaf := errors.New("nobody listens")
	if err := psi.Wait(t.Context(), fd, time.Second, func(bool) error { return deaf }); !errors.Is(err, deaf) {
		t.Error(err)
	}
	poke()
	err := psi.Wait(t.Context(), fd, time.Second, func(short bool) error {
		if short {
			return deaf
		}
		return nil
	})
	if !errors.Is(err, deaf) {
		t.Error(err)
	}
}

func TestAKernelWithoutPressureIsSaidSo(t *testing.T) {
	t.Parallel()
	err := psi.Watch(t.Context(), filepath.Join(t.TempDir(), "memory"), psi.Trigger{Stall: time.Millisecond, Window: 2 * time.Second}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "cannot watch pressure: ") {
		t.Error(err)
	}
}
