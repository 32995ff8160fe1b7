package guards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// daw is a guard on digital audio workstations: a project that is open in one is
// worth more than the audio it makes at the moment.
type daw struct {
	programs []string
	web      string
}

// dawPrograms are what DAWs and their audio engines are called as processes.
var dawPrograms = []string{
	"reaper", "ardour", "mixbus", "mixbus32c", "bitwig-studio", "BitwigStudio", "BitwigAudioEngine",
	"qtractor", "zrythm", "renoise", "Waveform", "tracktion", "rosegarden", "muse", "lmms", "audacity", "tenacity", "FL64.exe",
}

func dawKind() Kind {
	return Kind{
		Name:    "daw",
		Summary: "passes while no DAW runs, or what runs is provably inactive",
		Details: "A DAW whose audio device is closed (it has no running node in its user's PipeWire or jackd, and no stream of a sound card) is inactive. One whose device is open may be recording and is in the way, unless it is the only REAPER of its user and its web interface says that it is stopped or paused with no track armed; the web interface is believed only when that user's own process listens there. It never speaks for another DAW. A stream of a sound card that a DAW has open itself is an open device as well. Where neither PipeWire nor jackd serves its user, and another program has a card open, the two may share it (dmix), and the DAW is unknown. That a project has unsaved changes no DAW tells.",
		Params: []Param{
			{"programs", Names, `["` + strings.Join(dawPrograms, `", "`) + `"]`, "what DAWs are called as processes; instead of, not besides, the default"},
			{"reaper-web", Address, "", "where REAPER's web interface listens (Preferences, Control/OSC/web), without a password"},
		},
		Codes: []Code{
			{"daw-absent", fsm.Pass, "no DAW runs", ""},
			{"daw-inactive", fsm.Pass, "each DAW has its audio device closed, or REAPER says that it is stopped with no track armed", ""},
			{"daw-recording", fsm.Deny, "REAPER says that it records", "stop recording, and save the project"},
			{"daw-armed", fsm.Deny, "REAPER says that tracks are armed for recording", "disarm them, or close the project"},
			{"daw-playing", fsm.Deny, "REAPER says that it plays", "stop playback"},
			{"daw-open", fsm.Deny, "a DAW has its audio device open, and nobody says that its project is inactive", dawRemedy},
			{"daw-unknown", fsm.Unknown, "whether a DAW runs, or has its audio device open, cannot be seen", "start moded-agent as the user whose DAW it is, or close the DAW"},
		},
		Example: `[guards.daw-inactive]
kind = "daw"
programs = ["reaper", "ardour", "bitwig-studio"]
reaper-web = "http://127.0.0.1:8080"
last-look = true
`,
		New: newDAW,
	}
}

const dawRemedy = "close its audio device, configure reaper-web (REAPER), or use --force"

func newDAW(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := daw{programs: p.programs("programs", dawPrograms), web: p.address("reaper-web")}
	return g, p.done()
}

// Needs implements Guard.
func (g daw) Needs() Needs {
	n := Needs{Audio: true, Processes: merge(g.programs, []string{pulseaudio})}
	if g.web != "" {
		n.Web = []string{g.web}
	}
	return n
}

// stage is who is on it.
type stage struct {
	open    []fsm.Culprit // DAWs with an open audio device
	excused []fsm.Culprit // the same, and REAPER's web interface speaks for them
	closed  []fsm.Culprit // DAWs with a closed one
	dark    []fsm.Culprit // DAWs of which it is not known, and why
	silent  string        // why the web interface does not speak for an open REAPER
}

// Judge implements Guard: a ladder from the surest sign to the weakest. What is
// seen denies, whatever else is dark.
func (g daw) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	s := g.look(f)
	if v, active := g.active(f, s.open); active {
		return v
	}
	switch {
	case len(s.open) > 0:
		return s.denied()
	case !f.Process.Known():
		return unseen("daw", "whether a DAW runs", f.Process.Part)
	case !f.Audio.Known() && len(s.excused)+len(s.closed)+len(s.dark) > 0:
		return unseenBy("moded", "daw", "whether a DAW has its audio device open", f.Audio.Part)
	case len(s.dark) > 0:
		return s.unclear()
	}
	return s.calm()
}

// look sorts all DAWs that run.
func (g daw) look(f *facts.Facts) stage {
	var s stage
	pids := nodePIDs(f)
	daws := g.running(f)
	for _, p := range daws {
		who := processOf(p.Process, "has its audio device open")
		open, why := p.device(f, pids)
		switch {
		case open:
			silent, speaks := g.spokenFor(f, p.Process)
			if speaks {
				s.excused = append(s.excused, who)
				break
			}
			s.open, s.silent = append(s.open, who), cmp.Or(s.silent, silent)
		case why != "":
			who.Detail = facts.Clean(why)
			s.dark = append(s.dark, who)
		default:
			s.closed = append(s.closed, who)
		}
	}
	s.open = append(s.open, g.strangers(f, daws)...)
	return s
}

func (g daw) meant(p facts.Process) bool { return slices.ContainsFunc(g.programs, p.Named) }

// denied is the verdict on DAWs with an open device.
func (s stage) denied() fsm.Verdict {
	first := s.open[0]
	v := deny("daw-open", cmp.Or(first.Comm, first.Client, "a DAW")+" has its audio device open"+more(s.open), dawRemedy)
	if s.silent != "" {
		v.Remedy = "close its audio device, see to REAPER's web interface (" + s.silent + "), or use --force"
	}
	v.Measured, v.Limit, v.Culprits = count(len(s.open), "DAW")+" with an open audio device", dawLimit, s.open
	return v
}

const dawLimit = "none, or provably inactive"

func (s stage) unclear() fsm.Verdict {
	first := s.dark[0]
	v := unknown("daw-unknown", fmt.Sprintf("cannot see whether %s of %s has its audio device open: %s",
		cmp.Or(first.Comm, "a DAW"), userName(first.UID, first.User), first.Detail),
		"start moded-agent as that user (systemctl --user start moded-agent), or close the DAW")
	v.Culprits = s.dark
	return v
}

// calm is the verdict when nothing is in the way; what will be closed is listed.
func (s stage) calm() fsm.Verdict {
	v := pass("daw-absent", "no DAW runs")
	v.Measured = "no DAW"
	switch {
	case len(s.excused) > 0:
		v = pass("daw-inactive", "REAPER says that it is at rest, with no track armed")
		v.Measured = "stopped or paused, no track armed"
	case len(s.closed) > 0:
		v = pass("daw-inactive", "the audio device is closed: "+strings.Join(names(s.closed), ", "))
		v.Measured = "no DAW with an open audio device"
	}
	v.Limit = dawLimit
	for _, c := range slices.Concat(s.excused, s.closed) {
		c.Detail = "runs"
		v.Culprits = append(v.Culprits, c)
	}
	return v
}
