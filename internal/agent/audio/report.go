package audio

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userunits"
)

// Report is what goes to the daemon, the arguments of ReportAudio.
type Report struct {
	Summary manager1.AudioSummary
	Nodes   []manager1.AudioNode
}

// tell reports, if there is something new.
func (k *Keeper) tell() {
	r := k.seen.report()
	if k.last != nil && k.last.Summary == r.Summary && slices.Equal(k.last.Nodes, r.Nodes) {
		return
	}
	k.last = &r
	k.report(r)
}

// report puts the view in the words of the contract.
func (v *view) report() Report {
	s := manager1.AudioSummary{PipeWire: v.pipewire(), SessionManager: unitWord(v.units[wireplumber])}
	if v.lost != nil {
		s.SessionManager = unknown
	}
	settled, why := v.judge()
	switch {
	case v.order.State == "":
		why = ""
	case settled:
		s.Standing, why = v.order.State, ""
	}
	s.Detail = short(why)
	if s.PipeWire == unknown {
		s.Detail = short(v.blind())
	}
	if v.graph == nil || s.PipeWire != "active" {
		return Report{Summary: s}
	}
	g := v.graph
	s.Running, s.Total, s.Truncated = count(g.Running()), count(g.Total), g.Total > len(g.Nodes)
	s.Quantum, s.Rate, s.IdleSince = g.Quantum, g.Rate, g.IdleSince
	s.Forced = v.forced != nil && v.forced.Is == shown(*g)
	return Report{Summary: s, Nodes: nodes(g.Nodes)}
}

// pipewire is active only while the graph is seen: otherwise nobody knows what
// plays.
func (v *view) pipewire() string {
	word := unitWord(v.units[pipewireService])
	if v.lost != nil || word == "active" && v.graph == nil {
		return unknown
	}
	return word
}

// blind says why the state of PipeWire is unknown.
func (v *view) blind() string {
	switch {
	case v.lost != nil:
		return v.lost.Error()
	case v.broken != nil:
		return v.broken.Error()
	default:
		return "PipeWire's graph is not seen yet"
	}
}

// unitWord is a unit's state in one of three words; one that is on its way up
// or down may still play.
func unitWord(s userunits.State) string {
	switch {
	case s.Active == "failed":
		return "failed"
	case s.Running():
		return "active"
	default:
		return "inactive"
	}
}

func nodes(list []pipewire.Node) []manager1.AudioNode {
	out := make([]manager1.AudioNode, len(list))
	for i, n := range list {
		out[i] = manager1.AudioNode{
			ID: n.Serial, Kind: n.Kind, State: n.State, Client: n.Client, Comm: n.Binary, PID: n.PID,
			Recording: n.Class == pipewire.Recording, Class: string(n.Class),
		}
	}
	return out
}

func count(n int) uint32 { return uint32(min(max(n, 0), 1<<31)) } // #nosec G115 -- within

const maxDetail = 200

// short cuts a sentence to what a report may carry.
func short(text string) string {
	text = strings.ReplaceAll(text, "\n", "; ") // joined errors
	if len(text) <= maxDetail {
		return text
	}
	cut := maxDetail
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
