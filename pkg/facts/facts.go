// Package facts is what the machine was seen to be at one moment.
//
// Eyes (moded-probe, moded-workload, moded-agent, logind, PID 1) fill a Facts;
// guards judge it; `Resources()`, `modectl status --resources` and the history
// show it. The types here are data only, and their JSON is what a recorded Facts file holds.
//
// Nothing is ever guessed. A part that could not be seen is not zero, it is
// unknown, with the reason: each part carries a Part.
package facts

import (
	"math"
	"strings"
	"time"
)

// Facts is one snapshot of the machine. It is immutable once it is handed out.
type Facts struct {
	// At is when the collection began.
	At       time.Time `json:"at"`
	Load     Load      `json:"load"`
	Memory   Memory    `json:"memory"`
	GPUs     GPUs      `json:"gpus"`
	Audio    Audio     `json:"audio"`
	Sessions Sessions  `json:"sessions"`
	Process  Processes `json:"processes"`
	Units    Units     `json:"units"`
	// Jobs, Inhibitors and Holds are what people have under way, Web what DAWs
	// say of themselves.
	Jobs       Jobs       `json:"jobs"`
	Inhibitors Inhibitors `json:"inhibitors"`
	Holds      Holds      `json:"holds"`
	Web        Web        `json:"web"`
	// VLLM and Pods are what the machine computes for others.
	VLLM  VLLM  `json:"vllm"`
	Pods  Pods  `json:"pods"`
	Power Power `json:"power"`
}

// NamedPart is a part of Facts with the name that it has in their JSON.
type NamedPart struct {
	Name string
	*Part
}

// Parts lists all parts in the order of their JSON. They are f's own: what is
// written to them is written to f.
func (f *Facts) Parts() []NamedPart {
	return []NamedPart{
		{"load", &f.Load.Part}, {"memory", &f.Memory.Part}, {"gpus", &f.GPUs.Part}, {"audio", &f.Audio.Part},
		{"sessions", &f.Sessions.Part}, {"processes", &f.Process.Part}, {"units", &f.Units.Part},
		{"jobs", &f.Jobs.Part}, {"inhibitors", &f.Inhibitors.Part}, {"holds", &f.Holds.Part}, {"web", &f.Web.Part},
		{"vllm", &f.VLLM.Part}, {"pods", &f.Pods.Part}, {"power", &f.Power.Part},
	}
}

// NotAsked is why a part is unknown that nobody wanted to see.
const NotAsked = "not asked for"

// Unseen returns facts of this moment of which nothing is known, and why.
func Unseen(why string) *Facts {
	f := &Facts{At: time.Now()}
	for _, p := range f.Parts() {
		p.Unknown = why
	}
	return f
}

// Part says how far a part of Facts can be believed.
type Part struct {
	// Unknown is empty when the part was seen, else why it was not: a sentence
	// without a full stop.
	Unknown string `json:"unknown,omitempty"`
	// At is when the part was seen.
	At time.Time `json:"at,omitzero"`
}

// Known tells whether the part was seen.
func (p Part) Known() bool { return p.Unknown == "" }

// Load is the CPU's.
type Load struct {
	Part
	CPUs   int     `json:"cpus"`
	Load1  float64 `json:"load1"`
	Load5  float64 `json:"load5"`
	Load15 float64 `json:"load15"`
	// PSI is the kernel's pressure, "some" averages in percent; absent with
	// psi=0.
	PSI *Pressure `json:"psi,omitempty"`
	// IO is the pressure of input and output, shown beside the CPU's.
	IO *Pressure `json:"io,omitempty"`
}

// Pressure is one line "some" of /proc/pressure/*, in percent of time.
type Pressure struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
}

// Memory is in bytes.
type Memory struct {
	Part
	Total     uint64    `json:"total"`
	Available uint64    `json:"available"`
	PSI       *Pressure `json:"psi,omitempty"`
}

// Audio is what the agents reported, one entry a user.
type Audio struct {
	Part
	Users []AudioUser `json:"users"`
}

// AudioUser is one user's audio graph.
type AudioUser struct {
	Part
	UID  uint32 `json:"uid"`
	User string `json:"user,omitempty"`
	// Running is false when no PipeWire runs for the user.
	Running bool `json:"running"`
	// Recording, Production and Media count what is active: captures, JACK or
	// DSP clients, ordinary playback.
	Recording  int         `json:"recording"`
	Production int         `json:"production"`
	Media      int         `json:"media"`
	Nodes      []AudioNode `json:"nodes,omitempty"`
	// Quantum and Rate are the forced ones, 0 when not forced.
	Quantum uint32 `json:"quantum,omitempty"`
	Rate    uint32 `json:"rate,omitempty"`
	// IdleSince is when the last node stopped, zero while one runs.
	IdleSince time.Time `json:"idle-since,omitzero"`
}

// AudioNode is one active node of a graph. Its names are the application's own
// words: they are shown, never believed.
type AudioNode struct {
	// Class is recording, production or media.
	Class string `json:"class"`
	// API is jack, pipewire-pulse or empty for native clients.
	API    string `json:"api,omitempty"`
	Client string `json:"client"`
	Binary string `json:"binary,omitempty"`
	PID    uint32 `json:"pid,omitempty"`
	State  string `json:"state"`
}

// Sessions are logind's.
type Sessions struct {
	Part
	List []Session `json:"list"`
}

