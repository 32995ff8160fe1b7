package guards

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// process is a guard on named programs.
type process struct {
	names []string
	users []string
	units []string
}

func processKind() Kind {
	return Kind{
		Name:    "process",
		Summary: "passes while none of the named programs runs; what runs in a unit that the plan stops does not count",
		Params: []Param{
			{"names", Names, "", "programs, as ps shows them or as their file is called; must be given. A version behind the name does not matter: ardour is ardour-8.12.0 too"},
			{"users", Names, "", "only of these users, by name or number"},
			{"units", Names, "", "only in these units, of the system or of a user"},
		},
		Codes: []Code{
			{"process-absent", fsm.Pass, "none of the programs runs", ""},
			{"process-running", fsm.Deny, "one of the programs runs", "close it"},
			{"process-unknown", fsm.Unknown, "the processes cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
		},
		Example: `[guards.no-render]
kind = "process"
names = ["blender", "ffmpeg"]
users = ["ann"]
`,
		New: newProcess,
	}
}

func newProcess(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := process{names: p.names("names", true), users: p.names("users", false), units: p.names("units", false)}
	if i := slices.IndexFunc(g.names, func(n string) bool { return strings.Contains(n, "/") }); i >= 0 {
		p.fail("names", "must be names of programs, not paths: %q", g.names[i])
	}
	return g, p.done()
}

// Needs implements Guard.
func (g process) Needs() Needs { return Needs{Processes: g.names} }

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g process) Judge(f *facts.Facts, a Asked) fsm.Verdict {
	plan := planOf(f, a)
	var culprits []fsm.Culprit
	for _, p := range f.Process.List {
		if g.meant(p) && !plan.owns(p.Unit) {
			culprits = append(culprits, processOf(p, ""))
		}
	}
	if len(culprits) == 0 && !f.Process.Known() {
		return unseen("process", "the processes", f.Process.Part)
	}
	if len(culprits) == 0 {
		return pass("process-absent", "none of "+strings.Join(g.names, ", ")+" runs")
	}
	verb := " runs"
	if len(culprits) > 1 {
		verb = fmt.Sprintf(" and %d more run", len(culprits)-1)
	}
	v := deny("process-running", cmp.Or(culprits[0].Comm, "a program")+verb, "close "+strings.Join(names(culprits), ", "))
	v.Measured, v.Limit, v.Culprits = "1 running process", none, culprits
	if len(culprits) > 1 {
		v.Measured = fmt.Sprintf("%d running processes", len(culprits))
	}
	return v
}

// processOf is a process as a culprit: what ps shows everybody.
func processOf(p facts.Process, detail string) fsm.Culprit {
	return fsm.Culprit{
		Kind: "process", PID: p.PID, Comm: facts.Clean(p.Comm), UID: p.UID, User: facts.Clean(p.User),
		Unit: facts.Clean(unitOf(p.Unit, p.UserUnit)), Session: facts.Clean(p.Session), Detail: detail,
	}
}

func (g process) meant(p facts.Process) bool {
	return slices.ContainsFunc(g.names, func(n string) bool { return p.Named(n) }) &&
		(len(g.users) == 0 || slices.Contains(g.users, p.User) || slices.Contains(g.users, strconv.FormatUint(uint64(p.UID), 10))) &&
		(len(g.units) == 0 || slices.Contains(g.units, p.Unit) || slices.Contains(g.units, p.UserUnit))
}

// unitOf prefers the unit that its user knows.
func unitOf(unit, userUnit string) string {
	if userUnit != "" {
		return userUnit
	}
	return unit
}

// names lists the culprits' names once each.
func names(culprits []fsm.Culprit) []string {
	var out []string
	for _, c := range culprits {
		name := c.Client
		if name == "" {
			name = c.Comm
		}
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
