package doctor

import (
	"fmt"
	"strings"
)

// Audio says what stands between a machine and audio without a click.
func Audio(m Machine, s Studio) Report {
	p := &patient{Machine: m, studio: s}
	p.config = p.kernelConfig()
	cmdline, _ := p.get("proc/cmdline") // none is an empty one
	p.boot = strings.Fields(cmdline)
	r := Report{Mode: s.Mode, Sets: append([]string{}, s.Sets...), Findings: []Finding{}}
	for _, c := range audioChecks {
		f := c.look(p)
		f.Check = c.name
		r.Findings = append(r.Findings, f)
	}
	return r
}

// audioChecks are in the order in which they are told: who one is, what the mode
// does, the CPUs, the kernel, the devices.
var audioChecks = []struct {
	name string
	look func(p *patient) Finding
}{
	{"user", (*patient).checkUser},
	{"limits", (*patient).checkLimits},
	{"scheduling", (*patient).checkFIFO},
	{"pipewire", (*patient).checkPipeWire},
	{"quantum", (*patient).checkQuantum},
	{"governor", (*patient).checkGovernor},
	{"energy-preference", (*patient).checkPreference},
	{"wake-up", (*patient).checkWakeUp},
	{"smt", (*patient).checkSMT},
	{"preemption", (*patient).checkPreemption},
	{"timers", (*patient).checkTimers},
	{"tickless", (*patient).checkTickless},
	{"mitigations", (*patient).checkMitigations},
	{"swappiness", (*patient).checkSwappiness},
	{"filesystem", (*patient).checkFilesystem},
	{"interrupts", (*patient).checkInterrupts},
}

func fine(format string, args ...any) Finding {
	return Finding{Level: Fine, Summary: fmt.Sprintf(format, args...)}
}

func note(format string, args ...any) Finding {
	return Finding{Level: Note, Summary: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) Finding {
	return Finding{Level: Unknown, Summary: fmt.Sprintf(format, args...)}
}

func warning(format string, args ...any) Finding {
	return Finding{Level: Warning, Summary: fmt.Sprintf(format, args...)}
}

// but adds what to do to a finding.
func (f Finding) but(remedy, at string) Finding {
	f.Remedy, f.At = remedy, at
	return f
}

// checkQuantum says what the mode forces, and how long a period is then.
func (p *patient) checkQuantum() Finding {
	s := p.studio
	switch {
	case s.Unread:
		return unknown("whether a mode has audio in real time cannot be told")
	case s.Mode == "":
		return warning("no mode of the configuration has audio in real time").
			but("say audio = { state = \"realtime\", quantum = 64, rate = 48000 } in a mode", Entering)
	case s.Quantum == 0:
		return note("%s forces no quantum: PipeWire runs with what programs ask for", s.Mode).
			but("say quantum = 64 in [modes."+s.Mode+".audio], the smallest that your card plays without a click", Entering)
	case s.Rate == 0:
		return fine("%s forces %d frames a period", s.Mode, s.Quantum)
	}
	return fine("%s forces %d frames a period at %d Hz: %.1f ms", s.Mode, s.Quantum, s.Rate, 1000*float64(s.Quantum)/float64(s.Rate))
}
