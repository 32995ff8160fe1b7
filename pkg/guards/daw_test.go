package guards_test

import (
	"testing"

	"github.com/modectl/moded/pkg/facts"
)

const (
	web     = "http://127.0.0.1:8080"
	withWeb = `{"reaper-web":"` + web + `"}`
)

// studioFacts has what a musician's machine shows.
type studioFacts struct{ facts.Facts }

func studio(processes ...facts.Process) studioFacts {
	var s studioFacts
	s.Process.List = processes
	s.Process.Audio = []facts.AudioServer{{UID: 1000, User: "ann", Server: "pipewire", PID: 5}}
	s.Audio.Users = []facts.AudioUser{{UID: 1000, User: "ann", Running: true}}
	return s
}

// plays adds running nodes of the first user.
func (s studioFacts) plays(nodes ...facts.AudioNode) studioFacts {
	u := s.Audio.Users[0]
	u.Production, u.Nodes = len(nodes), nodes
	s.Audio.Users = append([]facts.AudioUser{u}, s.Audio.Users[1:]...)
	return s
}

// says adds an answer of REAPER's web interface, of that user's process.
func (s studioFacts) says(uid uint32, state string, armed int) facts.Facts {
	s.Web.List = []facts.DAW{{URL: web, UID: uid, User: map[uint32]string{1000: "ann", 1001: "bob"}[uid], State: state, Armed: armed}}
	return s.Facts
}

