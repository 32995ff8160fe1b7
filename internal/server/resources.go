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
		PSICPU: avg10(f.Load.PSI), PSIMemory: avg10(f.Memory.PSI), PSIIO: avg10(f.Load.IO),
		Mains: f.Power.Mains, BatteryPercent: float64(f.Power.Battery), Parts: partRows(f), Unknown: unknowns(f)}
	for _, g := range f.GPUs.List {
		r.GPUs = append(r.GPUs, gpuRow(g, mode))
	}
	for _, session := range f.Sessions.List {
		r.Sessions = append(r.Sessions, manager1.Session{Session: session.ID, UID: session.UID, User: session.User,
			Seat: session.Seat, Type: session.Type, Class: session.Class, Remote: session.Remote,
			Active: session.State == "active", Idle: session.Idle, IdleSince: session.IdleSince})
	}
	for _, u := range f.Units.List {
		r.Units = append(r.Units, manager1.Unit{Unit: u.Name, Owner: unitOwner(u.Name, mode), ActiveState: u.Active, SubState: u.Sub})
	}
	addWork(&r, f)
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

// partRows tells of each part that was asked for when it was seen.
func partRows(f *facts.Facts) []manager1.Part {
	var rows []manager1.Part
	for _, p := range f.Parts() {
		if p.Unknown != facts.NotAsked {
			rows = append(rows, manager1.Part{Part: p.Name, At: p.At, Unknown: p.Unknown})
		}
	}
	return rows
}

func gpuRow(g facts.GPU, mode fsm.Mode) manager1.GPU {
	row := manager1.GPU{GPU: g.Name, UUID: g.UUID, PCI: g.PCI, Driver: g.Driver, Model: facts.Clean(g.Model), Role: role(g, mode),
		Suspended: g.Suspended, Connected: g.Connected, GPUSettings: settingsRow(g.Settings)}
	if g.Suspended {
		return row
	}
	row.BusyPercent, row.Unmeasured = measuredUse(g)
	row.Temperature = uint32(max(g.Temperature, 0))
	row.MemoryTotal, row.MemoryUsed = int64(g.MemoryTotal), int64(g.MemoryUsed)
	for _, h := range g.Holders[:min(len(g.Holders), maxCulprits)] {
		row.Holders = append(row.Holders, holderRow(h))
	}
	for _, i := range g.Instances {
		row.Instances = append(row.Instances, manager1.Instance{UUID: i.UUID, Model: facts.Clean(i.Model),
			MemoryTotal: int64(i.MemoryTotal), MemoryUsed: int64(i.MemoryUsed)})
	}
	return row
}

// settingsRow is empty when nobody has asked.
func settingsRow(s *facts.GPUSettings) (row manager1.GPUSettings) {
	if s == nil {
		return row
	}
	row = manager1.GPUSettings{SettingsAt: s.At, ComputeMode: s.ComputeMode, PowerLimit: s.PowerLimit, PowerDefault: s.PowerDefault,
		PowerMin: s.PowerMin, PowerMax: s.PowerMax, MIG: s.MIG, MIGPending: s.MIGPending, MIGParts: s.Parts}
	if s.Persistence != nil {
		row.Persistence = map[bool]string{true: "on", false: "off"}[*s.Persistence]
	}
	return row
}

// measuredUse is the use of a GPU, or why it is not known.
func measuredUse(g facts.GPU) (percent float64, unmeasured string) {
	switch {
	case g.BusyPercent >= 0:
		return float64(g.BusyPercent), ""
	case g.Unmeasured == "":
		return 0, "it was not measured"
	}
	return 0, g.Unmeasured
}

func holderRow(h facts.Holder) manager1.Holder {
	return manager1.Holder{
		Culprit: manager1.Culprit{Kind: "process", PID: h.PID, Comm: facts.Clean(h.Comm), User: h.User, UID: h.UID,
			Unit: h.Unit, Session: h.Session},
		Memory: int64(h.Memory), BusyPercent: float64(max(h.BusyPercent, 0)), Compute: h.Compute, Graphics: h.Graphics,
		Pod: h.Pod, Instance: h.Instance,
	}
}

// role is what the mode wants of a GPU: display, compute, none, or any.
func role(g facts.GPU, mode fsm.Mode) string {
	for _, setting := range mode.Settings {
		if setting.Kind == "gpus" && gpuIs(g, setting) {
			var v struct{ Owner string }
			_ = decodeLoosely(setting.Value, &v) // it was validated
			return v.Owner
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
