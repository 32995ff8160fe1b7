package guards

import (
	"cmp"
	"fmt"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// holds is a guard on moded's own holds.
type holds struct{ automatic bool }

func holdsKind() Kind {
	return Kind{
		Name:    "holds",
		Summary: "passes while nobody holds the mode",
		Details: "moded itself refuses what a hold is against. This kind is for edges that shall be stricter: with scope = \"automatic\" a person, too, waits for those who only asked not to be interrupted by automatic changes.",
		Params: []Param{
			{"scope", Word, `"all"`, "which holds are in the way: all (those against every change) or automatic (those against automatic changes as well)"},
		},
		Codes: []Code{
			{"holds-none", fsm.Pass, "nobody holds the mode", ""},
			{"holds-held", fsm.Deny, "somebody holds the mode", "wait for the job to end, or end it: modectl holds names it"},
			{"holds-unknown", fsm.Unknown, "the holds cannot be seen", "see what moded says: journalctl -u moded"},
		},
		Example: `[guards.nobody-holds]
kind = "holds"
scope = "automatic"
`,
		New: newHolds,
	}
}

func newHolds(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := holds{automatic: p.word("scope", "all", "automatic") == "automatic"}
	return g, p.done()
}

// Needs implements Guard.
func (g holds) Needs() Needs { return Needs{Holds: true} }

// Judge implements Guard.
func (g holds) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	var culprits []fsm.Culprit
	for _, h := range f.Holds.List {
		if g.automatic || h.Scope != scopeAutomatic {
			culprits = append(culprits, holdOf(h))
		}
	}
	if len(culprits) == 0 && !f.Holds.Known() {
		return unseenBy("moded", "holds", "the holds", f.Holds.Part)
	}
	if len(culprits) == 0 {
		v := pass("holds-none", "nobody holds the mode")
		v.Measured, v.Limit = "no hold", none
		return v
	}
	v := deny("holds-held", fmt.Sprintf("%s holds the mode", culprits[0].Client)+more(culprits), "wait for the job to end, or end it: modectl holds names it")
	v.Measured, v.Limit, v.Culprits = count(len(culprits), "hold"), none, culprits
	return v
}

// scopeAutomatic is the scope of holds that a person may pass.
const scopeAutomatic = "automatic"

func holdOf(h facts.Hold) fsm.Culprit {
	who := program(h.Who, "")
	if who == "" {
		who = userName(h.UID, facts.Clean(h.User))
	}
	return fsm.Culprit{Kind: "hold", Client: who, UID: h.UID, User: facts.Clean(h.User), Detail: cmp.Or(spoken(h.Why), "a hold")}
}

// more says how many culprits there are besides the first.
func more(culprits []fsm.Culprit) string {
	if len(culprits) < 2 {
		return ""
	}
	return fmt.Sprintf(", and %d more", len(culprits)-1)
}
