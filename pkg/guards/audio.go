package guards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// audio is a guard on what plays and records.
type audio struct{}

func audioKind() Kind {
	return Kind{
		Name:    "audio",
		Summary: "passes while nobody who is logged in plays, records or runs a JACK client",
		Details: "A JACK client counts as long as it is open, even when it is silent: that is how a DAW looks that records. A user for whom PipeWire runs and of whom no moded-agent reports is unknown, and so is one with PulseAudio's own daemon. A program that plays or records on a sound card itself, without any server, counts while its stream runs. Greeters and the system's own users are nobody's music, but for a PipeWire, a PulseAudio or a jackd that serves the whole system.",
		Codes: []Code{
			{"audio-idle", fsm.Pass, "nobody plays or records", ""},
			{"audio-active", fsm.Deny, "somebody plays, records or has a JACK client open", "stop playback and recording, or close the program"},
			{"audio-unknown", fsm.Unknown, "it cannot be seen whether somebody does", "start moded-agent as that user (systemctl --user start moded-agent), or end the audio server that nobody reports of"},
		},
		Example: `[guards.audio-idle]
kind = "audio"
last-look = true
`,
		New: newAudio,
	}
}

func newAudio(v fsm.Value) (Guard, error) { return audio{}, readParams(v).done() }

// Needs implements Guard.
func (audio) Needs() Needs {
	return Needs{Audio: true, Sessions: true, Processes: []string{pulseaudio}}
}

// Judge implements Guard. What is seen to run denies, whatever else is dark;
// else each thing that could not be seen is unknown.
func (audio) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	var active []fsm.Culprit
	var dark []blindSpot
	nodes := 0
	for _, u := range f.Audio.Users {
		if !listens(f, u.UID) {
			continue
		}
		active = append(active, activeOf(u)...)
		nodes += max(len(u.Nodes), nodesOf(u))
		if !u.Known() {
			dark = append(dark, blindSpot{u.UID, u.User, u.Unknown, "see what moded-agent says: journalctl --user -u moded-agent"})
		}
	}
	for _, s := range f.Process.Audio {
		if !listens(f, s.UID) && !public(s) {
			continue
		}
		active = append(active, jackClients(s)...)
		nodes += len(s.Clients)
		if spot, ok := unheard(f, s); ok && !slices.Contains(dark, spot) {
			dark = append(dark, spot)
		}
	}
	direct := directOf(f)
	active, nodes = append(active, direct...), nodes+len(direct)
	dark = append(dark, pulses(f)...)
	switch {
	case len(active) > 0:
		return audioActive(active, nodes)
	case !f.Audio.Known():
		return unknown("audio-unknown", "cannot see whether anybody plays or records: "+f.Audio.Unknown, "see what moded says: journalctl -u moded")
	case !f.Process.Known():
		return unseen("audio", "the audio", f.Process.Part)
	case len(dark) > 0:
		return audioDark(dark)
	case !f.Sessions.Known():
		return unseenBy("systemd-logind", "audio", "who is logged in", f.Sessions.Part)
	}
	v := pass("audio-idle", "nobody plays or records")
	v.Measured, v.Limit = "no active audio node", none
	return v
}

// blindSpot is a user whose audio cannot be seen.
type blindSpot struct {
	uid               uint32
	user, why, remedy string
}

// unheard tells whether an audio server runs of which nobody reports.
func unheard(f *facts.Facts, s facts.AudioServer) (blindSpot, bool) {
	spot := blindSpot{uid: s.UID, user: s.User}
	if s.Server == "jackd" {
		spot.why, spot.remedy = "the clients of jackd: "+s.Unknown, "end jackd"
		return spot, !s.Known()
	}
	i := slices.IndexFunc(f.Audio.Users, func(u facts.AudioUser) bool { return u.UID == s.UID })
	switch {
	case i < 0 && public(s):
		spot.why, spot.remedy = "PipeWire runs for the whole system, and nobody reports of it", "end it: systemctl stop pipewire"
	case i < 0:
		spot.why = "PipeWire runs and no moded-agent reports of it"
		spot.remedy = "start moded-agent as that user: systemctl --user start moded-agent"
	case f.Audio.Users[i].Known() && !f.Audio.Users[i].Running:
		spot.why = "PipeWire runs, but not as the service that moded-agent watches"
		spot.remedy = "end that PipeWire, or start it as pipewire.service of the user"
	default:
		return spot, false
	}
	return spot, true
}

// activeOf lists a user's active nodes. The counts are believed over the list,
// which may have been cut.
func activeOf(u facts.AudioUser) []fsm.Culprit {
	var out []fsm.Culprit
	for _, n := range u.Nodes {
		out = append(out, fsm.Culprit{
			Kind: "client", Client: facts.Clean(n.Client), Comm: facts.Clean(n.Binary), PID: n.PID,
			UID: u.UID, User: u.User, Detail: audioVerb(n),
		})
	}
	if more := nodesOf(u) - len(u.Nodes); more > 0 {
		out = append(out, fsm.Culprit{Kind: "user", UID: u.UID, User: u.User, Detail: fmt.Sprintf("%d more active", more)})
	}
	return out
}

// pulseaudio is the older server of sound. What it plays and records is no node of
// PipeWire's, and no agent reports of it.
const pulseaudio = "pulseaudio"

