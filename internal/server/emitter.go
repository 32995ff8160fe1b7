package server

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

const (
	// emitInterval is the shortest time between two PropertiesChanged, unless
	// a signal that follows them is waiting.
	emitInterval = 100 * time.Millisecond
	// maxSignals bounds the queue; what a stalled bus cannot take is dropped,
	// news of steps first. Properties are the truth, and are never dropped.
	maxSignals = 1024
)

// news is one signal to be sent.
type news struct {
	member string
	args   []any
}

// emitter sends signals in order, from one goroutine. PropertiesChanged are
// coalesced: what is sent is always the difference to the newest state, and
// whatever somebody has read in between and that was changed back since.
type emitter struct {
	mu    sync.Mutex
	queue []news
	dirty bool
	wake  chan struct{}

	// sent is what the signals have said so far, nil before run, and owed are
	// the properties that somebody has read with another value.
	sent map[string]dbus.Variant
	owed map[string]bool

	last time.Time // belongs to run
}

func (e *emitter) init() { e.wake = make(chan struct{}, 1) }

// changed says that there is a new state. It does not block.
func (e *emitter) changed() {
	e.mu.Lock()
	e.dirty = true
	e.mu.Unlock()
	e.poke()
}

// signal queues a signal. It does not block.
func (e *emitter) signal(member string, args ...any) {
	e.mu.Lock()
	if len(e.queue) >= maxSignals {
		e.dropLocked()
	}
	e.queue = append(e.queue, news{member, args})
	e.mu.Unlock()
	e.poke()
}

func (e *emitter) dropLocked() {
	at := max(0, slices.IndexFunc(e.queue, func(n news) bool { return n.member == manager1.SignalStepChanged }))
	e.queue = slices.Delete(e.queue, at, at+1)
}

// owe says that somebody has read these properties. It does not block.
func (e *emitter) owe(values map[string]dbus.Variant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sent == nil {
		return
	}
	for name, v := range values {
		if !reflect.DeepEqual(v, e.sent[name]) {
			e.owed[name], e.dirty = true, true
		}
	}
	if e.dirty {
		e.poke()
	}
}

func (e *emitter) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// run sends until the context ends. Nobody was there to hear what happened
// before it began.
func (e *emitter) run(ctx context.Context, s *Server) {
	first := s.shown.Load().all()
	e.mu.Lock()
	e.queue, e.dirty = nil, false
	e.sent, e.owed = first, map[string]bool{}
	e.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
		if wait := e.drain(s); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// drain sends what is queued, and the properties if they may be sent now; else
// it returns how long they have to wait.
func (e *emitter) drain(s *Server) (wait time.Duration) {
	e.mu.Lock()
	queue, dirty := e.queue, e.dirty
	e.queue, e.dirty = nil, false
	e.mu.Unlock()
	for _, n := range queue {
		if dirty && n.member != manager1.SignalStepChanged {
			e.properties(s)
			dirty = false
		}
		s.emit(manager1.Interface, n.member, n.args...)
	}
	if !dirty {
		return 0
	}
	if wait = emitInterval - time.Since(e.last); wait > 0 {
		e.mu.Lock()
		e.dirty = true
		e.mu.Unlock()
		return wait
	}
	e.properties(s)
	return 0
}

// properties sends what differs from what was sent or read before.
func (e *emitter) properties(s *Server) {
	if s.refreshModes() { // a reload changes them, and the engine's state not
		s.renew()
	}
	changed := e.settle(s.shown.Load().all())
	if len(changed) == 0 {
		return
	}
	e.last = time.Now()
	s.emit(properties, "PropertiesChanged", manager1.Interface, changed, []string{})
}

// settle returns what of the properties is news, and takes it as sent.
func (e *emitter) settle(now map[string]dbus.Variant) map[string]dbus.Variant {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := map[string]dbus.Variant{}
	for name, v := range now {
		if name != manager1.PropVersion && (e.owed[name] || !reflect.DeepEqual(v, e.sent[name])) {
			changed[name] = v
		}
	}
	e.sent = now
	clear(e.owed)
	return changed
}

// emit sends one signal. A bus that does not take it is lost, and Done says so.
func (s *Server) emit(iface, member string, args ...any) {
	_ = s.conn.Emit(manager1.Path, iface+"."+member, args...)
}
