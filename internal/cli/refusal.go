package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// refusal is everything about a switch that was refused.
type refusal struct {
	mode     string
	id       uint32 // in the history; 0 when it is not there
	verdicts []manager1.Verdict
	flags    uint32
	stays    string // the mode that the machine stays in, when known
}

// printRefusal says what was refused, every reason with what was measured and
// the limit, who causes it, and what to do.
func (a *app) printRefusal(r refusal) {
	blocking := blocking(r.verdicts, r.flags)
	overridable := !slices.ContainsFunc(blocking, func(v manager1.Verdict) bool { return !v.Overridable })
	a.complain(fmt.Sprintf("cannot switch to %s: %s%s", r.mode, reasons(blocking, len(r.verdicts)), inHistory(r.id)))
	for _, v := range blocking {
		a.printReason(v)
	}
	if r.stays != "" {
		fmt.Fprintf(a.Stderr, "The machine stays in %s mode.\n", r.stays)
	}
	if overridable && len(blocking) > 0 && r.flags&manager1.OverrideGuards == 0 {
		fmt.Fprintf(a.Stderr, "An administrator may override this: modectl switch --force %s\n", r.mode)
	}
}

// blocking are the verdicts that stand in the way of a switch with those flags.
func blocking(verdicts []manager1.Verdict, flags uint32) []manager1.Verdict {
	return slices.DeleteFunc(slices.Clone(verdicts), func(v manager1.Verdict) bool { return !v.Blocks(flags) })
}

func (a *app) printReason(v manager1.Verdict) {
	name := v.Guard
	if v.Outcome == manager1.Unknown {
		name += " (unknown)"
	}
	a.ui.textTo(a.Stderr, "  "+name+": ", plain, v.Summary)
	for _, line := range []struct{ head, text string }{
		{"    measured: ", measured(v)},
		{"    caused by: ", culprits(v.Culprits)},
		{"    to do: ", v.Remedy},
	} {
		if line.text != "" {
			a.ui.textTo(a.Stderr, line.head, plain, line.text)
		}
	}
}

func reasons(blocking []manager1.Verdict, all int) string {
	if len(blocking) == 0 {
		return "refused"
	}
	if len(blocking) == 1 {
		switch v := blocking[0]; v.Kind {
		case "law":
			return "no edge leads there"
		case "busy":
			return "busy"
		}
	}
	var who []string
	for _, v := range blocking {
		who = append(who, v.Guard)
	}
	return fmt.Sprintf("refused by %s (%d of %d)", strings.Join(who, ", "), len(blocking), all)
}

func inHistory(id uint32) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(", history %s", number(id))
}

// refusalCode tells busy from refused.
func refusalCode(verdicts []manager1.Verdict, flags uint32) int {
	code := exitRefused
	for _, v := range verdicts {
		if v.Blocks(flags) && v.Kind == "busy" {
			code = exitBusy
		} else if v.Blocks(flags) {
			return exitRefused
		}
	}
	return code
}
