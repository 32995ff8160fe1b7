package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// marks are how long before the end of a grace period people are reminded.
var marks = []time.Duration{5 * time.Minute, time.Minute, 30 * time.Second, 10 * time.Second}

// count follows the grace period that runs: any other news of the transition
// ends it.
func (n *Notifier) count(m manager1.Notification) {
	switch {
	case m.Kind == kindGrace && !m.Deadline.IsZero():
		n.counting = &m
	case n.counting != nil && n.counting.ID == m.ID:
		n.counting = nil
	}
}

// reminder fires at the next mark; nil when there is none to come.
func (n *Notifier) reminder() <-chan time.Time {
	if n.counting == nil {
		return nil
	}
	left := time.Until(n.counting.Deadline)
	for _, mark := range marks {
		if left > mark {
			return time.After(left - mark)
		}
	}
	return nil
}

func (n *Notifier) remind(ctx context.Context) { n.tell(ctx, *n.counting) }

// countdown says how long a grace period lasts yet: " (in 30 s)".
func countdown(m manager1.Notification) string {
	if m.Kind != kindGrace || m.Deadline.IsZero() {
		return ""
	}
	left := time.Until(m.Deadline).Round(time.Second)
	switch minutes, seconds := int(left/time.Minute), int(left%time.Minute/time.Second); {
	case left <= 0:
		return ""
	case minutes == 0:
		return fmt.Sprintf(" (in %d s)", seconds)
	case seconds == 0:
		return fmt.Sprintf(" (in %d min)", minutes)
	default:
		return fmt.Sprintf(" (in %d min %d s)", minutes, seconds)
	}
}
