package server

import (
	"slices"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/facts"
)

// maxListed bounds each list of Resources: the facts beside them have the rest.
const maxListed = 256

// addWork adds what people and services have under way. What a row says of
// itself in its owner's words is cleaned, and no more believed for that.
func addWork(r *manager1.Resources, f *facts.Facts) {
	r.JobsTotal = uint32(max(f.Jobs.Total, len(f.Jobs.List)))
	r.Jobs = rows(f.Jobs.List, jobRow)
	r.Locks = rows(f.Jobs.Locks, func(l facts.Lock) manager1.Lock {
		return manager1.Lock{Culprit: processRow(l.Holder), Manager: l.Manager}
	})
	r.Inhibitors = rows(f.Inhibitors.List, func(i facts.Inhibitor) manager1.Inhibitor {
		return manager1.Inhibitor{What: i.What, Who: facts.Clean(i.Who), Why: facts.Clean(i.Why), Mode: i.Mode, UID: i.UID, User: i.User, PID: i.PID}
	})
	r.Holds = rows(f.Holds.List, func(h facts.Hold) manager1.HoldInfo {
		return manager1.HoldInfo{Scope: h.Scope, Who: h.Who, Why: h.Why, UID: h.UID, User: h.User, Since: h.Since}
	})
	r.DAWs = rows(f.Web.List, func(d facts.DAW) manager1.DAW {
		return manager1.DAW{URL: d.URL, UID: d.UID, User: d.User, State: d.State, Armed: uint32(max(d.Armed, 0)), Unknown: d.Unknown}
	})
	r.VLLM = rows(f.VLLM.List, vllmRow)
	r.K3sUnit, r.K3sActiveState, r.K3sNode, r.Unschedulable = f.Pods.Unit, f.Pods.Active, f.Pods.Node, f.Pods.Unschedulable
	r.Pods = rows(f.Pods.List, func(p facts.Pod) manager1.Pod {
		return manager1.Pod{Pod: p.Name, Namespace: p.Namespace, Phase: p.Phase, Owner: p.Owner, GPUs: uint32(max(p.GPUs, 0)), Since: p.Since}
	})
}

// rows turns the first maxListed of a list into rows.
func rows[T, R any](list []T, row func(T) R) []R {
	out := make([]R, 0, min(len(list), maxListed))
	for _, item := range list[:min(len(list), maxListed)] {
		out = append(out, row(item))
	}
	return out
}

func processRow(p facts.Process) manager1.Culprit {
	return manager1.Culprit{Kind: "process", PID: p.PID, Comm: facts.Clean(p.Comm), User: p.User, UID: p.UID, Unit: p.Unit, Session: p.Session}
}

func jobRow(j facts.Job) manager1.Job {
	return manager1.Job{Culprit: processRow(j.Process), CPUPercent: uint32(max(j.CPUPercent, 0)),
		AgeS: uint32(max(j.Age, 0) / time.Second), Build: j.Build, Foreground: j.Foreground, TTY: j.TTY}
}

func vllmRow(s facts.VLLMServer) manager1.VLLM {
	models := make([]string, 0, len(s.Models))
	for _, m := range s.Models {
		models = append(models, facts.Clean(m))
	}
	return manager1.VLLM{VLLM: s.Name, Unit: s.Unit, URL: s.URL, ActiveState: s.Active, Healthy: s.Healthy, Models: models,
		Running: uint32(max(s.Running, 0)), Waiting: uint32(max(s.Waiting, 0)), Generating: s.Generating, Unknown: s.Unknown}
}

// audioRows is the users' audio, and whether an agent speaks for them. Users
// with an audio server that nobody speaks for are unknown, jackd's clients are
// nodes.
func (s *Server) audioRows(f *facts.Facts) []manager1.AudioUser {
	registered := s.agents.Registered()
	var rows []manager1.AudioUser
	for _, u := range f.Audio.Users {
		row := audioRow(u)
		row.Agent = u.Known() || slices.Contains(registered, u.UID) // nobody else knows
		rows = append(rows, row)
	}
	for _, a := range f.Process.Audio {
		at := slices.IndexFunc(rows, func(r manager1.AudioUser) bool { return r.UID == a.UID })
		if at < 0 {
			rows = append(rows, manager1.AudioUser{UID: a.UID, User: a.User, Agent: slices.Contains(registered, a.UID)})
			at = len(rows) - 1
			if a.Server != "jackd" {
				rows[at].State, rows[at].Unknown = stateUnknown, "PipeWire runs and no moded-agent reports of it"
			}
		}
		if a.Server == "jackd" {
			addJack(&rows[at], a)
		}
	}
	return rows
}

// stateUnknown is what audio is of which somebody cannot see enough.
const stateUnknown = "unknown"

func audioRow(u facts.AudioUser) manager1.AudioUser {
	row := manager1.AudioUser{UID: u.UID, User: u.User, State: audioState(u), Recording: uint32(max(u.Recording, 0)),
		Production: uint32(max(u.Production, 0)), Media: uint32(max(u.Media, 0)), Quantum: u.Quantum, Rate: u.Rate,
		IdleSince: u.IdleSince, Unknown: u.Unknown}
	for _, n := range u.Nodes[:min(len(u.Nodes), maxCulprits)] {
		row.Nodes = append(row.Nodes, manager1.Culprit{Kind: "client", PID: n.PID, Comm: facts.Clean(n.Binary),
			Client: facts.Clean(n.Client), User: u.User, UID: u.UID, Detail: n.Class})
	}
	return row
}

// addJack adds the clients of a user's jackd.
func addJack(row *manager1.AudioUser, a facts.AudioServer) {
	for _, c := range a.Clients[:min(len(a.Clients), maxCulprits)] {
		row.Nodes = append(row.Nodes, manager1.Culprit{Kind: "client", Client: facts.Clean(c), User: a.User, UID: a.UID, Detail: "JACK client"})
	}
	row.Production += uint32(len(a.Clients))
	switch {
	case len(a.Clients) > 0:
		row.State, row.IdleSince = "running", time.Time{}
	case !a.Known():
		row.State, row.Unknown = stateUnknown, "the clients of jackd: "+a.Unknown
	case row.State == "" || row.State == "off":
		row.State = "idle"
	}
}

func audioState(u facts.AudioUser) string {
	switch {
	case !u.Known():
		return stateUnknown
	case !u.Running:
		return "off"
	case u.Recording+u.Production+u.Media > 0:
		return "running"
	}
	return "idle"
}
