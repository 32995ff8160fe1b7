package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

var (
	_ actions.Slices  = (*Machine)(nil)
	_ actions.Logind  = (*Machine)(nil)
	_ actions.Devices = (*Machine)(nil)
	_ actions.Prober  = (*Machine)(nil)
	_ fsm.Sessions    = (*Machine)(nil)
	_ fsm.Host        = (*Machine)(nil)
)

// Timing is for actions that move this machine: a fast one is looked at more
// often and given up earlier, though never before a busy computer has had time
// to simulate it.
func (m *Machine) Timing() actions.Timing {
	deadline := func(d time.Duration) time.Duration {
		return max(time.Duration(float64(d)/m.speed), min(d, 10*time.Second))
	}
	look := func(d time.Duration) time.Duration { return max(time.Duration(float64(d)/m.speed), 5*time.Millisecond) }
	return actions.Timing{
		SessionTerm: deadline(45 * time.Second), SessionKill: deadline(15 * time.Second),
		GPUBarrier: deadline(30 * time.Second), GPUSettings: deadline(time.Minute), Cluster: deadline(time.Minute), Drain: deadline(5 * time.Minute),
		Audio: deadline(30 * time.Second), Hook: deadline(10 * time.Minute),
		UnitStart: deadline(90 * time.Second), UnitStop: deadline(90 * time.Second), UnitReady: deadline(2 * time.Minute), UnitKill: deadline(15 * time.Second),
		Stable: look(time.Second), Poll: look(200 * time.Millisecond),
	}
}

// Limits are the slice's as they are.
func (m *Machine) Limits(_ context.Context, slice string) (actions.Limits, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return actions.Limits{}, err
	}
	l, ok := m.world.Slices[slice]
	if !ok {
		return actions.Limits{}, fmt.Errorf("cannot read limits of %s: %w", slice, actions.ErrNoUnit)
	}
	return *l, nil
}

// SetLimits sets those that l states.
func (m *Machine) SetLimits(ctx context.Context, slice string, l actions.Limits) error {
	if _, err := m.Limits(ctx, slice); err != nil {
		return err
	}
	out, err := m.perform(ctx, event{Verb: sliceSet, Name: slice, Limits: &l})
	return errors.Join(err, out.err)
}

func (m *Machine) sliceSetLocked(e event) {
	now := m.world.Slices[e.Name]
	set(&now.CPUWeight, e.Limits.CPUWeight)
	set(&now.IOWeight, e.Limits.IOWeight)
	set(&now.MemoryHigh, e.Limits.MemoryHigh)
	set(&now.CPUQuota, e.Limits.CPUQuota)
	set(&now.AllowedCPUs, e.Limits.AllowedCPUs)
}

func set[T any](now **T, want *T) {
	if want != nil {
		*now = want
	}
}

// Graphical lists the sessions that ending the GUI would end.
func (m *Machine) Graphical(context.Context) ([]fsm.Session, error) {
	var list []fsm.Session
	err := m.look(func(w *world) {
		for _, s := range w.Sessions {
			if s.Graphical() || s.Class == "greeter" {
				list = append(list, session(s))
			}
		}
	})
	return list, err
}

// OtherSessions lists what the user has open besides.
func (m *Machine) OtherSessions(_ context.Context, uid uint32, except []string) ([]fsm.Session, error) {
	var list []fsm.Session
	err := m.look(func(w *world) {
		for _, s := range w.Sessions {
			if s.UID == uid && !slices.Contains(except, s.ID) {
				list = append(list, session(s))
			}
		}
	})
	return list, err
}

func session(s facts.Session) fsm.Session {
	return fsm.Session{ID: s.ID, UID: s.UID, User: s.User, Seat: s.Seat, Class: s.Class, Type: s.Type, Scope: s.Scope}
}

// SessionState returns "gone" when there is no such session.
func (m *Machine) SessionState(_ context.Context, id string) (state string, err error) {
	state = "gone"
	err = m.look(func(w *world) {
		if i := w.session(id); i >= 0 {
			state = w.Sessions[i].State
		}
	})
	return state, err
}

// Terminate asks the session to end and returns at once, as logind does.
func (m *Machine) Terminate(_ context.Context, id string) error {
	return m.endSession(event{Verb: sessionEnd, Name: id})
}

// Kill ends the session by force.
func (m *Machine) Kill(_ context.Context, id string) error {
	return m.endSession(event{Verb: sessionKill, Name: id})
}

func (m *Machine) endSession(e event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return err
	}
	i := m.world.session(e.Name)
	if i < 0 {
		return fmt.Errorf("cannot end session %s: no such session", e.Name)
	}
	m.world.Sessions[i].State = "closing"
	m.beginLocked(e)
	return m.commitLocked()
}

