package fsm

import (
	"context"
	"sync"
)

// round is one round of looking at the whole machine: a plan being made, or a mode
// being compared. What is looked up for one setting serves the others, so that
// all of them speak of the same moment and the machine is asked once.
type round struct {
	mu    sync.Mutex
	looks map[string]*look
}

// look is one question of a round. Who asks while another is at it waits.
type look struct {
	mu    sync.Mutex
	known bool
	value any
}

type roundKey struct{}

// Round returns a context for reading the machine in one round. Nothing may be
// moved under it, nor waited for: what was seen once stays so.
func Round(ctx context.Context) context.Context {
	return context.WithValue(ctx, roundKey{}, &round{looks: map[string]*look{}})
}

// Once asks, or returns what was answered to the question of that name before in
// the same round. Outside of a round, and after an error, it asks each time. The
// answer is shared, and must not be changed.
func Once[T any](ctx context.Context, question string, ask func(context.Context) (T, error)) (T, error) {
	p, ok := ctx.Value(roundKey{}).(*round)
	if !ok {
		return ask(ctx)
	}
	p.mu.Lock()
	l := p.looks[question]
	if l == nil {
		l = &look{}
		p.looks[question] = l
	}
	p.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, same := l.value.(T); l.known && same {
		return v, nil
	}
	v, err := ask(ctx)
	if err == nil {
		l.value, l.known = v, true
	}
	return v, err
}
