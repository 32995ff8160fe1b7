package frame

import "sync"

// callers counts the calls that are being handled, in all and by sender.
type callers struct {
	mu     sync.Mutex
	all    int
	each   map[string]int
	limits Limits
}

func newCallers(l Limits) callers { return callers{each: map[string]int{}, limits: l} }

// enter takes a place, unless there is none.
func (c *callers) enter(sender string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.limits.InFlight || c.each[sender] >= c.limits.PerSender {
		return false
	}
	c.all++
	c.each[sender]++
	return true
}

// leave gives it back.
func (c *callers) leave(sender string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.each[sender]--; c.each[sender] == 0 {
		delete(c.each, sender)
	}
}

func (c *callers) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
