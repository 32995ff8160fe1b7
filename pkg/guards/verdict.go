package guards

import (
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// none is the limit of a guard that bears nothing.
const none = "none"

func pass(code, summary string) fsm.Verdict {
	return fsm.Verdict{Outcome: fsm.Pass, Code: code, Summary: summary}
}

func deny(code, summary, remedy string) fsm.Verdict {
	return fsm.Verdict{Outcome: fsm.Deny, Code: code, Summary: summary, Remedy: remedy}
}

func unknown(code, summary, remedy string) fsm.Verdict {
	return fsm.Verdict{Outcome: fsm.Unknown, Code: code, Summary: summary, Remedy: remedy}
}

// unseen is the verdict on a part of Facts that moded-probe could not see.
func unseen(kind, what string, p facts.Part) fsm.Verdict {
	return unseenBy("moded-probe", kind, what, p)
}

// unseenBy is the verdict on a part of Facts that a unit could not see.
func unseenBy(unit, kind, what string, p facts.Part) fsm.Verdict {
	return unknown(kind+"-unknown", fmt.Sprintf("cannot see %s: %s", what, p.Unknown),
		fmt.Sprintf("see what %s says: journalctl -u %[1]s", unit))
}

// maxLine is how many runes of a text are kept.
const maxLine = 400

// line makes a text one line of printable runes.
func line(s string) string { return facts.Line(s, maxLine) }

// count writes "1 program" or "3 programs".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// plan is what a guard must know of the plan to tell who is in its way.
type plan struct {
	units    []string
	sessions []string
	scopes   []string
	uids     []uint32
}

// planOf resolves the plan's units to their primary names, which is what a
// process's cgroup has.
func planOf(f *facts.Facts, a Asked) plan {
	p := plan{units: slices.Clone(a.Units)}
	for _, u := range f.Units.List {
		if u.ID != "" && slices.Contains(a.Units, u.Name) {
			p.units = append(p.units, u.ID)
		}
	}
	for _, s := range a.Ends {
		p.sessions = append(p.sessions, s.ID)
		p.scopes = append(p.scopes, s.Scope)
		p.uids = append(p.uids, s.UID)
	}
	return p
}

// owns tells whether the plan stops the unit anyway. A unit of a user's manager
// is never the plan's, whatever its name.
func (p plan) owns(unit string) bool { return unit != "" && slices.Contains(p.units, unit) }

// ends tells whether a process of that unit and session belongs to a session
// that the plan ends: by the session itself, or by the manager of its user,
// where desktops run most of their programs.
func (p plan) ends(unit, session string) bool {
	if session != "" && slices.Contains(p.sessions, session) {
		return true
	}
	if unit == "" {
		return false
	}
	if slices.Contains(p.scopes, unit) {
		return true
	}
	return slices.ContainsFunc(p.uids, func(uid uint32) bool { return unit == fmt.Sprintf("user@%d.service", uid) })
}
