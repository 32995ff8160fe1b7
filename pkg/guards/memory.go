package guards

import (
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

type memory struct {
	floor uint64
	psi   float64
}

func memoryKind() Kind {
	return Kind{
		Name:    "memory",
		Summary: "passes while available memory stays above a floor, and optionally memory pressure below a limit (G5)",
		Params: []Param{
			{"floor", Size, `"2GiB"`, "how much memory must be available (MemAvailable, swap not counted)"},
			{"psi", Percent, "", "the highest memory pressure, in percent of the last 60 s that some task waited for memory"},
		},
		New: newMemory,
	}
}

func newMemory(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := memory{floor: p.size("floor", 2<<30), psi: p.number("psi", -1, 100)}
	return g, p.done()
}

// Needs implements Guard.
func (g memory) Needs() Needs { return Needs{Memory: true} }

// Judge implements Guard.
func (g memory) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	m := f.Memory
	if !m.Known() {
		return unseen("memory", "memory", m.Part)
	}
	v := pass("memory-enough", "there is enough memory")
	if m.Available < g.floor {
		v = deny("memory-low", "there is too little available memory", "close programs that use much memory")
	}
	v.Measured = formatSize(m.Available) + " of " + formatSize(m.Total) + " available"
	v.Limit = "at least " + formatSize(g.floor)
	if v.Outcome == fsm.Deny || g.psi < 0 {
		return v
	}
	if m.PSI == nil {
		return noPressure("memory")
	}
	return judgePressure(v, "memory", "memory-pressure", m.PSI.Avg60, 60, g.psi)
}
