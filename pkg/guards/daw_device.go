package guards

import (
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// device tells whether a DAW has its audio device open, or else why that cannot
// be told.
func (g daw) device(f *facts.Facts, p facts.Process) (open bool, why string) {
	served := false
	for _, u := range f.Audio.Users {
		if slices.ContainsFunc(u.Nodes, func(n facts.AudioNode) bool { return g.owns(p, u.UID, n) }) {
			return true, ""
		}
		if u.UID == p.UID {
			served = served || u.Running
			why = orElse(why, unclear(u))
		}
	}
	for _, s := range f.Process.Audio {
		if s.UID != p.UID && !public(s) {
			continue
		}
		served = true
		if slices.ContainsFunc(s.Clients, func(c string) bool { return g.named(p, c) }) {
			return true, ""
		}
		if spot, dark := unheard(f, s); dark {
			why = orElse(why, spot.why)
		} else if len(s.Clients) > 0 {
			why = orElse(why, "one of jackd's clients may be its own")
		}
	}
	pulse := func(q facts.Process) bool { return q.UID == p.UID && q.Named(pulseaudio) }
	if slices.ContainsFunc(f.Process.List, pulse) {
		why = orElse(why, "PulseAudio runs, and nobody reports of it")
	}
	if !served {
		why = orElse(why, "it has neither PipeWire nor jackd, and may use the sound card itself")
	}
	return false, why
}

// unclear says why a DAW's node may be among a user's and not be known by it.
func unclear(u facts.AudioUser) string {
	switch {
	case !u.Known():
		return u.Unknown
	case nodesOf(u) > len(u.Nodes):
		return "not all nodes are listed"
	case slices.ContainsFunc(u.Nodes, func(n facts.AudioNode) bool { return n.PID == 0 && n.Binary == "" }):
		return "a node does not say whose it is"
	}
	return ""
}

// owns tells whether a node is a process's: by its PID, or, since a program may
// have its audio in another process, by its user and what it is called.
func (g daw) owns(p facts.Process, uid uint32, n facts.AudioNode) bool {
	return n.PID != 0 && n.PID == p.PID || uid == p.UID && (g.named(p, n.Binary) || g.named(p, n.Client))
}

// named tells whether a name that a client gave itself is that of the process's
// program. JACK's clients write it as they like: "REAPER".
func (g daw) named(p facts.Process, name string) bool {
	called := facts.Process{Exe: name, Comm: name}
	folded := facts.Process{Exe: strings.ToLower(name)}
	return slices.ContainsFunc(g.programs, func(program string) bool {
		return p.Named(program) && (called.Named(program) || folded.Named(strings.ToLower(program)))
	})
}

// strangers are nodes of DAWs that none of the DAWs seen as processes owns.
func (g daw) strangers(f *facts.Facts, daws []facts.Process) []fsm.Culprit {
	var out []fsm.Culprit
	for _, u := range f.Audio.Users {
		for _, n := range u.Nodes {
			if g.meant(facts.Process{Exe: n.Binary}) && !slices.ContainsFunc(daws, func(p facts.Process) bool { return g.owns(p, u.UID, n) }) {
				out = append(out, fsm.Culprit{
					Kind: "client", Client: facts.Clean(n.Client), Comm: facts.Clean(n.Binary), PID: n.PID,
					UID: u.UID, User: facts.Clean(u.User), Detail: "has its audio device open",
				})
			}
		}
	}
	return out
}
