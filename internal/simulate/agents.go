package simulate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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

// Apply brings the user's audio, or graphical session, to want.
func (m *Machine) Apply(ctx context.Context, uid uint32, kind string, want fsm.Value) (settled bool, detail string, err error) {
	verb, err := m.agentVerb(uid, kind)
	if err != nil {
		return false, "", err
	}
	out, err := m.perform(ctx, event{Verb: verb, Name: strconv.Itoa(int(uid)), Order: want})
	if err := errors.Join(err, out.err); err != nil {
		return false, "", err
	}
	return out.result == "done", "", nil
}

func (m *Machine) agentVerb(uid uint32, kind string) (string, error) {
	verb, known := map[string]string{"audio": audioSet, "session": desktopEnd}[kind]
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

// Capture tells what the user's audio, or graphical session, is.
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

// obeyLocked lets the agent of u, if there is one, follow the standing order.
func (m *Machine) obeyLocked(u *user) {
	if want, ok := m.standing["audio"]; ok && u.Agent {
		name := strconv.Itoa(int(u.UID))
		m.dropLocked(func(e event) bool { return e.Verb == audioSet && e.Name == name })
		m.beginLocked(event{Verb: audioSet, Name: name, Order: want})
	}
}

// Standing is the present order of that kind.
func (m *Machine) Standing(kind string) fsm.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standing[kind]
}
