package guards

import (
	"fmt"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// power is a guard on where the current comes from.
type power struct{ least float64 }

func powerKind() Kind {
	return Kind{
		Name:    "power",
		Summary: "passes on mains, and on battery while the charge is high enough",
		Details: "A machine without any power supply in sysfs, as most workstations are, is on mains.",
		Params: []Param{
			{"min-battery", Percent, "", "the lowest charge on battery; without it a battery is never enough"},
		},
		Codes: []Code{
			{"power-mains", fsm.Pass, "the machine is plugged in", ""},
			{"power-charged", fsm.Pass, "the machine is on battery, and the charge is high enough", ""},
			{"power-battery", fsm.Deny, "the machine is on battery, and the charge is too low or none is high enough", "plug the machine in"},
			{"power-unknown", fsm.Unknown, "where the current comes from, or the charge, cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
		},
		Example: `[guards.plugged-in]
kind = "power"
min-battery = 80
`,
		New: newPower,
	}
}

func newPower(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := power{least: p.number("min-battery", -1, 100)}
	return g, p.done()
}

// Needs implements Guard.
func (g power) Needs() Needs { return Needs{Power: true} }

// Judge implements Guard.
func (g power) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	s := f.Power
	charge := s.Battery
	switch {
	case !s.Known():
		return unseen("power", "where the current comes from", s.Part)
	case s.Mains:
		v := pass("power-mains", "the machine is on mains")
		v.Measured, v.Limit = "mains", g.limit()
		return v
	case g.least < 0:
		v := deny("power-battery", "the machine is on battery", "plug the machine in")
		v.Measured, v.Limit = "battery", g.limit()
		return v
	case charge < 0 || charge > 100:
		return unseen("power", "the charge", facts.Part{Unknown: "on battery, and the charge is not known"})
	case float64(charge) < g.least:
		v := deny("power-battery", "the charge is low", "plug the machine in")
		v.Measured, v.Limit = g.measured(charge), g.limit()
		return v
	}
	v := pass("power-charged", "the battery is charged")
	v.Measured, v.Limit = g.measured(charge), g.limit()
	return v
}

func (g power) measured(charge int) string { return fmt.Sprintf("battery at %d %%", charge) }

func (g power) limit() string {
	if g.least < 0 {
		return "mains"
	}
	return fmt.Sprintf("mains, or battery at %g %%", g.least)
}
