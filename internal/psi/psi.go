// Package psi waits for the kernel to say that tasks stall for want of a
// resource. See the kernel's Documentation/accounting/psi.rst.
package psi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Short and Free begin what the watcher says of memory.
const (
	Short = "memory is short"
	Free  = "memory is free"
)

// Trigger is when the kernel wakes us: when at least one task has waited for
// Stall of any Window. Windows of a multiple of 2 s need no privilege.
type Trigger struct{ Stall, Window time.Duration }

// calm is how many windows without a wake-up it takes until the resource is
// free again: under pressure the kernel wakes us once a window.
const calm = 2

// Watch tells when the resource of that file becomes short, and when it is free
// again, until ctx ends. Between the two it waits for the kernel, and does
// nothing.
func Watch(ctx context.Context, file string, t Trigger, tell func(short bool) error) error {
	f, err := os.OpenFile(file, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot watch pressure: %w", err)
	}
	defer f.Close()
	line := fmt.Sprintf("some %d %d\x00", t.Stall.Microseconds(), t.Window.Microseconds())
	if _, err := f.WriteString(line); err != nil {
		return fmt.Errorf("cannot watch pressure of %v in %v: %w", t.Stall, t.Window, err)
	}
	return wait(ctx, int(f.Fd()), t.Window, tell)
}

// wait waits for the descriptor of a trigger, which stays the caller's.
func wait(ctx context.Context, trigger int, window time.Duration, tell func(short bool) error) error {
	end, ender, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot wait for pressure: %w", err)
	}
	defer end.Close()
	defer ender.Close()
	defer context.AfterFunc(ctx, func() { _ = ender.Close() })()
	if err := tell(false); err != nil {
		return err
	}
	for short := false; ; {
		limit := -1
		if short {
			limit = int((calm * window).Milliseconds())
		}
		fds := []unix.PollFd{{Fd: int32(trigger), Events: unix.POLLPRI}, {Fd: int32(end.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, limit)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("cannot wait for pressure: %w", err)
		case fds[1].Revents != 0:
			return nil
		case fds[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0:
			return errors.New("cannot wait for pressure: the kernel has taken the trigger away")
		}
		if now := n > 0; now != short {
			short = now
			if err := tell(short); err != nil {
				return err
			}
		}
	}
}
