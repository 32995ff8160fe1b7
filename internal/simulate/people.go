package simulate

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/modectl/moded/pkg/facts"
)

// user returns the user of that name, or nil.
func (w *world) user(name string) *user {
	for _, u := range w.Users {
		if u.Name == name {
			return u
		}
	}
	return nil
}

func (w *world) userByID(uid uint32) *user {
	for _, u := range w.Users {
		if u.UID == uid {
			return u
		}
	}
	return nil
}

// session returns the place of the session of that id, or -1.
func (w *world) session(id string) int {
	return slices.IndexFunc(w.Sessions, func(s facts.Session) bool { return s.ID == id })
}

// displays tells whether somebody, or a greeter, has the seat's display.
func (w *world) displays() bool {
	return slices.ContainsFunc(w.Sessions, func(s facts.Session) bool {
		return s.Seat == seat && s.Type == "wayland" && s.State != "closing"
	})
}

// logIn opens a session of u, with all that comes with it.
func (w *world) logIn(u *user, kind, seat string) facts.Session {
	s := w.addSession(u.UID, u.Name, "user", kind, seat)
	if !u.Manager {
		w.startManager(u)
	}
	if kind == "wayland" {
		w.startDesktop(u)
	}
	return s
}

func (w *world) addSession(uid uint32, name, class, kind, seat string) facts.Session {
	id := strconv.Itoa(w.NextSession)
	w.NextSession++
	s := facts.Session{
		ID: id, UID: uid, User: name, Seat: seat, Class: class, Type: kind, State: "active",
		Remote: seat == "", Scope: "session-" + id + ".scope",
	}
	w.Sessions = append(w.Sessions, s)
	return s
}

func (w *world) startManager(u *user) {
	u.Manager, u.Agent = true, true
	u.Audio = audio{State: "on"}
	w.setManager(u, "active", "running")
	w.spawn(u, "pipewire", "pipewire.service")
	w.spawn(u, "moded-agent", "moded-agent.service")
}

func (w *world) setManager(u *user, active, sub string) {
	if m, ok := w.Units[managerOf(u.UID)]; ok {
		m.Active, m.Sub = active, sub
	}
}

// startDesktop starts what a desktop has open. Its programs are units of the
// user's manager, not processes of the session.
func (w *world) startDesktop(u *user) {
	u.Graphical = true
	shell := w.spawn(u, "gnome-shell", shellUnit)
	firefox := w.spawn(u, "firefox", "app-gnome-firefox.scope")
	w.spawn(u, "reaper", "app-gnome-reaper.scope")
	w.hold("0000:01:00.0", facts.Holder{PID: shell, Comm: "gnome-shell", Graphics: true, BusyPercent: 2})
	w.hold("0000:01:00.0", facts.Holder{PID: firefox, Comm: "firefox", Graphics: true, BusyPercent: 1})
}

// spawn starts a program in the user's manager.
func (w *world) spawn(u *user, comm, userUnit string) uint32 {
	pid := w.pid()
	w.Processes = append(w.Processes, facts.Process{
		PID: pid, Comm: comm, Exe: comm, UID: u.UID, User: u.Name, Unit: managerOf(u.UID), UserUnit: userUnit,
	})
	return pid
}

func (w *world) pid() uint32 {
	w.NextPID += 7
	return w.NextPID
}

// hold lets a process of the table, or a stranger, open a GPU.
func (w *world) hold(pci string, h facts.Holder) {
	for _, p := range w.Processes {
		if p.PID == h.PID {
			h.UID, h.User, h.Unit, h.UserUnit, h.Session = p.UID, p.User, p.Unit, p.UserUnit, p.Session
		}
	}
	for i := range w.GPUs {
		if w.GPUs[i].PCI == pci {
			w.GPUs[i].Holders = append(w.GPUs[i].Holders, h)
		}
	}
}

func managerOf(uid uint32) string { return fmt.Sprintf("user@%d.service", uid) }
