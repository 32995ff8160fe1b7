package guards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// reaper is the one DAW whose web interface says what it does.
const reaper = "reaper"

// answers are what was said at the configured address.
func (g daw) answers(f *facts.Facts) []facts.DAW {
	var out []facts.DAW
	for _, d := range f.Web.List {
		if d.URL == g.web && g.web != "" {
			out = append(out, d)
		}
	}
	return out
}

// activity is what an answer says of work under way; empty when it says that
// there is none, or nothing. Rank orders it, worst first.
func activity(d facts.DAW) (code, detail, remedy string, rank int) {
	switch {
	case !d.Known():
		return "", "", "", 0
	case d.State == "record-paused":
		return "daw-recording", "is recording, and pauses", "stop recording, and save the project", 0
	case d.State == "recording":
		return "daw-recording", "is recording", "stop recording, and save the project", 0
	case d.Armed > 0:
		return "daw-armed", "has " + count(d.Armed, "armed track"), "disarm the tracks, or close the project", 1
	case d.State == "playing":
		return "daw-playing", "is playing", "stop playback", 2
	}
	return "", "", "", 0
}

// active is the verdict on a REAPER that says that it is at work; those with an
// open device are named behind it.
func (g daw) active(f *facts.Facts, open []fsm.Culprit) (fsm.Verdict, bool) {
	var v fsm.Verdict
	worst := -1
	var said []fsm.Culprit
	for _, d := range g.answers(f) {
		code, detail, remedy, rank := activity(d)
		if code == "" {
			continue
		}
		who := fsm.Culprit{Kind: "client", Client: "REAPER", UID: d.UID, User: facts.Clean(d.User), Detail: detail}
		said = append(said, who)
		if worst < 0 || rank < worst {
			worst = rank
			v = deny(code, fmt.Sprintf("REAPER of %s %s", userName(who.UID, who.User), detail), remedy)
			v.Measured, v.Limit = strings.TrimPrefix(strings.TrimPrefix(detail, "is "), "has "), "stopped or paused, with no track armed"
		}
	}
	v.Culprits = slices.Concat(said, open)
	return v, worst >= 0
}

// spokenFor tells whether REAPER's web interface says that this process is at
// rest, and if not, why not. It is believed about the one REAPER of the user who
// listens there: any user can listen on a free port, and two REAPERs share none.
func (g daw) spokenFor(f *facts.Facts, p facts.Process) (why string, speaks bool) {
	if g.web == "" || !p.Named(reaper) {
		return "", false
	}
	if !f.Web.Known() {
		return f.Web.Unknown, false
	}
	twin := func(q facts.Process) bool { return q.PID != p.PID && q.UID == p.UID && q.Named(reaper) }
	if slices.ContainsFunc(f.Process.List, twin) {
		return "its user runs more than one REAPER", false
	}
	answers := g.answers(f)
	for _, d := range answers {
		switch {
		case !d.Known():
			return d.Unknown, false
		case d.UID != p.UID:
			return userName(d.UID, facts.Clean(d.User)) + " listens there", false
		case d.State != "stopped" && d.State != "paused" || d.Armed != 0:
			return "it does not say what it does", false
		}
	}
	if len(answers) == 0 {
		return "it was not asked", false
	}
	return "", true
}