// pulses are the users for whom PulseAudio runs.
func pulses(f *facts.Facts) []blindSpot {
	var out []blindSpot
	for _, p := range f.Process.List {
		if !p.Named(pulseaudio) || !listens(f, p.UID) && !forAll(p) {
			continue
		}
		end := "systemctl --user stop pulseaudio.socket pulseaudio.service"
		if forAll(p) {
			end = "systemctl stop pulseaudio"
		}
		out = append(out, blindSpot{
			uid: p.UID, user: p.User, why: "PulseAudio runs, and nobody reports of it",
			remedy: "let PipeWire take its place (pipewire-pulse), or end it: " + end,
		})
	}
	return out
}

// forAll tells whether a PulseAudio serves the whole system (--system), which it
// does as a user of its own.
func forAll(p facts.Process) bool { return p.User == "pulse" }

// nodesOf is how many active nodes a user's agent counts.
func nodesOf(u facts.AudioUser) int {
	return max(u.Recording, 0) + max(u.Production, 0) + max(u.Media, 0)
}

// public tells whether an audio server of the system's own users serves people:
// PipeWire as a service of the whole system, and jackd, which no greeter runs.
func public(s facts.AudioServer) bool { return s.Server == "jackd" || s.User == "pipewire" }

func place(list []string, s string) int {
	if i := slices.Index(list, s); i >= 0 {
		return i
	}
	return len(list)
}

func audioVerb(n facts.AudioNode) string {
	switch {
	case n.Class == "recording":
		return "recording"
	case n.API == "jack":
		return "JACK client"
	case n.Class == "production":
		return "production"
	}
	return "playing"
}

func jackClients(s facts.AudioServer) []fsm.Culprit {
	var out []fsm.Culprit
	for _, c := range s.Clients {
		out = append(out, fsm.Culprit{Kind: "client", Client: facts.Clean(c), UID: s.UID, User: s.User, Detail: "JACK client"})
	}
	return out
}

// directOf lists those who play or record on a sound card without any server.
func directOf(f *facts.Facts) []fsm.Culprit {
	var out []fsm.Culprit
	for _, p := range f.Process.PCM {
		if !p.Runs() || !heard(f, p.Process) {
			continue
		}
		c := processOf(p.Process, "playing")
		if p.Capture {
			c.Detail = "recording"
		}
		out = append(out, c)
	}
	return out
}

// audioRank puts first what is worst to interrupt.
var audioRank = []string{"recording", "JACK client", "production", "playing"}

func audioActive(active []fsm.Culprit, nodes int) fsm.Verdict {
	slices.SortStableFunc(active, func(a, b fsm.Culprit) int { return place(audioRank, a.Detail) - place(audioRank, b.Detail) })
	first := active[0]
	who := first.Client
	if who == "" {
		who = first.Comm
	}
	what := map[string]string{"recording": "is recording", "JACK client": "is an active JACK client", "production": "is active", "playing": "is playing"}[first.Detail]
	summary := strings.TrimSpace(who + " " + what)
	if what == "" || who == "" {
		summary = "programs use audio"
	}
	if who != "" && nodes > 1 {
		summary += fmt.Sprintf(", and %d more", nodes-1)
	}
	remedy := "stop playback and recording"
	if list := names(active); len(list) > 0 {
		remedy += ", or close " + strings.Join(list[:min(len(list), 5)], ", ")
	}
	v := deny("audio-active", summary, remedy)
	v.Measured, v.Limit, v.Culprits = count(nodes, "active audio client"), none, active
	return v
}

func audioDark(dark []blindSpot) fsm.Verdict {
	v := unknown("audio-unknown", fmt.Sprintf("cannot see whether %s plays or records: %s", userName(dark[0].uid, dark[0].user), dark[0].why), dark[0].remedy)
	for _, d := range dark {
		v.Culprits = append(v.Culprits, fsm.Culprit{Kind: "user", UID: d.uid, User: d.user, Detail: d.why})
	}
	return v
}

func userName(uid uint32, user string) string {
	if user != "" {
		return user
	}
	return fmt.Sprintf("user %d", uid)
}

// listens tells whether a uid's audio matters: a person's, or anybody's who is
// logged in as a user. Greeters and the system's own users are nobody's music.
func listens(f *facts.Facts, uid uint32) bool {
	var user, greeter bool
	for _, s := range f.Sessions.List {
		if s.UID == uid {
			user = user || strings.HasPrefix(s.Class, "user")
			greeter = greeter || s.Class == "greeter"
		}
	}
	return user || person(uid) && !greeter
}

// heard tells whether a process's own sound matters: that of its user does, or it
// runs as another (sudo) in somebody's session, or below his manager.
func heard(f *facts.Facts, p facts.Process) bool {
	return listens(f, p.UID) || slices.ContainsFunc(f.Sessions.List, func(s facts.Session) bool {
		return strings.HasPrefix(s.Class, "user") &&
			(p.Session != "" && p.Session == s.ID || p.Unit == fmt.Sprintf("user@%d.service", s.UID))
	})
}

// person tells whether a uid is one that people have: not the system's own, not
// one that systemd gives to services and greeters while they run, not nobody.
// See https://systemd.io/UIDS-GIDS/.
func person(uid uint32) bool {
	return uid >= 1000 && (uid < 60514 || uid > 65535)
}
