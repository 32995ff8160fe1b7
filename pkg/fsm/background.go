package fsm

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// background is what may fail without taking the mode back, such as the
// desktop's own vLLM, acquired after the mode has settled. Nothing else touches
// the machine before done is closed.
type background struct {
	// id and total are the transition's and how many steps it has in all.
	id     uint32
	total  int
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

// failure is an acquire that failed after the mode had settled.
type failure struct{ id, text string }

// busy tells whether the acquires go on.
func (b *background) busy() bool {
	if b == nil {
		return false
	}
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

// beginBackgroundLocked acquires the plan's background steps. It is called with
// the settling, so that no other run can come in between.
func (e *Engine) beginBackgroundLocked(id uint32, steps []Step) {
	total := len(steps)
	steps = slices.DeleteFunc(slices.Clone(steps), func(st Step) bool { return !st.Background })
	if len(steps) == 0 || e.ctx.Err() != nil {
		return
	}
	b := &background{id: id, total: total, done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(e.ctx)
	e.background = b
	e.tasks.Go(func() { e.acquireInBackground(b, steps) })
}

func (e *Engine) acquireInBackground(b *background, steps []Step) {
	defer func() {
		b.cancel()
		close(b.done)
		e.publish() // whoever waits for it may go on
		e.Recheck(e.ctx)
	}()
	for i := range steps {
		steps[i].move(Doing, time.Now())
		err := e.doStep(b.ctx, &steps[i])
		if err == nil {
			err = e.verifyStep(b.ctx, &steps[i])
		}
		if b.ctx.Err() != nil {
			return
		}
		e.endedLate(b, &steps[i], err)
	}
}

// endedLate tells who wants to know how a step has ended, and everybody that it
// failed.
func (e *Engine) endedLate(b *background, st *Step, err error) {
	if err != nil {
		st.fail(err)
	} else {
		st.move(Done, time.Now())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if o, ok := e.cfg.Observer.(LateObserver); ok {
		o.StepEndedLate(b.id, b.total, *st)
	}
	if err != nil {
		e.late = append(e.late, failure{knobID(st.Kind, st.Key), fmt.Sprintf("cannot %s: %v", st.Summary, err)})
		e.publishLocked()
	}
}

// stopBackground ends the acquires and returns when they have. It tells whether
// there were any since the last call, ended or not: what they touched is then
// not what a plan made before saw, unless they had ended before that.
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
