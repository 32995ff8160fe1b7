package helper

import (
	"sync"
	"time"
)

// idle calls a function when nothing has been busy for a while.
type idle struct {
	mu    sync.Mutex
	n     int
	after time.Duration
	timer *time.Timer
}

func newIdle(after time.Duration, call func()) *idle {
	return &idle{after: after, timer: time.AfterFunc(after, call)}
}

// busy counts what is busy up or down; the timer runs only at none.
func (i *idle) busy(by int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n += by; i.n > 0 {
		i.timer.Stop()
	} else {
		i.timer.Reset(i.after)
	}
}
