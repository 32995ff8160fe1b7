package guards

import (
	"fmt"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// load tells whether the CPUs have work.
type load struct {
	window    time.Duration
	maxPerCPU float64
	psi       float64
}

func loadKind() Kind {
	return Kind{
		Name:    "load",
		Summary: "passes while the load per CPU, and optionally the CPU pressure, stays below a limit",
		Params: []Param{
			{"window", Duration, `"5m"`, "over which time: 1m, 5m or 15m"},
			{"max-per-cpu", Number, "0.5", "the highest load average divided by the number of CPUs"},
			{"psi", Percent, "", "the highest CPU pressure, in percent of time that some task waited; 1m asks the kernel's 60 s average, longer windows its 300 s average"},
		},
		Codes: []Code{
			{"load-low", fsm.Pass, "the load is below the limit", ""},
			{"load-high", fsm.Deny, "the load is above the limit", "wait for the work to end, or end it"},
			{"load-pressure", fsm.Deny, "tasks wait for a CPU", "wait for the work to end, or end it"},
			{"load-unknown", fsm.Unknown, "the load cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
			{"psi-unknown", fsm.Unknown, "psi is asked for, and the kernel does not report it", "boot with psi=1, or take psi out of the guard"},
		},
		Example: `[guards.cpu-load]
kind = "load"
window = "5m"
max-per-cpu = 0.5
psi = 40
`,
		New: newLoad,
	}
}

func newLoad(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := load{
		window:    p.duration("window", 5*time.Minute, time.Minute, 5*time.Minute, 15*time.Minute),
		maxPerCPU: p.number("max-per-cpu", 0.5, 1000),
		psi:       p.number("psi", -1, 100),
	}
	return g, p.done()
}

// Needs implements Guard.
func (g load) Needs() Needs { return Needs{Load: true} }

// Judge implements Guard.
func (g load) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	l := f.Load
	if !l.Known() {
		return unseen("load", "the load", l.Part)
	}
	avg := map[time.Duration]float64{time.Minute: l.Load1, 5 * time.Minute: l.Load5, 15 * time.Minute: l.Load15}[g.window]
	if l.CPUs < 1 || avg < 0 {
		return g.pressure(l, unseen("load", "the load", facts.Part{Unknown: "the number of CPUs is not known"}))
	}
	per := avg / float64(l.CPUs)
	minutes := count(int(g.window/time.Minute), "minute")
	v := pass("load-low", fmt.Sprintf("the load over %s is low", minutes))
	if per > g.maxPerCPU {
		v = deny("load-high", fmt.Sprintf("the load over %s is high", minutes), "wait for the work to end, or end it")
	}
	v.Measured = fmt.Sprintf("%.2f per CPU (%.2f on %s)", per, avg, count(l.CPUs, "CPU"))
	v.Limit = fmt.Sprintf("%.2f per CPU", g.maxPerCPU)
	return g.pressure(l, v)
}

// pressure judges the pressure, when it is asked for, after the load got v.
func (g load) pressure(l facts.Load, v fsm.Verdict) fsm.Verdict {
	if v.Outcome == fsm.Deny || g.psi < 0 {
		return v
	}
	if l.PSI == nil {
		return noPressure("CPU")
	}
	if g.window == time.Minute {
		return judgePressure(v, "CPU", "load-pressure", l.PSI.Avg60, 60, g.psi)
	}
	return judgePressure(v, "CPU", "load-pressure", l.PSI.Avg300, 300, g.psi)
}

// noPressure is the verdict of a kernel that keeps no pressure figures.
func noPressure(what string) fsm.Verdict {
	return unknown("psi-unknown", fmt.Sprintf("the kernel does not report %s pressure", what),
		"boot with psi=1, or take psi out of the guard")
}

// judgePressure denies when the pressure is above the limit, else returns v.
func judgePressure(v fsm.Verdict, what, code string, have float64, seconds int, limit float64) fsm.Verdict {
	if have <= limit {
		return v
	}
	d := deny(code, fmt.Sprintf("tasks wait for %s", what), "wait for the work to end, or end it")
	d.Measured = fmt.Sprintf("%.1f %% of the last %d s", have, seconds)
	d.Limit = fmt.Sprintf("%.1f %%", limit)
	return d
}
