package guards

import (
	"cmp"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// workstation is a DAW that runs.
type workstation struct {
	facts.Process
	// programs are those of the configured names that it has.
	programs []string
}

// running lists all DAWs that were seen.
func (g daw) running(f *facts.Facts) []workstation {
	var out []workstation
	for _, p := range f.Process.List {
		mine := slices.DeleteFunc(slices.Clone(g.programs), func(name string) bool { return !p.Named(name) })
		if len(mine) > 0 {
			out = append(out, workstation{p, mine})
		}
	}
	return out
}

// nodePIDs are the processes that have a node in anybody's graph.
func nodePIDs(f *facts.Facts) map[uint32]bool {
	out := map[uint32]bool{}
	for i := range f.Audio.Users {
		for _, n := range f.Audio.Users[i].Nodes {
			out[n.PID] = true
		}
	}
	delete(out, 0)
	return out
}

// device tells whether a DAW has its audio device open, or else why that cannot
// be told.
func (p workstation) device(f *facts.Facts, pids map[uint32]bool) (open bool, why string) {
	if pids[p.PID] {
		return true, ""
	}
	served := false
	for i := range f.Audio.Users {
		u := &f.Audio.Users[i]
		if u.UID != p.UID {
			continue
		}
		if slices.ContainsFunc(u.Nodes, func(n facts.AudioNode) bool { return p.owns(u.UID, n) }) {
			return true, ""
		}
		served = served || u.Running
		why = cmp.Or(why, unclear(u))
	}
	for _, s := range f.Process.Audio {
		if s.UID != p.UID && !public(s) {
			continue
		}
		served = true
		if slices.ContainsFunc(s.Clients, func(c string) bool { return p.called(c) }) {
			return true, ""
		}
		if spot, dark := unheard(f, s); dark {
			why = cmp.Or(why, spot.why)
		} else if len(s.Clients) > 0 {
			why = cmp.Or(why, "one of jackd's clients may be its own")
		}
	}
	pulse := func(q facts.Process) bool { return (q.UID == p.UID || forAll(q)) && q.Named(pulseaudio) }
	if slices.ContainsFunc(f.Process.List, pulse) {
		why = cmp.Or(why, "PulseAudio runs, and nobody reports of it")
	}
	for _, s := range f.Process.PCM {
		switch {
		case s.PID == p.PID, s.UID == p.UID && (p.called(s.Comm) || p.called(s.Exe)):
			return true, ""
		case !served: // without a server, dmix lets programs share a card
			why = cmp.Or(why, "the sound card is in use, and it may share it")
		}
	}
	return false, why
}

// unclear says why a DAW's node may be among a user's and not be known by it.
func unclear(u *facts.AudioUser) string {
	switch {
	case !u.Known():
		return u.Unknown
	case nodesOf(*u) > len(u.Nodes):
		return "not all nodes are listed"
	case slices.ContainsFunc(u.Nodes, func(n facts.AudioNode) bool { return n.PID == 0 && n.Binary == "" }):
		return "a node does not say whose it is"
	}
	return ""
}

// owns tells whether a node is a process's: by its PID, or, since a program may
// have its audio in another process, by its user and what it is called.
func (p workstation) owns(uid uint32, n facts.AudioNode) bool {
	return n.PID != 0 && n.PID == p.PID || uid == p.UID && (p.called(n.Binary) || p.called(n.Client))
}

// called tells whether a name that a client gave itself is that of the process's
// program. JACK's clients write it as they like: "REAPER".
func (p workstation) called(name string) bool {
	as := facts.Process{Exe: name, Comm: name}
	folded := facts.Process{Exe: strings.ToLower(name)}
	return slices.ContainsFunc(p.programs, func(program string) bool {
		return as.Named(program) || folded.Named(strings.ToLower(program))
	})
}

// strangers are nodes of DAWs that none of the DAWs seen as processes owns.
func (g daw) strangers(f *facts.Facts, daws []workstation) []fsm.Culprit {
	var out []fsm.Culprit
	for _, u := range f.Audio.Users {
		for _, n := range u.Nodes {
			if g.meant(facts.Process{Exe: n.Binary}) && !slices.ContainsFunc(daws, func(p workstation) bool { return p.owns(u.UID, n) }) {
				out = append(out, fsm.Culprit{
					Kind: "client", Client: facts.Clean(n.Client), Comm: facts.Clean(n.Binary), PID: n.PID,
					UID: u.UID, User: facts.Clean(u.User), Detail: "has its audio device open",
				})
			}
		}
	}
	return out
}
