package guards

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

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
			{"names", Names, "", "programs, as ps shows them or as their file is called"},
			{"users", Names, "", "only of these users, by name or number"},
			{"units", Names, "", "only in these units, of the system or of a user"},
		},
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

// Judge implements Guard.
func (g process) Judge(f *facts.Facts, a Asked) fsm.Verdict {
	if !f.Process.Known() {
		return unseen("process", "processes", f.Process.Part)
	}
	plan := planOf(f, a)
	var culprits []fsm.Culprit
	for _, p := range f.Process.List {
		if g.meant(p) && !plan.owns(p.Unit) {
			culprits = append(culprits, fsm.Culprit{
				Kind: "process", PID: p.PID, Comm: facts.Clean(p.Comm), UID: p.UID, User: p.User, Unit: facts.Clean(unitOf(p.Unit, p.UserUnit)), Session: p.Session,
			})
		}
	}
	if len(culprits) == 0 {
		return pass("process-absent", "none of "+strings.Join(g.names, ", ")+" runs")
	}
	verb := " runs"
	if len(culprits) > 1 {
		verb = fmt.Sprintf(" and %d more run", len(culprits)-1)
	}
	v := deny("process-running", culprits[0].Comm+verb, "close "+strings.Join(names(culprits), ", "))
	v.Measured, v.Limit, v.Culprits = "1 running process", "none", culprits
	if len(culprits) > 1 {
		v.Measured = fmt.Sprintf("%d running processes", len(culprits))
	}
	return v
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
