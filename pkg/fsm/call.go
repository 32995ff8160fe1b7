package fsm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounded is an Action that knows how long Do and Undo may take. Others get
// DefaultBound.
type Bounded interface {
	Bound(key string, want Value) time.Duration
}

// DefaultBound is how long a Do or an Undo may take when its action says
// nothing else; readBound is for Capture and Settled.
const (
	DefaultBound = 3 * time.Minute
	readBound    = 30 * time.Second
	// abandonAfter is how much longer an action is waited for after its
	// context ended, before the engine goes on without it.
	abandonAfter = time.Second
)

// errPanic marks an error that was a panic in an action or guard.
var errPanic = errors.New("internal error")

// guarded calls f and turns a panic into an error: one broken action must not
// take the machine's only way back with it.
func guarded[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return f()
}

// bounded calls f with a deadline. When f does not return within a second of
// its context's end it is abandoned, with an error: an action that hangs in a
// system call must not hang the rollback.
func bounded[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		result T
		err    error
	}
	ch := make(chan answer, 1)
	go func() {
		result, err := guarded(func() (T, error) { return f(ctx) })
		ch <- answer{result, err}
	}()
	select {
	case a := <-ch:
		return a.result, a.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(abandonAfter)
	defer timer.Stop()
	select {
	case a := <-ch:
		return a.result, a.err
	case <-timer.C:
		var none T
		return none, fmt.Errorf("did not answer: %w", context.Cause(ctx))
	}
}

func boundOf(a Action, key string, want Value) time.Duration {
	if b, ok := a.(Bounded); ok {
		return b.Bound(key, want)
	}
	return DefaultBound
}

// doStep and its siblings look the code of a step up and call it within
// bounds.
func (e *Engine) doStep(ctx context.Context, st *Step) error {
	return e.call(ctx, st, func(ctx context.Context, a Action) error { return a.Do(ctx, st.Key, st.Want) })
}

func (e *Engine) undoStep(ctx context.Context, st *Step) error {
	return e.call(ctx, st, func(ctx context.Context, a Action) error { return a.Undo(ctx, st.Key, st.Was) })
}

func (e *Engine) call(ctx context.Context, st *Step, f func(context.Context, Action) error) error {
	a, ok := e.cfg.Actions[st.Kind]
	if !ok {
		return fmt.Errorf("cannot move %s: this version of moded has no such kind", st.Name())
	}
	ctx = WithProgress(WithOwned(ctx, e.planned()), func(text string) { e.note(st.Index, text) })
	ctx = WithCautions(ctx, func(text string) { e.caution(fmt.Sprintf("%s: %s", st.Summary, text)) })
	_, err := bounded(ctx, boundOf(a, st.Key, st.Want), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f(ctx, a)
	})
	return err
}

// planned names the units that the open plan moves.
func (e *Engine) planned() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doc.Open == nil {
		return nil
	}
	var units []string
	for _, st := range e.doc.Open.Transition.Steps {
		if a, ok := e.cfg.Actions[st.Kind].(Manager); ok {
			units = append(units, a.Units(st.Key, st.Want)...)
		}
	}
	return units
}

func (e *Engine) capture(ctx context.Context, st *Step) error {
	a, ok := e.cfg.Actions[st.Kind]
	if !ok {
		return fmt.Errorf("cannot capture %s: this version of moded has no such kind", st.Name())
	}
	was, err := bounded(ctx, readBound, func(ctx context.Context) (Snapshot, error) {
		return a.Capture(ctx, st.Key, st.Want)
	})
	if err != nil {
		return fmt.Errorf("cannot capture %s: %w", knobID(st.Kind, st.Key), err)
	}
	// Whoever publishes meanwhile reads the step.
	e.mu.Lock()
	defer e.mu.Unlock()
	st.Was, st.Captured = was, true
	return nil
}

func (e *Engine) settled(ctx context.Context, kind, key string, want Value) (bool, error) {
	a, ok := e.cfg.Actions[kind]
	if !ok {
		return false, fmt.Errorf("cannot check %s: this version of moded has no such kind", knobID(kind, key))
	}
	return bounded(ctx, readBound, func(ctx context.Context) (bool, error) { return a.Settled(ctx, key, want) })
}
