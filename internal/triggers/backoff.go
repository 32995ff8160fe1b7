package triggers

import "time"

// backoff is the patience after an attempt that did not take the machine
// anywhere: each wait is twice the last one.
type backoff struct {
	first, most time.Duration
	wait        time.Duration
	until       time.Time
}

func (b *backoff) failed(now time.Time) {
	b.wait = min(max(2*b.wait, b.first), b.most)
	b.until = now.Add(b.wait)
}

// forgive starts over with short waits; the present one is still waited for.
func (b *backoff) forgive() { b.wait = 0 }
