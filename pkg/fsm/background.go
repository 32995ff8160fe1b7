package fsm

import (
	"context"
	"fmt"
	"slices"
)

// background is what may fail without taking the mode back, such as the
// desktop's own vLLM, acquired after the mode has settled. Nothing else touches
// the machine before done is closed.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

// beginBackgroundLocked acquires the plan's background steps. It is called with
// the settling, so that no other run can come in between.
func (e *Engine) beginBackgroundLocked(steps []Step) {
	steps = slices.DeleteFunc(slices.Clone(steps), func(st Step) bool { return !st.Background })
	if len(steps) == 0 || e.ctx.Err() != nil {
		return
	}
	b := &background{done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(e.ctx)
	e.background = b
	e.tasks.Go(func() { e.acquireInBackground(b, steps) })
}

func (e *Engine) acquireInBackground(b *background, steps []Step) {
	defer close(b.done)
	defer b.cancel()
	for i := range steps {
		err := e.doStep(b.ctx, &steps[i])
		if err == nil {
			err = e.verifyStep(b.ctx, &steps[i])
		}
		if b.ctx.Err() != nil {
			return
		}
		if err != nil {
			e.backgroundFailed(&steps[i], err)
		}
	}
}

func (e *Engine) backgroundFailed(st *Step, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.degraded = appendNew(e.degraded, fmt.Sprintf("cannot %s: %v", st.Summary, err))
	e.publishLocked()
}

// stopBackground ends the acquires and returns when they have. It tells whether
// there were any since the last call, ended or not: what they touched is then
// not what a plan made before saw.
func (e *Engine) stopBackground() bool {
	e.mu.Lock()
	b := e.background
	e.background = nil
	e.mu.Unlock()
	if b == nil {
		return false
	}
	b.cancel()
	<-b.done
	return true
}
