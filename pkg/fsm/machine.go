package fsm

import (
	"context"
	"fmt"

	"github.com/looplab/fsm"
)

// machine is the law: which event may happen in which state. It is the only
// user of looplab/fsm, generated from a Catalog and used without callbacks,
// because callbacks there deadlock (Can), veto in vain (enter_) or wedge the
// machine for ever (a cancelled context; looplab/fsm#115). The engine does the
// work and fires an event when the work is done.
//
// There is one transitioning state per pair of modes, so that "success" and
// "abort" always know where to go.
type machine struct{ law *fsm.FSM }

// Events of the law beside the edges' own.
const (
	eventDefault = "default"
	eventSuccess = "success"
	eventAbort   = "abort"
	eventForced  = "forced"
)

// eventCorrect begins and ends in the same mode, so the law has no say in it.
const eventCorrect = "correct_drift"

func newMachine(c *Catalog, state string) *machine {
	var events fsm.Events
	add := func(name, from, to string) {
		events = append(events, fsm.EventDesc{Name: name, Src: []string{from}, Dst: to})
	}
	for _, m := range c.Names() {
		add(on(eventDefault, Boot, m), Boot, m)
		if m != c.Default() {
			add(on(eventForced, m, c.Default()), m, c.Default())
		}
	}
	for _, e := range c.Edges() {
		if !e.Through {
			add(on(e.Event, e.From, e.To), e.From, e.To)
			continue
		}
		between := transitioningState(e.From, e.To)
		add(on(e.Event, e.From, e.To), e.From, between)
		add(on(eventSuccess, e.From, e.To), between, e.To)
		add(on(eventAbort, e.From, e.To), between, e.From)
	}
	return &machine{law: fsm.NewFSM(state, events, nil)}
}

// on gives the event its pair, so that one event name may serve many edges.
func on(event, from, to string) string { return event + ":" + from + ">" + to }

func transitioningState(from, to string) string {
	return Transitioning + ":" + from + ">" + to
}

// can tells whether the event is legal now.
func (m *machine) can(event string) bool { return m.law.Can(event) }

// fire moves the law. An illegal event is an internal error: the engine asks
// can, or fires only what it began.
func (m *machine) fire(event string) error {
	if err := m.law.Event(context.Background(), event); err != nil {
		return fmt.Errorf("internal error: cannot fire %s in state %s: %w", event, m.law.Current(), err)
	}
	return nil
}
