package manager1

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

// Kinds of an Event.
const (
	EventProperties         = "properties"
	EventModeChanged        = "mode-changed"
	EventTransitionStarted  = "transition-started"
	EventStepChanged        = "step-changed"
	EventTransitionFinished = "transition-finished"
	// EventVanished: the daemon left the bus. Its properties are void.
	EventVanished = "vanished"
	// EventAppeared: the daemon is on the bus, at the start or again; the
	// event carries all properties.
	EventAppeared = "appeared"
)

// Event is something that the daemon said. Kind says which fields count.
type Event struct {
	Kind    string `json:"kind"`
	ID      uint32 `json:"id,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Index   uint32 `json:"index"`
	Total   uint32 `json:"total"`
	Step    string `json:"step,omitempty"`
	Status  string `json:"status,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Mode    string `json:"mode,omitempty"`
	Message string `json:"message,omitempty"`
	// Properties are all properties as they are after the event: of
	// properties and appeared.
	Properties *Properties `json:"properties,omitempty"`
}

// Watch reports what the daemon says, in order, beginning with appeared (or
// vanished, when there is none), until ctx ends or the bus is lost; then the
// channel is closed. Signals that do not come from the current owner of the
// name are dropped. The caller must keep reading: what waits is kept in
// memory.
func (c *Client) Watch(ctx context.Context) (<-chan Event, error) {
	w := &watcher{client: c, signals: make(chan *dbus.Signal, 64), events: make(chan Event)}
	c.conn.Signal(w.signals)
	if err := w.subscribe(ctx); err != nil {
		c.conn.RemoveSignal(w.signals)
		return nil, err
	}
	first := w.greeting(ctx) // before the caller does anything
	go w.run(ctx, first)
	return w.events, nil
}

// askAgain is how long a daemon that did not answer is left alone.
const askAgain = 250 * time.Millisecond

type watcher struct {
	client     *Client
	owner      string
	properties Properties
	// silent is a daemon that owns the name and did not answer: it counts as
	// gone, and is asked again.
	silent  bool
	signals chan *dbus.Signal
	events  chan Event
}

func rules() [][]dbus.MatchOption {
	return [][]dbus.MatchOption{
		{dbus.WithMatchSender(BusName), dbus.WithMatchObjectPath(Path)},
		{
			dbus.WithMatchSender(busDaemon), dbus.WithMatchInterface(busDaemon),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, BusName),
		},
	}
}

const busDaemon = "org.freedesktop.DBus"

func (w *watcher) subscribe(ctx context.Context) error {
	for _, rule := range rules() {
		if err := w.client.conn.AddMatchSignalContext(ctx, rule...); err != nil {
			return asError(err)
		}
	}
	err := w.client.conn.BusObject().CallWithContext(ctx, busDaemon+".GetNameOwner", 0, BusName).Store(&w.owner)
	if err = asError(err); err != nil && !Is(err, ErrNoDaemon) {
		return err
	}
	return nil
}

func (w *watcher) run(ctx context.Context, first Event) {
	defer close(w.events)
	defer w.unsubscribe()
	for ok := w.emit(ctx, first); ok; {
		var again <-chan time.Time
		if w.silent {
			again = time.After(askAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
			if e := w.greeting(ctx); e.Kind == EventAppeared {
				ok = w.emit(ctx, e)
			}
		case s, open := <-w.signals:
			ok = open && w.handle(ctx, s)
		}
	}
}

func (w *watcher) unsubscribe() {
	w.client.conn.RemoveSignal(w.signals)
	for _, rule := range rules() {
		_ = w.client.conn.RemoveMatchSignal(rule...) // the connection may be gone
	}
}

// emit hands an event over; false means that nobody wants any more.
func (w *watcher) emit(ctx context.Context, e Event) bool {
	select {
	case w.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// greeting is the event of a daemon that came or went.
func (w *watcher) greeting(ctx context.Context) Event {
	w.properties, w.silent = Properties{}, false
	if w.owner == "" {
		return Event{Kind: EventVanished}
	}
	p, err := w.client.Properties(ctx)
	if err != nil {
		w.silent = true
		return Event{Kind: EventVanished}
	}
	w.properties = p
	return Event{Kind: EventAppeared, Properties: &p}
}

func (w *watcher) handle(ctx context.Context, s *dbus.Signal) bool {
	if s.Sender == busDaemon {
		return w.ownerChanged(ctx, s)
	}
	if s.Sender != w.owner || s.Path != Path {
		return true
	}
	e, ok := w.event(s)
	return !ok || w.emit(ctx, e)
}

func (w *watcher) ownerChanged(ctx context.Context, s *dbus.Signal) bool {
	var name, before, after string
	if s.Name != busDaemon+".NameOwnerChanged" || dbus.Store(s.Body, &name, &before, &after) != nil || name != BusName {
		return true
	}
	if after == w.owner {
		return true
	}
	w.owner = after
	return w.emit(ctx, w.greeting(ctx))
}

// event reads a signal; false means that it is none of ours, or malformed.
func (w *watcher) event(s *dbus.Signal) (Event, bool) {
	var e Event
	var err error
	switch s.Name {
	case Interface + "." + SignalModeChanged:
		e.Kind = EventModeChanged
		err = dbus.Store(s.Body, &e.From, &e.To, &e.ID)
	case Interface + "." + SignalTransitionStarted:
		e.Kind = EventTransitionStarted
		err = dbus.Store(s.Body, &e.ID, &e.From, &e.To, &e.Reason)
	case Interface + "." + SignalStepChanged:
		e.Kind = EventStepChanged
		err = dbus.Store(s.Body, &e.ID, &e.Index, &e.Total, &e.Step, &e.Status)
	case Interface + "." + SignalTransitionFinished:
		e.Kind = EventTransitionFinished
		err = dbus.Store(s.Body, &e.ID, &e.Outcome, &e.Mode, &e.Message)
	case propertiesInterface + ".PropertiesChanged":
		return w.changed(s)
	default:
		return e, false
	}
	e.clean()
	return e, err == nil
}

func (e *Event) clean() {
	for _, text := range []*string{&e.From, &e.To, &e.Reason, &e.Step, &e.Status, &e.Outcome, &e.Mode, &e.Message} {
		*text = Clean(*text, MaxLine)
	}
}

func (w *watcher) changed(s *dbus.Signal) (Event, bool) {
	var iface string
	var changed Dict
	var invalidated []string
	if dbus.Store(s.Body, &iface, &changed, &invalidated) != nil || iface != Interface {
		return Event{}, false
	}
	w.properties.FromMap(changed)
	p := w.properties
	return Event{Kind: EventProperties, Properties: &p}, true
}
