package simulate

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

var _ guards.Eyes = (*Machine)(nil)

// Look is what the machine looks like now: always all of it, of units those that
// n names if it names any, and always fresh. Holds are the daemon's own and not
// here. A part whose look was made to fail is unknown; one that was made to hang
// is unknown when ctx ends.
func (m *Machine) Look(ctx context.Context, n guards.Needs, _ bool) *facts.Facts {
	now := time.Now()
	unseen := m.unseen(ctx)
	f := &facts.Facts{At: now}
	_ = m.look(func(w *world) { // a file that cannot be written is told by the next change
		w.see(f, n)
	})
	for _, p := range f.Parts() {
		*p.Part = facts.Part{Unknown: unseen[p.Name], At: now}
	}
	return f
}

// unseen says of each part that a fault hides why it cannot be seen.
func (m *Machine) unseen(ctx context.Context) map[string]string {
	unseen := map[string]string{}
	hangs := false
	m.mu.Lock()
	for _, p := range (&facts.Facts{}).Parts() {
		if f, met := m.strikeLocked(lookAt + " " + p.Name); met {
			unseen[p.Name] = "simulated: the eyes do not see " + p.Name
			hangs = hangs || f.Hangs
		}
	}
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	return unseen
}

// see fills f with copies of what there is, and with what n names and there is
// not.
func (w *world) see(f *facts.Facts, n guards.Needs) {
	f.Load, f.Memory = w.Load, w.Memory
	f.Sessions.List = slices.Clone(w.Sessions)
	f.Process.List, f.Process.Names = slices.Clone(w.Processes), n.Processes
	for i, g := range w.GPUs {
		f.GPUs.List = append(f.GPUs.List, seeGPU(gpuName(i), g))
	}
	for _, u := range w.Users {
		w.seeUser(f, u)
	}
	w.seeUnits(f, n.Units)
	w.seeWork(f, n)
}

// coolest is the temperature of a GPU that nobody uses.
const coolest = 36

func seeGPU(name string, g facts.GPU) facts.GPU {
	g.Name = name
	g.Settings, g.Instances = seeSettings(g.Settings), slices.Clone(g.Instances)
	g.Nodes, g.Holders = slices.Clone(g.Nodes), slices.Clone(g.Holders)
	for i := range g.Holders {
		h := &g.Holders[i]
		h.Memory = gib / 2
		if h.Compute {
			h.Memory = g.MemoryTotal * 9 / 10
		}
		g.BusyPercent += max(h.BusyPercent, 0)
		g.MemoryUsed = min(g.MemoryUsed+h.Memory, g.MemoryTotal)
	}
	g.Temperature = coolest + g.BusyPercent/2
	return g
}

// seeUnits lists the units of those names, or all of them.
func (w *world) seeUnits(f *facts.Facts, names []string) {
	if len(names) == 0 {
		names = slices.Concat(slices.Sorted(maps.Keys(w.Units)), slices.Sorted(maps.Keys(w.Aliases)))
	}
	for _, name := range names {
		f.Units.List = append(f.Units.List, w.seeUnit(name))
	}
}

func (w *world) seeUnit(name string) facts.Unit {
	id := name
	if primary, ok := w.Aliases[name]; ok {
		id = primary
	}
	u, ok := w.Units[id]
	if !ok {
		return facts.Unit{Name: name, Load: "not-found", Active: "inactive"}
	}
	return facts.Unit{Name: name, ID: id, Load: u.Load, Active: u.Active, Sub: u.Sub}
}

// seeUser tells of the user's sound, if the user is there.
func (w *world) seeUser(f *facts.Facts, u *user) {
	if !u.Manager {
		return
	}
	a := facts.AudioUser{
		Part: facts.Part{At: f.At}, UID: u.UID, User: u.Name, Running: u.sounds(),
		Nodes: slices.Clone(u.Audio.Nodes), Quantum: u.Audio.Quantum, Rate: u.Audio.Rate,
	}
	for _, n := range a.Nodes {
		switch n.Class {
		case "recording":
			a.Recording++
		case "production":
			a.Production++
		default:
			a.Media++
		}
	}
	if len(a.Nodes) == 0 {
		a.IdleSince = w.Userspace
	}
	f.Audio.Users = append(f.Audio.Users, a)
	if u.sounds() {
		f.Process.Audio = append(f.Process.Audio, facts.AudioServer{UID: u.UID, User: u.Name, Server: "pipewire", PID: w.pidOf(u, "pipewire")})
	}
}

// pidOf finds a program of the user, or returns 0.
func (w *world) pidOf(u *user, comm string) uint32 {
	for _, p := range w.Processes {
		if p.UID == u.UID && p.Comm == comm {
			return p.PID
		}
	}
	return 0
}
