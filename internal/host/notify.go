package host

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify talks to the service manager that started us; without one it says
// nothing. See sd_notify(3).
type Notify struct{}

// Ready says that we serve.
func (n Notify) Ready(status string) error {
	return n.send(daemon.SdNotifyReady, "STATUS="+line(status))
}

// Stopping says that we go.
func (n Notify) Stopping(status string) error {
	return n.send(daemon.SdNotifyStopping, "STATUS="+line(status))
}

// Status is one line for systemctl status.
func (n Notify) Status(status string) error { return n.send("STATUS=" + line(status)) }

// Extend asks for that much more time to start or stop, counted from now.
func (n Notify) Extend(by time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds()))
}

// Watchdog feeds the watchdog for as long as alive says so, until ctx ends.
// alive must ask the goroutine that matters and come back soon. It returns at
// once when nobody watches.
func (n Notify) Watchdog(ctx context.Context, alive func() bool) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return err
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if alive() {
			if err := n.send(daemon.SdNotifyWatchdog); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (Notify) send(lines ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("cannot notify the service manager: %w", err)
	}
	return nil
}

// line keeps a status from adding assignments of its own.
func line(text string) string { return strings.ReplaceAll(text, "\n", " ") }
