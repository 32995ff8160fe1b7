package server

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

func (s *Server) resources(ctx context.Context, _ *call) ([]any, error) {
	f, err := s.cfg.Resources(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	mode, _ := s.engine.Catalog().Mode(s.engine.State().Mode)
	r := resourcesOf(f, mode)
	r.Audio = s.audioRows(f)
	r.Facts = string(raw)
	return []any{r.ToMap()}, nil
}

func resourcesOf(f *facts.Facts, mode fsm.Mode) manager1.Resources {
	r := manager1.Resources{Collected: f.At, CPUs: uint32(max(f.Load.CPUs, 0)), Load1: f.Load.Load1, Load5: f.Load.Load5,
		Load15: f.Load.Load15, MemoryTotal: int64(f.Memory.Total), MemoryAvailable: int64(f.Memory.Available),
		PSICPU: avg10(f.Load.PSI), PSIMemory: avg10(f.Memory.PSI), Unknown: unknowns(f)}
	for _, g := range f.GPUs.List {
		r.GPUs = append(r.GPUs, gpuRow(g, mode))
	}
	for _, session := range f.Sessions.List {
		r.Sessions = append(r.Sessions, manager1.Session{Session: session.ID, UID: session.UID, User: session.User,
			Seat: session.Seat, Type: session.Type, Class: session.Class, Remote: session.Remote,
			Active: session.State == "active"})
	}
	for _, u := range f.Units.List {
		r.Units = append(r.Units, manager1.Unit{Unit: u.Name, Owner: unitOwner(u.Name, mode), ActiveState: u.Active, SubState: u.Sub})
	}
	return r
}

func avg10(p *facts.Pressure) float64 {
	if p == nil {
		return 0
	}
	return p.Avg10
}

// unknowns says what could not be seen, and why.
func unknowns(f *facts.Facts) []string {
	var list []string
	for _, p := range f.Parts() {
		if !p.Known() && p.Unknown != facts.NotAsked {
			list = append(list, p.Name+": "+p.Unknown)
		}
	}
	return list
}

func gpuRow(g facts.GPU, mode fsm.Mode) manager1.GPU {
	row := manager1.GPU{GPU: g.Name, UUID: g.UUID, PCI: g.PCI, Driver: g.Driver, Model: g.Model, Role: role(g, mode),
		Suspended: g.Suspended}
	if g.Suspended {
		return row
	}
	row.BusyPercent = float64(max(g.BusyPercent, 0))
	row.MemoryTotal, row.MemoryUsed = int64(g.MemoryTotal), int64(g.MemoryUsed)
	for _, h := range g.Holders[:min(len(g.Holders), maxCulprits)] {
		row.Holders = append(row.Holders, manager1.Culprit{Kind: "process", PID: h.PID, Comm: h.Comm, User: h.User,
			UID: h.UID, Unit: h.Unit, Session: h.Session})
	}
	return row
}

// role is what the mode wants of a GPU: display, compute, none, or any.
func role(g facts.GPU, mode fsm.Mode) string {
	for _, setting := range mode.Settings {
		if setting.Kind == "gpus" && gpuIs(g, setting) {
			return words(setting.Value)
		}
	}
	return "any"
}

func gpuIs(g facts.GPU, setting fsm.Setting) bool {
	var v struct {
		PCI  string `json:"pci"`
		UUID string `json:"uuid"`
		Auto string `json:"auto"`
	}
	if decodeLoosely(setting.Value, &v) != nil {
		return false
	}
	switch v.Auto {
	case "primary":
		return g.Connected
	case "others":
		return !g.Connected
	}
	return v.PCI != "" && v.PCI == g.PCI || v.UUID != "" && v.UUID == g.UUID || g.Name != "" && g.Name == setting.Key
}

// unitOwner is the kind of setting that a unit belongs to.
func unitOwner(unit string, mode fsm.Mode) string {
	at := slices.IndexFunc(mode.Settings, func(s fsm.Setting) bool { return s.Kind == "units" && s.Key == unit })
	if at < 0 {
		return ""
	}
	return mode.Settings[at].Kind
}

// audioRows is the users' audio, and whether an agent speaks for them.
func (s *Server) audioRows(f *facts.Facts) []manager1.AudioUser {
	registered := s.agents.Registered()
	var rows []manager1.AudioUser
	for _, u := range f.Audio.Users {
		row := manager1.AudioUser{UID: u.UID, User: u.User, Agent: slices.Contains(registered, u.UID), State: audioState(u)}
		for _, n := range u.Nodes[:min(len(u.Nodes), maxCulprits)] {
			row.Nodes = append(row.Nodes, manager1.Culprit{Kind: "client", PID: n.PID, Comm: n.Binary, Client: n.Client,
				User: u.User, UID: u.UID, Detail: n.Class})
		}
		rows = append(rows, row)
	}
	return rows
}

func audioState(u facts.AudioUser) string {
	switch {
	case !u.Known():
		return "unknown"
	case !u.Running:
		return "off"
	case u.Recording+u.Production+u.Media > 0:
		return "running"
	}
	return "idle"
}
