package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

var _ actions.Agents = (*Machine)(nil)

// order is what an agent is asked for, of any kind.
type order struct {
	State   string `json:"state"`
	Quantum uint32 `json:"quantum,omitempty"`
	Rate    uint32 `json:"rate,omitempty"`
}

// Registered lists users with an agent.
func (m *Machine) Registered() []uint32 {
	var uids []uint32
	_ = m.look(func(w *world) { // a file that cannot be written is told by the next change
		for _, u := range w.Users {
			if u.Agent {
				uids = append(uids, u.UID)
			}
		}
	})
	return uids
}

// AudioServers lists users whose PipeWire runs.
func (m *Machine) AudioServers(context.Context) ([]uint32, error) {
	var uids []uint32
	err := m.look(func(w *world) {
		for _, u := range w.Users {
			if u.sounds() {
				uids = append(uids, u.UID)
			}
		}
	})
	return uids, err
}

func (u *user) sounds() bool { return u.Manager && u.Audio.State != "off" }

// Apply brings the user's audio, a slice, or the graphical session to want.
func (m *Machine) Apply(ctx context.Context, uid uint32, kind string, want fsm.Value) (settled bool, detail string, err error) {
	verb, err := m.agentVerb(uid, kind)
	if err != nil {
		return false, "", err
	}
	out, err := m.perform(ctx, event{Verb: verb, Name: orderName(uid, kind), Order: want})
	if err := errors.Join(err, out.err); err != nil {
		return false, "", err
	}
	return out.result == "done", "", nil
}

func (m *Machine) agentVerb(uid uint32, kind string) (string, error) {
	what, _, _ := strings.Cut(kind, "/")
	verb, known := map[string]string{"audio": audioSet, "session": desktopEnd, "slices": userSlice}[what]
	if !known {
		return "", fmt.Errorf("cannot ask agent of %d for %s: not supported", uid, kind)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.world.userByID(uid); u == nil || !u.Agent {
		return "", fmt.Errorf("cannot ask agent of %d: none is registered", uid)
	}
	return verb, m.advanceLocked()
}

// orderName is what an order of that kind is done to: a user, or a slice of one.
func orderName(uid uint32, kind string) string {
	name := strconv.Itoa(int(uid))
	if _, slice, one := strings.Cut(kind, "/"); one {
		name += "/" + slice
	}
	return name
}

// userSliceSetLocked limits a slice of a user's manager; no limit at all is what
// it was at first.
func (m *Machine) userSliceSetLocked(e event) {
	owner, slice, _ := strings.Cut(e.Name, "/")
	uid, _ := strconv.Atoi(owner)
	u := m.world.userByID(uint32(uid))
	switch {
	case u == nil || !u.Manager:
	case e.Order == "{}":
		delete(u.Slices, slice)
	case u.Slices == nil:
		u.Slices = map[string]fsm.Value{slice: e.Order}
	default:
		u.Slices[slice] = e.Order
	}
}

func (m *Machine) audioSetLocked(e event) {
	uid, _ := strconv.Atoi(e.Name)
	u := m.world.userByID(uint32(uid))
	var want order
	if u == nil || !u.Manager || e.Order.Decode(&want) != nil {
		return
	}
	nodes := u.Audio.Nodes
	if want.State == "off" {
		nodes = nil
	}
	u.Audio = audio{State: want.State, Quantum: want.Quantum, Rate: want.Rate, Nodes: nodes}
}

// Capture tells what the user's audio, a slice, or the graphical session is.
func (m *Machine) Capture(_ context.Context, uid uint32, kind string) (fsm.Value, error) {
	if _, err := m.agentVerb(uid, kind); err != nil {
		return "", err
	}
	var have fsm.Value
	err := m.look(func(w *world) {
		u := w.userByID(uid)
		if kind == "session" {
			have = fsm.NewValue(map[string]string{"graphical": map[bool]string{true: "active", false: "inactive"}[u.Graphical]})
			return
		}
		if _, slice, one := strings.Cut(kind, "/"); one {
			have = cmp.Or(u.Slices[slice], `{"cpu-weight":100,"io-weight":100,"memory-high":-1}`)
			return
		}
		have = fsm.NewValue(order{State: u.Audio.State, Quantum: u.Audio.Quantum, Rate: u.Audio.Rate})
	})
	return have, err
}

// Order makes want the standing order of that kind, for those who are there and
// those who come.
func (m *Machine) Order(kind string, want fsm.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if want == "" {
		delete(m.standing, kind)
		return
	}
	m.standing[kind] = want
	for _, u := range m.world.Users {
		m.obeyLocked(u)
	}
	_ = m.commitLocked() // told by the next change
}

// obeyLocked lets the agent of u, if there is one, follow the standing orders.
func (m *Machine) obeyLocked(u *user) {
	for _, kind := range slices.Sorted(maps.Keys(m.standing)) {
		if !u.Agent {
			return
		}
		verb, name := audioSet, orderName(u.UID, kind)
		if kind != "audio" {
			verb = userSlice
		}
		m.dropLocked(func(e event) bool { return e.Verb == verb && e.Name == name })
		m.beginLocked(event{Verb: verb, Name: name, Order: m.standing[kind]})
	}
}

// Standing is the present order of that kind.
func (m *Machine) Standing(kind string) fsm.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standing[kind]
}
