package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
)

var _ triggers.Machine = (*Machine)(nil)

// Tell has f called whenever something has happened, in place of PID 1's and
// logind's signals. It must not block or call the machine.
func (m *Machine) Tell(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell = f
	m.newsLocked()
}

// newsLocked tells that something has happened, and sees to it that what is
// under way will happen without anybody looking.
func (m *Machine) newsLocked() {
	if m.tell == nil {
		return
	}
	m.tell()
	if m.alarm != nil {
		m.alarm.Stop()
	}
	if len(m.world.Pending) > 0 {
		m.alarm = time.AfterFunc(max(m.untilNextLocked(), 0), func() {
			_ = m.look(func(*world) {}) // a file that cannot be written is told by the next change
		})
	}
}

// Sessions are those of this moment.
func (m *Machine) Sessions(context.Context) facts.Sessions {
	seen := facts.Sessions{Part: facts.Part{At: time.Now()}}
	_ = m.look(func(w *world) { seen.List = slices.Clone(w.Sessions) }) // as above
	return seen
}

// Audio is what the agents of the users report.
func (m *Machine) Audio() []facts.AudioUser {
	var f facts.Facts
	_ = m.look(func(w *world) { // as above
		for _, u := range w.Users {
			if u.Agent {
				w.seeUser(&f, u)
			}
		}
	})
	return f.Audio.Users
}

// Follow does nothing: all news are told.
func (m *Machine) Follow([]string) {}

// WatchPressure starts or stops the unit that watches memory.
func (m *Machine) WatchPressure(ctx context.Context, on bool) error {
	if on {
		_, err := m.Start(ctx, pressureUnit)
		return err
	}
	_, err := m.Stop(ctx, pressureUnit)
	return err
}

// Pressure tells whether memory is short, as far as anybody watches.
func (m *Machine) Pressure(context.Context) (short bool, err error) {
	_ = m.look(func(w *world) { // as above
		if short = w.Short; w.Units[pressureUnit].Active != "active" {
			short, err = false, fmt.Errorf("%s is %s", pressureUnit, w.Units[pressureUnit].Active)
		}
	})
	return short, err
}

const usageHands = `idle|active|lock|unlock SESSION · pipewire start|stop USER · pressure on|off · unit start|stop UNIT`

// sessionLocked is what somebody at a session does, or leaves.
func (m *Machine) sessionLocked(what string, args []string, do func(*facts.Session)) (string, error) {
	if len(args) != 1 || m.world.session(args[0]) < 0 {
		return "", fmt.Errorf("say %s SESSION, one of those of state", what)
	}
	s := &m.world.Sessions[m.world.session(args[0])]
	do(s)
	if s.Type == "tty" { // logind knows of a terminal when it was used last
		s.IdleSince = time.Now()
	}
	return fmt.Sprintf("session %s of %s: %s", s.ID, s.User, what), nil
}

// pipewireLocked ends the user's PipeWire, as a crash would, or starts it.
func (m *Machine) pipewireLocked(args []string) (string, error) {
	if len(args) != 2 || m.world.user(args[1]) == nil || !m.world.user(args[1]).Manager {
		return "", fmt.Errorf("say pipewire start USER or pipewire stop USER, who is logged in")
	}
	u := m.world.user(args[1])
	switch args[0] {
	case "start":
		if !u.sounds() {
			u.Audio = audio{State: "on"}
			m.world.spawn(u, "pipewire", "pipewire.service")
		}
		m.obeyLocked(u)
	case "stop":
		u.Audio = audio{State: "off"}
		m.releaseLocked(func(p facts.Process) bool { return p.UID == u.UID && p.Comm == "pipewire" })
	default:
		return "", fmt.Errorf("say pipewire start or pipewire stop")
	}
	return "pipewire of " + u.Name + ": " + args[0], nil
}

// byHandLocked starts or stops a unit as an administrator would.
func (m *Machine) byHandLocked(args []string) (string, error) {
	if len(args) != 2 || args[0] != "start" && args[0] != "stop" {
		return "", fmt.Errorf("say unit start UNIT or unit stop UNIT")
	}
	id, u, err := m.unitLocked(args[1])
	switch {
	case err != nil:
		return "", err
	case args[0] == "stop":
		m.queueLocked(id, u, unitStop, "deactivating")
	case m.gateShut(id, u):
		return "the mode keeps " + id + " down", nil
	default:
		m.queueLocked(id, u, unitStart, "activating")
	}
	return strings.Join(args, " ") + ": begun", nil
}
