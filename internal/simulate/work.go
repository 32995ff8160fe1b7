package simulate

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// work is what people and services have under way.
type work struct {
	Jobs       []job             `json:"jobs,omitempty"`
	Locks      []facts.Lock      `json:"locks,omitempty"`
	Inhibitors []facts.Inhibitor `json:"inhibitors,omitempty"`
	// WebOff is set while REAPER's web interface is switched off.
	WebOff bool `json:"web-off,omitempty"`
	// Requests are those of AI servers, by their units.
	Requests map[string]requests `json:"requests,omitempty"`
	Pods     []facts.Pod         `json:"pods,omitempty"`
	Node     nodeState           `json:"node,omitzero"`
	Power    facts.Power         `json:"power"`
}

// job is a process at work since a time.
type job struct {
	facts.Job
	Since time.Time `json:"since"`
}

// What the machine's services are called.
const (
	webURL = "http://127.0.0.1:8080"
	k3s    = "k3s.service"
	node   = "workstation"
)

// seeWork fills in what is under way.
func (w *world) seeWork(f *facts.Facts, n guards.Needs) {
	f.Jobs.Over = 200 * time.Millisecond
	for _, j := range w.Work.Jobs {
		if w.lives(j.PID) {
			j.Age = f.At.Sub(j.Since)
			f.Jobs.List = append(f.Jobs.List, j.Job)
		}
	}
	slices.SortStableFunc(f.Jobs.List, func(a, b facts.Job) int { return b.CPUPercent - a.CPUPercent })
	f.Jobs.Total = len(f.Jobs.List)
	f.Jobs.Locks = slices.Clone(w.Work.Locks)
	f.Inhibitors.List = slices.Clone(w.Work.Inhibitors)
	f.Power.Mains, f.Power.Battery = w.Work.Power.Mains, w.Work.Power.Battery
	w.seeWeb(f, n.Web)
	w.seeServers(f)
	w.seePods(f)
}

func (w *world) lives(pid uint32) bool {
	return slices.ContainsFunc(w.Processes, func(p facts.Process) bool { return p.PID == pid })
}

// seeWeb asks REAPER's web interface, and those that somebody else configured:
// nobody listens there.
func (w *world) seeWeb(f *facts.Facts, urls []string) {
	reaper := slices.IndexFunc(w.Processes, func(p facts.Process) bool { return p.Comm == "reaper" })
	if reaper >= 0 && !w.Work.WebOff {
		d := facts.DAW{Part: facts.Part{At: f.At}, URL: webURL, UID: w.Processes[reaper].UID, User: w.Processes[reaper].User, State: "stopped"}
		for _, u := range w.Users {
			if slices.ContainsFunc(u.Audio.Nodes, func(n facts.AudioNode) bool { return n.PID == w.Processes[reaper].PID }) {
				d.State, d.Armed = "recording", 1
			}
		}
		f.Web.List = append(f.Web.List, d)
	}
	for _, url := range urls {
		if !slices.ContainsFunc(f.Web.List, func(d facts.DAW) bool { return d.URL == url }) {
			f.Web.List = append(f.Web.List, facts.DAW{Part: facts.Part{At: f.At, Unknown: "nobody listens there"}, URL: url})
		}
	}
}

// seeServers asks the AI servers. One that has not loaded its model does not say
// how many requests it has.
func (w *world) seeServers(f *facts.Facts) {
	for _, id := range slices.Sorted(maps.Keys(w.Units)) {
		u := w.Units[id]
		if u.AI == nil {
			continue
		}
		s := facts.VLLMServer{
			Part: facts.Part{At: f.At}, Name: strings.TrimSuffix(id, ".service"), Unit: id,
			URL: strings.TrimSuffix(u.AI.URL, "/health"), Active: u.Active,
		}
		switch {
		case u.Active != "active":
		case f.At.Before(u.AI.ReadyAt):
			s.Unknown = "it does not answer yet"
		default:
			r := w.Work.Requests[id].at(f.At)
			s.Healthy, s.Models = true, []string{model}
			s.Running, s.Waiting, s.Generating = r.Running, r.Waiting, r.Running > 0
		}
		f.VLLM.List = append(f.VLLM.List, s)
	}
}

func (w *world) seePods(f *facts.Facts) {
	f.Pods.Unit, f.Pods.Node, f.Pods.Active = k3s, node, w.Units[k3s].Active
	if f.Pods.Active == "active" {
		f.Pods.List, f.Pods.Unschedulable = slices.Clone(w.Work.Pods), w.Work.Node.Cordoned
	}
}
