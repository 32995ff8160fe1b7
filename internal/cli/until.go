package cli

import (
	"context"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// maxUntil bounds a hold's time: longer ones are mistakes.
const maxUntil = 31 * 24 * time.Hour

// parseUntil reads a duration ("2h", "90m") or a time of day ("06:00"), which is
// the next one.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 && d <= maxUntil {
		return now.Add(d), nil
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, exitf(exitUsage, "%q is neither a time to come, such as 2h or 90m, nor a time of day, such as 06:00",
			manager1.Clean(text, manager1.MaxLine))
	}
	year, month, day := now.Date()
	for {
		end := time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		if end.After(now) {
			return end, nil
		}
		day++
	}
}

// clockInterval is how often the clock is read: timers stand still while the
// machine is suspended, and the clock can be set.
const clockInterval = 30 * time.Second

// sleepUntil waits for a time of the clock.
func sleepUntil(ctx context.Context, end time.Time) error {
	end = end.Round(0)
	for {
		left := end.Sub(time.Now().Round(0))
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(min(left, clockInterval))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
