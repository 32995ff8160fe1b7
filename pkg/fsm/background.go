package fsm

import (
	"context"
	"fmt"
)

// acquireInBackground does what may fail without taking the mode back, such as
// the desktop's own vLLM.
func (e *Engine) acquireInBackground(r *run, c *claim) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	e.mu.Lock()
	if e.run != nil || e.doc.Open != nil || e.doc.Mode != c.to.Name {
		e.mu.Unlock()
		return
	}
	e.background = cancel
	e.mu.Unlock()
	for _, st := range r.plan.Steps {
		if !st.Background || ctx.Err() != nil {
			continue
		}
		err := e.doStep(ctx, &st)
		if err == nil || ctx.Err() != nil {
			continue
		}
		e.mu.Lock()
		e.degraded = appendNew(e.degraded, fmt.Sprintf("cannot %s: %v", st.Summary, err))
		e.publishLocked()
		e.mu.Unlock()
	}
}

func (e *Engine) stopBackgroundLocked() {
	if e.background != nil {
		e.background()
		e.background = nil
	}
}
