package simulate

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// Parts of the facts, as the operation "look PART" names them.
var parts = []string{"load", "memory", "gpus", "audio", "sessions", "processes", "units"}

var _ guards.Eyes = (*Machine)(nil)

// Look is what the machine looks like now: always all of it, and always fresh.
// A part whose look was made to fail is unknown; one that was made to hang is
// unknown when ctx ends.
func (m *Machine) Look(ctx context.Context, _ guards.Needs, _ bool) *facts.Facts {
	now := time.Now()
	unseen := m.unseen(ctx)
	part := func(name string) facts.Part { return facts.Part{Unknown: unseen[name], At: now} }
	f := &facts.Facts{At: now}
	_ = m.look(func(w *world) { // a file that cannot be written is told by the next change
		w.see(f)
	})
	f.Load.Part, f.Memory.Part, f.GPUs.Part, f.Audio.Part = part("load"), part("memory"), part("gpus"), part("audio")
	f.Sessions.Part, f.Process.Part, f.Units.Part = part("sessions"), part("processes"), part("units")
	return f
}

// unseen says of each part that a fault hides why it cannot be seen.
func (m *Machine) unseen(ctx context.Context) map[string]string {
	unseen := map[string]string{}
	hangs := false
	m.mu.Lock()
	for _, name := range parts {
		if f, met := m.strikeLocked(lookAt + " " + name); met {
			unseen[name] = "simulated: the eyes do not see " + name
			hangs = hangs || f.Hangs
		}
	}
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	return unseen
}

// see fills f with copies of what there is.
func (w *world) see(f *facts.Facts) {
	f.Load, f.Memory = w.Load, w.Memory
	f.Sessions.List = slices.Clone(w.Sessions)
	f.Process.List = slices.Clone(w.Processes)
	for i, g := range w.GPUs {
		f.GPUs.List = append(f.GPUs.List, seeGPU(gpuName(i), g))
	}
	for _, u := range w.Users {
		w.seeUser(f, u)
	}
	for _, id := range slices.Sorted(maps.Keys(w.Units)) {
		f.Units.List = append(f.Units.List, w.seeUnit(id, id))
	}
	for _, alias := range slices.Sorted(maps.Keys(w.Aliases)) {
		f.Units.List = append(f.Units.List, w.seeUnit(alias, w.Aliases[alias]))
	}
}

func seeGPU(name string, g facts.GPU) facts.GPU {
	g.Name = name
	g.Nodes, g.Holders = slices.Clone(g.Nodes), slices.Clone(g.Holders)
	for _, h := range g.Holders {
		g.BusyPercent += max(h.BusyPercent, 0)
		g.MemoryUsed += gib / 2
		if h.Compute {
			g.MemoryUsed = g.MemoryTotal * 9 / 10
		}
	}
	return g
}

func (w *world) seeUnit(name, id string) facts.Unit {
	u := w.Units[id]
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