// Session is one of logind's sessions.
type Session struct {
	ID     string `json:"id"`
	UID    uint32 `json:"uid"`
	User   string `json:"user"`
	Seat   string `json:"seat,omitempty"`
	Class  string `json:"class"`
	Type   string `json:"type"`
	State  string `json:"state"`
	Remote bool   `json:"remote,omitempty"`
	// Idle is the session's own IdleHint: false is a sign of life, true a weak
	// sign of none. IdleSince is when it became so; of a terminal, when it was
	// used last.
	Idle      bool      `json:"idle,omitempty"`
	IdleSince time.Time `json:"idle-since,omitzero"`
	// Locked is true while the session's screen is locked, as its desktop says.
	Locked bool   `json:"locked,omitempty"`
	Scope  string `json:"scope,omitempty"`
}

// Graphical tells whether it is a user's desktop.
func (s Session) Graphical() bool {
	switch s.Class {
	case "user", "user-early", "user-light":
	default:
		return false
	}
	return s.Type == "x11" || s.Type == "wayland" || s.Type == "mir"
}

// Processes are those that a configured guard is interested in, and the audio
// servers: never the whole table.
type Processes struct {
	Part
	// Names are the programs that were looked for: of others, List says nothing.
	Names []string  `json:"names,omitempty"`
	List  []Process `json:"list"`
	// Audio lists uids for which PipeWire or jackd runs.
	Audio []AudioServer `json:"audio,omitempty"`
	// PCM are streams of sound cards that programs have open themselves, beside
	// all audio servers. Which card has what is ALSA's word.
	PCM []PCM `json:"pcm,omitempty"`
}

// PCM is one stream of a sound card, and the process that opened it. With dmix
// others may play through it too, whom the kernel does not name.
type PCM struct {
	Process
	// Device is the stream's place in /proc/asound: card0/pcm0p/sub0.
	Device string `json:"device"`
	// Capture is true for one that records.
	Capture bool `json:"capture,omitempty"`
	// State is ALSA's: OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED,
	// SUSPENDED or DISCONNECTED.
	State string `json:"state"`
}

// Runs tells whether samples go through the stream, or do as soon as it has
// caught up.
func (p PCM) Runs() bool { return p.State == "RUNNING" || p.State == "DRAINING" || p.State == "XRUN" }

// AudioServer is a running PipeWire or jackd. Its Part is unknown when jackd's
// clients could not be listed.
type AudioServer struct {
	Part
	UID  uint32 `json:"uid"`
	User string `json:"user,omitempty"`
	// Server is pipewire or jackd.
	Server string `json:"server"`
	PID    uint32 `json:"pid"`
	// Clients are jackd's clients by name.
	Clients []string `json:"clients,omitempty"`
}

// Process is one process.
type Process struct {
	PID      uint32 `json:"pid"`
	Comm     string `json:"comm"`
	Exe      string `json:"exe,omitempty"` // base name only
	UID      uint32 `json:"uid"`
	User     string `json:"user,omitempty"`
	Unit     string `json:"unit,omitempty"`
	UserUnit string `json:"user-unit,omitempty"`
	Session  string `json:"session,omitempty"`
	// Slice is the outermost slice of its cgroup: user.slice, system.slice,
	// kubepods.slice, …; UserSlice the one that its user's manager put it in:
	// session.slice, app.slice or background.slice.
	Slice     string `json:"slice,omitempty"`
	UserSlice string `json:"user-slice,omitempty"`
}

// Units are the states of the units that a configured guard asks about.
type Units struct {
	Part
	List []Unit `json:"list"`
}

// Unit is one unit's state.
type Unit struct {
	// Name is the one that was asked for; ID the primary name, which differs
	// when Name is an alias (display-manager.service).
	Name   string `json:"name"`
	ID     string `json:"id,omitempty"`
	Load   string `json:"load"`   // loaded, not-found, masked
	Active string `json:"active"` // active, inactive, failed, …
	Sub    string `json:"sub,omitempty"`
}

// commLen is how much of a name the kernel keeps in comm.
const commLen = 15

// Named tells whether name is what the process or its program is called. The
// kernel cuts comm to 15 bytes, and so the name is compared cut. Nix calls what
// it wraps ".reaper-wrapped", and some programs have their version in their
// name: "ardour" is "ardour-8.12.0" too, "python" is "python3.13".
func (p Process) Named(name string) bool {
	if name == "" {
		return false
	}
	return p.Exe == name || wraps(p.Exe, name, math.MaxInt) || versionOf(p.Exe, name) ||
		p.Comm == name[:min(len(name), commLen)] || wraps(p.Comm, name, commLen) || versionOf(p.Comm, name)
}

// wraps tells whether have is what Nix calls name, of which size bytes are kept.
func wraps(have, name string, size int) bool {
	if !strings.HasPrefix(have, ".") {
		return false
	}
	wrapped := "." + name + "-wrapped"
	return have == wrapped[:min(len(wrapped), size)]
}

// versionOf tells whether have is name with a version behind it: digits and dots,
// or, behind a dash, what builders make of them too: Debian's "7.3.0~ds0", and
// "5.12.ae0dcdc0" with a hash of git's.
func versionOf(have, name string) bool {
	version, ok := strings.CutPrefix(have, name)
	version, dash := strings.CutPrefix(version, "-")
	if !ok || version == "" || version[0] < '0' || version[0] > '9' {
		return false
	}
	return strings.Trim(version, "0123456789.") == "" || dash && !strings.ContainsAny(version, "- ")
}
