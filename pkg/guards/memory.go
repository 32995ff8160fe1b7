package guards

import (
	"fmt"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// memory tells whether there is room for what the mode starts.
type memory struct {
	floor, needs uint64
	psi          float64
}

func memoryKind() Kind {
	return Kind{
		Name:    "memory",
		Summary: "passes while available memory, less what the target needs, stays above a floor, and optionally memory pressure below a limit",
		Details: "Available is the kernel's MemAvailable; swap is not counted. What the programs of a session that ends give back is not counted either.",
		Params: []Param{
			{"floor", Size, `"2GiB"`, "how much memory must be left"},
			{"needs", Size, `"0B"`, "how much the mode that is switched to needs: what its servers load into main memory"},
			{"psi", Percent, "", "the highest memory pressure, in percent of the last 60 s that some task waited for memory"},
		},
		Codes: []Code{
			{"memory-enough", fsm.Pass, "enough memory would be left", ""},
			{"memory-low", fsm.Deny, "too little memory would be left", "close programs that use much memory"},
			{"memory-pressure", fsm.Deny, "tasks wait for memory", "wait for the work to end, or end it"},
			{"memory-unknown", fsm.Unknown, "the memory cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
			{"psi-unknown", fsm.Unknown, "psi is asked for, and the kernel does not report it", "boot with psi=1, or take psi out of the guard"},
		},
		Example: `[guards.memory]
kind = "memory"
floor = "4GiB"
needs = "24GiB"
psi = 10
`,
		New: newMemory,
	}
}

func newMemory(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := memory{floor: p.size("floor", 2<<30), needs: p.size("needs", 0), psi: p.number("psi", -1, 100)}
	return g, p.done()
}

// Needs implements Guard.
func (g memory) Needs() Needs { return Needs{Memory: true} }

// Judge implements Guard.
func (g memory) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	m := f.Memory
	if !m.Known() {
		return unseen("memory", "the memory", m.Part)
	}
	v := pass("memory-enough", "there is enough memory")
	if m.Available < g.needs+g.floor { // sizes are below 2^63: the sum fits
		v = deny("memory-low", "there is too little available memory", "close programs that use much memory")
	}
	v.Measured, v.Limit = g.measured(m), "at least "+formatSize(g.floor)
	if v.Outcome == fsm.Deny || g.psi < 0 {
		return v
	}
	if m.PSI == nil {
		return noPressure("memory")
	}
	return judgePressure(v, "memory", "memory-pressure", m.PSI.Avg60, 60, g.psi)
}

// measured says what is there and, when the target needs some of it, what would
// be left.
func (g memory) measured(m facts.Memory) string {
	have := formatSize(m.Available) + " of " + formatSize(m.Total) + " available"
	switch {
	case g.needs == 0:
		return have
	case m.Available < g.needs:
		return fmt.Sprintf("nothing would be left (%s, %s needed)", have, formatSize(g.needs))
	}
	return fmt.Sprintf("%s would be left (%s, %s needed)", formatSize(m.Available-g.needs), have, formatSize(g.needs))
}
