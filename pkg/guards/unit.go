package guards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// unit is a guard on the states of units.
type unit struct {
	names []string
	state string
}

func unitKind() Kind {
	return Kind{
		Name:    "unit",
		Summary: "passes while every named unit is in the wanted state",
		Params: []Param{
			{"names", Names, "", "units of the system, with their suffix; must be given"},
			{"state", Word, `"inactive"`, "inactive (failed, or not there, is inactive too) or active"},
		},
		Codes: []Code{
			{"unit-inactive", fsm.Pass, "all are inactive, as they must be", ""},
			{"unit-active", fsm.Pass, "all are active, as they must be", ""},
			{"unit-active", fsm.Deny, "a unit is active, or on its way, that must be inactive", "stop it: systemctl stop UNIT"},
			{"unit-inactive", fsm.Deny, "a unit is not active that must be", "start it: systemctl start UNIT"},
			{"unit-unknown", fsm.Unknown, "the state of a unit cannot be seen", "ask systemctl status UNIT"},
		},
		Example: `[guards.backup-done]
kind = "unit"
names = ["backup.service"]
state = "inactive"
`,
		New: newUnit,
	}
}

func newUnit(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := unit{names: p.names("names", true), state: p.word("state", "inactive", "active")}
	if i := slices.IndexFunc(g.names, func(n string) bool { return !strings.Contains(n, ".") }); i >= 0 {
		p.fail("names", "must be units with their suffix: %q", g.names[i])
	}
	return g, p.done()
}

// Needs implements Guard.
func (g unit) Needs() Needs { return Needs{Units: g.names} }

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g unit) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	var missing []string
	var culprits []fsm.Culprit
	for _, name := range g.names {
		i := slices.IndexFunc(f.Units.List, func(u facts.Unit) bool { return u.Name == name })
		if i < 0 || f.Units.List[i].Active == "" {
			missing = append(missing, name)
			continue
		}
		if u := f.Units.List[i]; !g.wanted(u) {
			culprits = append(culprits, fsm.Culprit{Kind: "unit", Unit: name, Detail: stateOf(u)})
		}
	}
	if len(culprits) > 0 {
		return g.denied(culprits)
	}
	if !f.Units.Known() {
		return unknown("unit-unknown", "cannot see the units: "+f.Units.Unknown, "ask systemctl status "+g.names[0])
	}
	if len(missing) > 0 {
		return unknown("unit-unknown", "the state of "+strings.Join(missing, ", ")+" is not known", "ask systemctl status "+missing[0])
	}
	return pass("unit-"+g.state, fmt.Sprintf("%s: %s", strings.Join(g.names, ", "), g.state))
}

func (g unit) wanted(u facts.Unit) bool {
	if g.state == "active" {
		return u.Active == "active" || u.Active == "reloading" || u.Active == "refreshing"
	}
	return u.Active == "inactive" || u.Active == "failed"
}

func (g unit) denied(culprits []fsm.Culprit) fsm.Verdict {
	first := culprits[0]
	code, verb := "unit-active", "stop"
	if g.state == "active" {
		code, verb = "unit-inactive", "start"
	}
	v := deny(code, fmt.Sprintf("%s is %s", first.Unit, first.Detail), fmt.Sprintf("%s it: systemctl %s %s", verb, verb, first.Unit))
	v.Measured, v.Limit, v.Culprits = first.Detail, g.state, culprits
	return v
}

func stateOf(u facts.Unit) string {
	if u.Load == "not-found" {
		return "not there"
	}
	return facts.Clean(u.Active)
}
