package guards_test

import (
	"testing"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

func TestVerdictsOfAudio(t *testing.T) {
	t.Parallel()
	take := facts.AudioUser{UID: 1000, User: "dev", Running: true, Recording: 1, Media: 1, Nodes: []facts.AudioNode{
		{Class: "media", API: "pipewire-pulse", Client: "Firefox", Binary: "firefox", PID: 20, State: "running"},
		{Class: "recording", API: "jack", Client: "REAPER", Binary: "reaper", PID: 10, State: "running"},
	}}
	calm := facts.AudioUser{UID: 1000, User: "dev", Running: true}
	audio := func(users ...facts.AudioUser) facts.Facts { return facts.Facts{Audio: facts.Audio{Users: users}} }
	direct := func(f facts.Facts, p ...facts.PCM) facts.Facts { f.Process.PCM = p; return f }
	served := func(f facts.Facts, s ...facts.AudioServer) facts.Facts { f.Process.Audio = s; return f }
	pipewire := facts.AudioServer{UID: 1000, User: "dev", Server: "pipewire", PID: 5}
	jackd := facts.AudioServer{UID: 1000, User: "dev", Server: "jackd", PID: 6, Clients: []string{"ardour"}}
	greeter := facts.Sessions{List: []facts.Session{{ID: "c1", UID: 1005, Class: "greeter"}}}
	desk := facts.Sessions{List: []facts.Session{{ID: "3", UID: 1000, Class: "user", Type: "wayland"}}}
	rootly := facts.Sessions{List: []facts.Session{{ID: "1", UID: 0, Class: "user", Type: "wayland"}}}
	with := func(f facts.Facts, s facts.Sessions) facts.Facts { f.Sessions = s; return f }

	pulse := func(uid uint32) facts.Facts {
		f := served(audio(calm), pipewire)
		f.Process.List = []facts.Process{{PID: 9, Comm: "pulseaudio", UID: uid, User: "dev"}}
		return f
	}

	golden(t, "audio", []verdict{
		{name: "a take denies, and comes before the music", facts: audio(take)},
		{name: "a session that ends is no excuse", facts: audio(take), ends: []fsm.Session{{ID: "3", UID: 1000}}},
		{name: "a graph at rest passes", facts: served(audio(calm), pipewire)},
		{name: "no audio at all passes", facts: audio()},
		{name: "a JACK client that is linked to nothing denies", facts: audio(facts.AudioUser{UID: 1000, User: "dev", Running: true, Production: 1, Nodes: []facts.AudioNode{{Class: "production", API: "jack", Client: "jack_metro"}}})},
		{name: "counts are believed over a cut list", facts: audio(facts.AudioUser{UID: 1000, User: "dev", Running: true, Media: 70})},
		{name: "PipeWire without an agent is unknown", facts: served(audio(), pipewire)},
		{name: "PipeWire that the agent does not see is unknown", facts: served(audio(facts.AudioUser{UID: 1000, User: "dev"}), pipewire)},
		{name: "an agent that cannot see is unknown", facts: audio(facts.AudioUser{Part: facts.Part{Unknown: "pw-dump ended"}, UID: 1000, User: "dev", Running: true})},
		{name: "a client of jackd denies", facts: served(audio(), jackd)},
		{name: "jackd without clients passes", facts: served(audio(), facts.AudioServer{UID: 1000, Server: "jackd"})},
		{name: "jackd whose clients are not seen is unknown", facts: served(audio(), facts.AudioServer{Part: facts.Part{Unknown: "permission denied"}, UID: 1000, User: "dev", Server: "jackd"})},
		{name: "a recording on the card itself denies, and comes first", facts: direct(audio(facts.AudioUser{UID: 1001, User: "ann", Running: true, Media: 1, Nodes: []facts.AudioNode{{Class: "media", Client: "mpv"}}}),
			facts.PCM{Process: facts.Process{PID: 7, Comm: "arecord", UID: 1000, User: "dev"}, Device: "card0/pcm0c/sub0", Capture: true, State: "RUNNING"})},
		{name: "a stream of a card that does not run is no sound", facts: direct(audio(), facts.PCM{Process: facts.Process{PID: 7, Comm: "aplay", UID: 1000}, State: "PREPARED"})},
		{name: "sudo makes no take of a person's nobody's", facts: with(direct(audio(), facts.PCM{Process: facts.Process{PID: 7, Comm: "arecord", UID: 0, User: "root", Unit: "session-3.scope", Session: "3"}, Capture: true, State: "RUNNING"}), desk)},
		{name: "nor does it below the user's manager", facts: with(direct(audio(), facts.PCM{Process: facts.Process{PID: 7, Comm: "arecord", UID: 0, User: "root", Unit: "user@1000.service", UserUnit: "vte-spawn-1.scope"}, Capture: true, State: "RUNNING"}), desk)},
		{name: "a greeter's chime is nobody's, whoever plays it", facts: with(direct(audio(), facts.PCM{Process: facts.Process{PID: 7, Comm: "aplay", UID: 0, Session: "c1"}, State: "RUNNING"}), greeter)},
		{name: "a system service's stream is nobody's", facts: direct(audio(), facts.PCM{Process: facts.Process{PID: 7, Comm: "mpd", UID: 117}, State: "RUNNING"})},
		{name: "a greeter's PipeWire is nobody's", facts: with(served(audio(), facts.AudioServer{UID: 1005, Server: "pipewire"}), greeter)},
		{name: "a system user's is nobody's", facts: served(audio(), facts.AudioServer{UID: 117, Server: "pipewire"}, facts.AudioServer{UID: 60600, Server: "pipewire"})},
		{name: "a user of a directory is a person", facts: served(audio(), facts.AudioServer{UID: 1234567, Server: "pipewire"})},
		{name: "root on a desktop is a person", facts: with(served(audio(), facts.AudioServer{UID: 0, User: "root", Server: "pipewire"}), rootly)},
		{name: "a dead probe is unknown", facts: facts.Facts{Process: facts.Processes{Part: dark}}},
		{name: "a take is seen without the probe", facts: facts.Facts{Process: facts.Processes{Part: dark}, Audio: facts.Audio{Users: []facts.AudioUser{take}}}},
		{name: "no reports at all are unknown", facts: facts.Facts{Audio: facts.Audio{Part: facts.Part{Unknown: "the bus is gone"}}}},
		{name: "who is logged in is unknown, and so is whose music matters", facts: with(audio(calm), facts.Sessions{Part: facts.Part{Unknown: "logind is gone"}})},
		{name: "a PipeWire of the whole system is unknown", facts: served(audio(), facts.AudioServer{UID: 117, User: "pipewire", Server: "pipewire"})},
		{name: "PulseAudio's own daemon is unknown, whatever PipeWire does", facts: pulse(1000)},
		{name: "a greeter's is nobody's", facts: with(pulse(1005), greeter)},
		{name: "PulseAudio of the whole system is unknown", facts: facts.Facts{Process: facts.Processes{List: []facts.Process{{PID: 9, Comm: "pulseaudio", UID: 117, User: "pulse"}}}}},
		{name: "a jackd of the system's own user counts", facts: served(audio(), facts.AudioServer{UID: 117, User: "jack", Server: "jackd", Clients: []string{"ardour"}})},
		{name: "an agent cannot count below zero", facts: audio(facts.AudioUser{UID: 1000, User: "dev", Running: true, Recording: 1, Media: -1})},
		{name: "a name cannot move the cursor", facts: audio(facts.AudioUser{UID: 1000, Running: true, Media: 1, Nodes: []facts.AudioNode{{Class: "media", Client: "\x1b[2J\nevil", State: "running"}}})},
	})
}
