package host

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is CLOCK_BOOTTIME, which goes on during suspend: a mode that nobody
// confirmed is undone right after waking up, and not two minutes of use later.
type Clock struct{}

// Boottime is the time since the machine began.
func (Clock) Boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("internal error: cannot read the boot clock: %v", err))
	}
	return time.Duration(ts.Nano())
}

// Alarm closes the channel when Boottime reaches at, and never once ctx has
// ended. A machine without such timers gets one that does not count suspend.
func (c Clock) Alarm(ctx context.Context, at time.Duration) <-chan struct{} {
	rung := make(chan struct{})
	timer, err := timerAt(at)
	if err != nil {
		go c.roughly(ctx, at, rung)
		return rung
	}
	release := context.AfterFunc(ctx, func() { _ = timer.Close() }) // ends the read
	go func() {
		defer release()
		var expirations [8]byte
		if _, err := timer.Read(expirations[:]); err == nil {
			close(rung)
		}
		_ = timer.Close() // a timer has nothing to lose
	}()
	return rung
}

// timerAt is a timerfd(2) that the runtime's poller waits for: no wake-ups
// before it is due.
func timerAt(at time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create a timer: %w", err)
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, at.Nanoseconds()))} // zero would disarm it
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		_ = unix.Close(fd) // the other error is the one that tells
		return nil, fmt.Errorf("cannot set a timer: %w", err)
	}
	return os.NewFile(uintptr(fd), "timerfd"), nil
}

func (c Clock) roughly(ctx context.Context, at time.Duration, rung chan<- struct{}) {
	timer := time.NewTimer(at - c.Boottime())
	defer timer.Stop()
	select {
	case <-timer.C:
		close(rung)
	case <-ctx.Done():
	}
}
