package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Difference is a setting that is not as the mode wants it.
type Difference struct {
	Kind      string
	Key       string
	Want      Value
	Essential bool
	// Problem is a sentence for people: what the knob has instead or, where Unseen,
	// why that could not be found out.
	Problem string
	Unseen  bool
}

// ID names the knob.
func (d Difference) ID() string { return knobID(d.Kind, d.Key) }

// Verify compares the machine with the present mode; while a transition is
// under way, with the mode that it goes to. In boot there is nothing to compare
// with.
func (e *Engine) Verify(ctx context.Context) ([]Difference, error) {
	e.mu.Lock()
	name := e.doc.Mode
	if e.run != nil && !e.run.undoing {
		name = e.run.transition.To
	}
	mode, ok := e.catalog.Mode(name)
	e.mu.Unlock()
	if !ok {
		return nil, nil
	}
	return e.differences(ctx, mode, nil), nil
}

// differences lists what is not as the mode wants it. Where steps have just
// moved a knob, their bound value is what it is compared with.
func (e *Engine) differences(ctx context.Context, mode Mode, steps []Step) []Difference {
	ctx = Round(ctx)
	each := make([]*Difference, len(mode.Settings))
	var group sync.WaitGroup
	for i, s := range mode.Settings {
		group.Go(func() { each[i] = e.difference(ctx, mode.Name, s, steps) })
	}
	group.Wait()
	var found []Difference
	for _, d := range each {
		if d != nil {
			found = append(found, *d)
		}
	}
	return found
}

// difference compares one setting. It returns nil when it is as wanted, or not
// expected to be yet.
func (e *Engine) difference(ctx context.Context, mode string, s Setting, steps []Step) *Difference {
	want, background := e.wanted(ctx, mode, s, steps)
	if background {
		return nil
	}
	ok, err := e.settled(ctx, s.Kind, s.Key, want)
	switch {
	case errors.Is(err, ErrMissing) && s.WhenMissing == Skip, ok && err == nil:
		return nil
	case err != nil:
		return &Difference{s.Kind, s.Key, want, s.Essential, err.Error(), true}
	default:
		return &Difference{s.Kind, s.Key, want, s.Essential, e.tell(ctx, s, want), false}
	}
}

// tell says in what a knob differs, as its action has it.
func (e *Engine) tell(ctx context.Context, s Setting, want Value) string {
	otherwise := "it is not " + e.Words(s.Kind, want)
	a, ok := e.cfg.Actions[s.Kind].(Teller)
	if !ok {
		return otherwise
	}
	text, err := bounded(ctx, readBound, func(ctx context.Context) (string, error) { return a.Tell(ctx, s.Key, want) })
	if err != nil || text == "" { // it stands there by now
		return otherwise
	}
	return text
}

// Words puts the value of a setting of that kind into words, as its action has
// them. It touches nothing, and may be called from any goroutine.
func (e *Engine) Words(kind string, v Value) string {
	if a, ok := e.cfg.Actions[kind].(Speaker); ok {
		return cmp.Or(a.Words(v), string(v))
	}
	return string(v)
}

func (e *Engine) wanted(ctx context.Context, mode string, s Setting, steps []Step) (want Value, background bool) {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Kind == s.Kind && steps[i].Key == s.Key {
			return steps[i].Want, steps[i].Background
		}
	}
	if b, ok := e.cfg.Actions[s.Kind].(Binder); ok {
		bound, err := bounded(ctx, readBound, func(ctx context.Context) (Value, error) {
			return b.Bind(ctx, s.Key, s.Value, Context{To: mode})
		})
		if err == nil {
			return bound, false
		}
	}
	return s.Value, false
}

// lookForDrift puts what differs from a mode just taken over into Degraded. It
// never acts.
func (e *Engine) lookForDrift(mode Mode) { e.recheck(e.ctx, mode) }

// recheck tells what differs, or nothing when anything has begun meanwhile: a
// transition, a reload, the end of the engine.
func (e *Engine) recheck(ctx context.Context, mode Mode) []Difference {
	e.mu.Lock()
	gen, busy := e.gen, e.background.busy()
	e.mu.Unlock()
	if busy || e.ctx.Err() != nil { // what is acquired still is no drift, even when it ends meanwhile
		return nil
	}
	found := e.differences(ctx, mode, nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gen != gen || e.doc.Mode != mode.Name || e.run != nil || e.background.busy() || ctx.Err() != nil || e.ctx.Err() != nil {
		return nil
	}
	differs := func(id string) bool {
		return slices.ContainsFunc(found, func(d Difference) bool { return d.ID() == id })
	}
	e.late = slices.DeleteFunc(slices.Clone(e.late), func(f failure) bool { return !differs(f.id) })
	told := func(id string) bool { return slices.ContainsFunc(e.late, func(f failure) bool { return f.id == id }) }
	e.drift = nil
	for _, d := range found {
		if !told(d.ID()) {
			e.drift = append(e.drift, fmt.Sprintf("%s differs from %s: %s", d.ID(), mode.Name, d.Problem))
		}
	}
	e.publishLocked()
	return found
}