// sessionEndedLocked takes the session away, and with a user's last one what
// lives in the user's manager.
func (m *Machine) sessionEndedLocked(e event) {
	i := m.world.session(e.Name)
	if i < 0 {
		return
	}
	s := m.world.Sessions[i]
	m.world.Sessions = slices.Delete(m.world.Sessions, i, i+1)
	m.dropLocked(func(other event) bool {
		return other.Name == e.Name && (other.Verb == sessionEnd || other.Verb == sessionKill)
	})
	m.releaseLocked(func(p facts.Process) bool { return p.Session == s.ID })
	another := slices.ContainsFunc(m.world.Sessions, func(o facts.Session) bool { return o.UID == s.UID })
	if u := m.world.userByID(s.UID); u != nil && !another {
		m.beginLocked(event{Verb: managerEnd, Name: strconv.Itoa(int(s.UID))})
	}
	if m.world.Units[displayDM].Active == "active" && s.Class == "user" && s.Type == "wayland" {
		m.beginLocked(event{Verb: greeter, Name: seat})
	}
}

// managerEndedLocked is the end of user@UID, unless the user came back.
func (m *Machine) managerEndedLocked(e event) {
	uid, _ := strconv.Atoi(e.Name)
	u := m.world.userByID(uint32(uid))
	if u == nil || slices.ContainsFunc(m.world.Sessions, func(s facts.Session) bool { return s.UID == u.UID }) {
		return
	}
	u.Manager, u.Graphical, u.Agent, u.Audio, u.Slices = false, false, false, audio{}, nil
	m.world.setManager(u, "inactive", "dead")
	m.releaseLocked(func(p facts.Process) bool { return p.Unit == managerOf(u.UID) })
}

// desktopEndedLocked is the end of graphical-session.target in the user's
// manager.
func (m *Machine) desktopEndedLocked(e event) {
	uid, _ := strconv.Atoi(e.Name)
	u := m.world.userByID(uint32(uid))
	if u == nil {
		return
	}
	u.Graphical = false
	m.releaseLocked(func(p facts.Process) bool {
		return p.Unit == managerOf(u.UID) && p.Comm != "pipewire" && p.Comm != "moded-agent"
	})
}

// greeterStartedLocked shows the login screen, if its display manager still
// runs and nobody has the display.
func (m *Machine) greeterStartedLocked() {
	if m.world.displays() || m.world.Units[displayDM].Active != "active" {
		return
	}
	s := m.world.addSession(gdmUID, "gdm", "greeter", "wayland", seat)
	pid := m.world.pid()
	m.world.Processes = append(m.world.Processes, facts.Process{
		PID: pid, Comm: "gnome-shell", Exe: "gnome-shell", UID: gdmUID, User: "gdm", Unit: s.Scope, Session: s.ID,
	})
	m.world.hold(m.world.GPUs[0].PCI, facts.Holder{PID: pid, Comm: "gnome-shell", Graphics: true, BusyPercent: 1})
}

func (m *Machine) endGreetersLocked() {
	for i, s := range m.world.Sessions {
		if s.Class == "greeter" {
			m.world.Sessions[i].State = "closing"
			m.beginLocked(event{Verb: sessionEnd, Name: s.ID})
		}
	}
}

// releaseLocked ends processes, and their sound with them. The GPUs they hold
// are free a while later.
func (m *Machine) releaseLocked(match func(facts.Process) bool) {
	var dead []uint32
	for _, p := range m.world.Processes {
		if match(p) {
			dead = append(dead, p.PID)
		}
	}
	m.world.Processes = slices.DeleteFunc(m.world.Processes, match)
	for _, u := range m.world.Users {
		u.Audio.Nodes = slices.DeleteFunc(u.Audio.Nodes, func(n facts.AudioNode) bool { return slices.Contains(dead, n.PID) })
	}
	for i, g := range m.world.GPUs {
		if slices.ContainsFunc(g.Holders, func(h facts.Holder) bool { return slices.Contains(dead, h.PID) }) {
			m.beginLocked(event{Verb: gpuFree, Name: gpuName(i), PIDs: dead})
		}
	}
}

func (m *Machine) gpuFreedLocked(e event) {
	for i := range m.world.GPUs {
		if gpuName(i) == e.Name {
			m.world.GPUs[i].Holders = slices.DeleteFunc(m.world.GPUs[i].Holders, func(h facts.Holder) bool {
				return slices.Contains(e.PIDs, h.PID)
			})
		}
	}
}

func gpuName(i int) string { return "gpu" + strconv.Itoa(i) }

// Devices lists the GPUs with their holders.
func (m *Machine) Devices(context.Context) ([]actions.Device, error) {
	var list []actions.Device
	err := m.look(func(w *world) {
		for _, g := range w.GPUs {
			list = append(list, device(g))
		}
	})
	return list, err
}

func device(g facts.GPU) actions.Device {
	d := actions.Device{
		PCI: g.PCI, UUID: g.UUID, Nodes: slices.Clone(g.Nodes), Connected: g.Connected, Suspended: g.Suspended,
	}
	for _, h := range g.Holders {
		d.Holders = append(d.Holders, actions.DeviceHolder{
			PID: h.PID, Comm: h.Comm, UID: h.UID, User: h.User, Unit: h.Unit, Session: h.Session,
			Compute: h.Compute, Graphics: h.Graphics,
		})
	}
	return d
}
