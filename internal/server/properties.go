package server

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// snapshot is what readers see: one state of the engine, written as properties
// when the first reader asks.
type snapshot struct {
	server *Server
	state  fsm.State
	once   sync.Once
	values map[string]dbus.Variant
}

// all returns the properties. They are never changed.
func (n *snapshot) all() map[string]dbus.Variant {
	n.once.Do(func() { n.values = n.server.write(n.state) })
	return n.values
}

// read is all for somebody who asked: what was read and is not what the signals
// said last is owed a signal.
func (n *snapshot) read() map[string]dbus.Variant {
	n.once.Do(func() {
		n.values = n.server.write(n.state)
		n.server.emitter.owe(n.values)
	})
	return n.values
}

// write makes properties of a state.
func (s *Server) write(state fsm.State) map[string]dbus.Variant {
	p := manager1.Properties{Mode: state.Mode, Target: state.Target, Transition: progressRow(state.Open),
		LastTransition: s.record.newest(), LastVerdicts: verdictRows(state.Verdicts), Degraded: state.Degraded,
		Holds: s.holds.count(), Version: s.cfg.Version}
	if modes := s.modes.Load(); modes != nil {
		p.Modes = *modes
	}
	return p.ToMap()
}

// refreshModes reads the names of the modes, and tells whether they changed. It
// may wait for the engine, so readers do not call it.
func (s *Server) refreshModes() bool {
	now := s.engine.Catalog().Names()
	old := s.modes.Load()
	if old != nil && slices.Equal(*old, now) {
		return false
	}
	s.modes.Store(&now)
	return true
}

func (s *Server) get(_ context.Context, c *call) ([]any, error) {
	if err := knownInterface(c.text(0)); err != nil {
		return nil, err
	}
	v, ok := s.shown.Load().read()[c.text(1)]
	if !ok || c.text(0) != manager1.Interface {
		return nil, busError("UnknownProperty", "there is no such property")
	}
	return []any{v}, nil
}

func (s *Server) getAll(_ context.Context, c *call) ([]any, error) {
	if err := knownInterface(c.text(0)); err != nil {
		return nil, err
	}
	if c.text(0) != manager1.Interface {
		return []any{map[string]dbus.Variant{}}, nil
	}
	return []any{s.shown.Load().read()}, nil
}

func (s *Server) set(_ context.Context, c *call) ([]any, error) {
	if err := knownInterface(c.text(0)); err != nil {
		return nil, err
	}
	return nil, busError("PropertyReadOnly", "all properties are read only")
}

func knownInterface(name string) error {
	switch name {
	case manager1.Interface, manager1.AgentsInterface, peer, introspectable, properties:
		return nil
	}
	return busError("UnknownInterface", "there is no such interface")
}

func decodeLoosely(v fsm.Value, into any) error { return json.Unmarshal([]byte(v), into) }
