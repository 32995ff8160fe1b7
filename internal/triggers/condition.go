package triggers

import (
	"fmt"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// The triggers that end a mode which cannot be kept.
const (
	// UserGone: nobody is left of those who had a desktop of the machine's own.
	UserGone = "studio-user-gone"
	// PipeWireGone: somebody at a desktop has lost the PipeWire that ran.
	PipeWireGone = "pipewire-gone"
	// MemoryPressure: the kernel has tasks wait for memory.
	MemoryPressure = "memory-pressure"
)

var conditionTriggers = []string{UserGone, PipeWireGone, MemoryPressure}

// How patient a condition is after a refusal.
const (
	conditionPatience     = 30 * time.Second
	conditionMostPatience = 10 * time.Minute
)

// condition is why an edge is taken by itself, once it has held for long enough.
type condition struct {
	trigger string
	edge    fsm.Edge
	// since is when it began to hold, zero while it does not; why says what is
	// the matter.
	since    time.Time
	why      string
	patience backoff
	// told is what stands in Degraded about a refusal.
	told string
}

func newCondition(trigger string, e fsm.Edge) *condition {
	return &condition{trigger: trigger, edge: e, patience: backoff{first: conditionPatience, most: conditionMostPatience}}
}

// hold says that it holds, without an interruption since it was first said.
func (c *condition) hold(now time.Time, why string) {
	if c.since.IsZero() {
		c.since = now
	}
	c.why = why
}

// next is when it will have held for long enough to be acted on, or zero.
func (c *condition) next() time.Time {
	if c.since.IsZero() {
		return time.Time{}
	}
	at := c.since.Add(c.edge.AfterCondition)
	if c.patience.until.After(at) {
		return c.patience.until
	}
	return at
}

func (c *condition) due(now time.Time) bool {
	at := c.next()
	return !at.IsZero() && !now.Before(at)
}

func (c *condition) attempt(now time.Time) *attempt {
	why := c.why
	if held := now.Sub(c.since).Round(time.Second); held > 0 {
		why += " for " + plain(held)
	}
	return &attempt{trigger: c.trigger, edges: []fsm.Edge{c.edge}, why: why, condition: c}
}

// over says that what it was for is over.
func (c *condition) over() string {
	return map[string]string{
		UserGone: "somebody has logged in", PipeWireGone: "PipeWire is back", MemoryPressure: "memory is free again",
	}[c.trigger]
}

// quiet says that the condition does not hold.
func (w *Watcher) quiet(c *condition) {
	c.since, c.why = time.Time{}, ""
	c.patience = newCondition(c.trigger, c.edge).patience
	w.calm(c)
}

// calm takes back what was said of a refusal.
func (w *Watcher) calm(c *condition) {
	if c.told != "" {
		w.engine.Degrade(c.told, true)
		c.told = ""
	}
}

// complain says that the mode cannot be left, though it should be.
func (w *Watcher) complain(c *condition, refusal string) {
	told := fmt.Sprintf("%s should be left for %s (%s), which is refused: %s; it is tried again", c.edge.From, c.edge.To, c.why, refusal)
	if told == c.told {
		return
	}
	w.calm(c)
	c.told = told
	w.engine.Degrade(told, false)
}

// plain writes a time as people say it: 1 h 30 min, 10 s.
func plain(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / unit.size; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			d -= n * unit.size
		}
	}
	return strings.Join(parts, " ")
}