func TestVerdictsOfDAW(t *testing.T) {
	t.Parallel()
	reaper := facts.Process{PID: 10, Comm: "reaper", Exe: "reaper", UID: 1000, User: "ann", Session: "3"}
	wrapped := facts.Process{PID: 10, Comm: ".reaper-wrapped", Exe: ".reaper-wrapped", UID: 1000, User: "ann"}
	ardour := facts.Process{PID: 11, Comm: "ardour-8.12.0", UID: 1000, User: "ann"}
	bob := facts.Process{PID: 20, Comm: "reaper", UID: 1001, User: "bob"}
	evil := facts.Process{PID: 66, Comm: "reaper\x1b[2J", Exe: "reaper", UID: 1000, User: "ann"}
	engine := facts.Process{PID: 31, Comm: "BitwigAudioEngi", Exe: "BitwigAudioEngine-X64-AVX2", UID: 1000, User: "ann"}
	node := func(pid uint32, client, binary string) facts.AudioNode {
		return facts.AudioNode{Class: "production", API: "jack", Client: client, Binary: binary, PID: pid, State: "running"}
	}
	own := node(10, "REAPER", "reaper")
	open := studio(reaper).plays(own)
	silentWeb := open
	silentWeb.Web.List = []facts.DAW{{Part: facts.Part{Unknown: "connection refused"}, URL: web}}
	noWeb := open
	noWeb.Web.Unknown = "there is no moded-workload"
	two := studio(reaper, bob).plays(own)
	two.Audio.Users = append(two.Audio.Users, facts.AudioUser{UID: 1001, User: "bob", Running: true, Production: 1, Nodes: []facts.AudioNode{node(20, "REAPER", "reaper")}})
	blind := studio(reaper)
	blind.Audio.Users[0].Unknown = "pw-dump ended"
	lonely := studio(reaper)
	lonely.Audio.Users = nil
	other := studio(bob)
	bare := studioFacts{facts.Facts{Process: facts.Processes{List: []facts.Process{reaper}}}}
	cut := studio(reaper)
	cut.Audio.Users[0].Production = 70
	nobodys := studio(reaper).plays(facts.AudioNode{Class: "media", Client: "?", State: "running"})
	jack := func(clients ...string) facts.Facts {
		return facts.Facts{Process: facts.Processes{List: []facts.Process{reaper}, Audio: []facts.AudioServer{{UID: 1000, User: "ann", Server: "jackd", PID: 6, Clients: clients}}}}
	}
	dumb := jack()
	dumb.Process.Audio[0].Unknown = "permission denied"
	half := studio(reaper).plays(own)
	half.Process.Unknown = "descriptors of 3 processes cannot be read"
	deaf := studio(reaper)
	deaf.Audio = facts.Audio{Part: facts.Part{Unknown: "no agents can report"}}
	deafQuiet := facts.Facts{Audio: deaf.Audio}

	card := func(f facts.Facts, p ...facts.PCM) facts.Facts { f.Process.PCM = p; return f }

	golden(t, "daw", []verdict{
		{name: "no DAW passes", facts: studio().Facts},
		{name: "a DAW with a closed device passes", facts: studio(reaper).Facts},
		{name: "an open device denies", facts: open.Facts},
		{name: "a program in a Nix wrapper is known", facts: studio(wrapped).plays(node(10, "REAPER", ".reaper-wrapped")).Facts},
		{name: "a version in the name does not hide a DAW", facts: studio(ardour).plays(node(11, "ardour", "ardour-8.12.0")).Facts},
		{name: "an engine in a process of its own is known", facts: studio(engine).plays(node(31, "Bitwig Studio", "")).Facts},
		{name: "a node without PID is known by user and client", facts: studio(reaper).plays(node(0, "REAPER", "")).Facts},
		{name: "another program's node is not a DAW's", facts: studio(reaper).plays(node(77, "Firefox", "firefox")).Facts},
		{name: "only programs that are named count", params: `{"programs":["ardour"]}`, facts: open.Facts},
		{name: "a name cannot move the cursor", facts: studio(evil).plays(node(66, "\x1b]0;x\a", "reaper")).Facts},

		{name: "REAPER says that it is stopped", params: withWeb, facts: open.says(1000, "stopped", 0)},
		{name: "REAPER says that it is paused", params: withWeb, facts: open.says(1000, "paused", 0)},
		{name: "REAPER records", params: withWeb, facts: open.says(1000, "recording", 2)},
		{name: "a paused take is a take", params: withWeb, facts: open.says(1000, "record-paused", 0)},
		{name: "armed tracks wait for a take", params: withWeb, facts: open.says(1000, "stopped", 3)},
		{name: "REAPER plays", params: withWeb, facts: open.says(1000, "playing", 0)},
		{name: "a state that is not known excuses nothing", params: withWeb, facts: open.says(1000, "rewinding", 0)},
		{name: "what it says counts without any node", params: withWeb, facts: studio(reaper).says(1000, "recording", 0)},
		{name: "and without any process", params: withWeb, facts: studio().says(1000, "playing", 0)},
		{name: "another user's answer excuses nothing", params: withWeb, facts: open.says(1001, "stopped", 0)},
		{name: "no answer excuses nothing", params: withWeb, facts: silentWeb.Facts},
		{name: "nor do eyes that cannot ask", params: withWeb, facts: noWeb.Facts},
		{name: "an address that was not asked excuses nothing", params: `{"reaper-web":"http://127.0.0.1:9090"}`, facts: open.says(1000, "stopped", 0)},
		{name: "without the parameter it is not believed", facts: open.says(1000, "stopped", 0)},
		{name: "it does not speak for another DAW", params: withWeb, facts: studio(reaper, ardour).plays(own, node(11, "ardour", "")).says(1000, "stopped", 0)},
		{name: "nor for the REAPER of another user", params: withWeb, facts: two.says(1000, "stopped", 0)},
		{name: "nor for a second one of the same", params: withWeb, facts: studio(reaper, facts.Process{PID: 12, Comm: "reaper", UID: 1000}).plays(own).says(1000, "stopped", 0)},

		{name: "a user whose agent does not see is unknown", facts: blind.Facts},
		{name: "a user without an agent is unknown", facts: lonely.Facts},
		{name: "a closed device of one user is not another's", facts: other.Facts},
		{name: "a DAW without any audio server that uses no card is closed", facts: bare.Facts},
		{name: "PulseAudio's own daemon hides what it plays", facts: studio(reaper, facts.Process{PID: 9, Comm: "pulseaudio", UID: 1000}).Facts},
		{name: "so does that of the whole system", facts: studio(reaper, facts.Process{PID: 9, Comm: "pulseaudio", UID: 117, User: "pulse"}).Facts},
		{name: "a list of nodes that was cut is unknown", facts: cut.Facts},
		{name: "a node that nobody owns may be its own", facts: nobodys.Facts},
		{name: "a client of jackd denies", facts: jack("REAPER")},
		{name: "an idle jackd passes", facts: jack()},
		{name: "a client of another name may be its own", facts: jack("main-mix")},
		{name: "a jackd whose clients are not seen is unknown", facts: dumb},
		{name: "a node without its process denies", facts: studio().plays(own).Facts},
		{name: "what is seen denies, whatever else is dark", facts: half.Facts},
		{name: "processes that are not seen are unknown", facts: facts.Facts{Process: facts.Processes{Part: dark}}},
		{name: "agents that cannot report are unknown", facts: deaf.Facts},
		{name: "a DAW on the card itself denies", facts: card(bare.Facts, facts.PCM{Process: reaper, Device: "card1/pcm0c/sub0", Capture: true, State: "PREPARED"})},
		{name: "beside PipeWire too", facts: card(studio(reaper).Facts, facts.PCM{Process: reaper, Device: "card1/pcm0p/sub0", State: "RUNNING"})},
		{name: "a card that others use may be shared", facts: card(bare.Facts, facts.PCM{Process: facts.Process{PID: 70, Comm: "mpv", UID: 1000}, State: "RUNNING"})},
		{name: "what others do beside PipeWire is not a DAW's", facts: card(studio(reaper).Facts, facts.PCM{Process: facts.Process{PID: 70, Comm: "mpv", UID: 1000}, State: "RUNNING"})},
		{name: "nobody has to report where no DAW runs", facts: deafQuiet},
	})
}
