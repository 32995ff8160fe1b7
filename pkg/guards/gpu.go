package guards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// gpu tells whether the GPUs can be had: the plan ends those who hold one, and
// none of these is at work on it.
type gpu struct {
	busy   int
	window time.Duration
	strict bool
	ignore []string
}

func gpuKind() Kind {
	return Kind{
		Name:    "gpu",
		Summary: "passes while GPUs are held only by what the plan ends, and none of that is at work on one",
		Params: []Param{
			{"busy-percent", Percent, "20", "how much of a GPU a program that the plan closes may have used over the window"},
			{"window", Duration, `"10s"`, "over which time; drivers without a history are watched for 200 ms"},
			{"strict", Flag, "false", "deny every holder, the compositor too"},
			{"ignore-units", Names, "", "units whose processes may hold a GPU: monitors, exporters"},
		},
		Codes: []Code{
			{"gpu-free", fsm.Pass, "no GPU is held, or only by programs that will be closed: they are listed", ""},
			{"gpu-uncounted", fsm.Warn, "as gpu-free, as far as can be seen: the driver keeps no count of a GPU's use", "look whether a game or a render still runs"},
			{"gpu-compute", fsm.Deny, "a process computes on a GPU, and no unit of the plan manages it", "end it, or run it as a unit that the mode manages"},
			{"gpu-held", fsm.Deny, "a process holds a GPU outside the sessions that would end; with strict, any process does", "end it, or name its unit in ignore-units if it only watches"},
			{"gpu-busy", fsm.Deny, "a program that will be closed is at work on a GPU", "finish the render or the game, or close it"},
			{"gpu-unmeasured", fsm.Unknown, "how busy a GPU is cannot be measured now", "install the driver's libnvidia-ml, or close what holds the GPU"},
			{"gpu-unknown", fsm.Unknown, "the GPUs, or who holds them, cannot be seen", "see what moded-probe says: journalctl -u moded-probe"},
		},
		Example: `[guards.gpu-free]
kind = "gpu"
busy-percent = 20
window = "10s"
ignore-units = ["dcgm-exporter.service"]
`,
		New: newGPU,
	}
}

func newGPU(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := gpu{
		busy:   int(p.number("busy-percent", 20, 100)),
		window: p.duration("window", 10*time.Second),
		strict: p.flag("strict", false),
		ignore: p.names("ignore-units", false),
	}
	return g, p.done()
}

// Needs implements Guard.
func (g gpu) Needs() Needs { return Needs{GPU: true, Usage: true, NVML: true, Window: g.window} }

// sight is what is found in the way, worst first.
type sight struct {
	compute  []fsm.Culprit // compute contexts that nobody manages
	outside  []fsm.Culprit // holders that the plan does not end
	busy     []fsm.Culprit // holders that it ends, at work
	strict   []fsm.Culprit // holders that it ends, and strict is set
	dark     []string      // GPUs whose use is not known now
	unusable []string      // GPUs whose use can never be known
	closed   []fsm.Culprit // holders that it ends
	peak     int           // how busy the busiest GPU is, or -1
}

// Judge implements Guard.
func (g gpu) Judge(f *facts.Facts, a Asked) fsm.Verdict {
	s := sight{peak: -1}
	plan := planOf(f, a)
	for _, dev := range f.GPUs.List {
		if !dev.Suspended {
			s.peak = max(s.peak, dev.BusyPercent)
			g.see(&s, plan, dev)
		}
	}
	if v, bad := s.denied(g.busy); bad {
		return v
	}
	if !f.GPUs.Known() {
		return unseen("gpu", "the GPUs", f.GPUs.Part)
	}
	return s.free(g.busy)
}

// see sorts one device's holders.
func (g gpu) see(s *sight, plan plan, dev facts.GPU) {
	shared := slices.ContainsFunc(dev.Holders, func(h facts.Holder) bool { return g.managed(plan, h) })
	before := len(s.closed)
	for _, h := range dev.Holders {
		ends := plan.ends(h.Unit, h.Session)
		switch {
		case g.managed(plan, h):
		case h.Compute:
			s.compute = append(s.compute, holder(dev, h, "computes on "+dev.Label()))
		case !ends:
			s.outside = append(s.outside, holder(dev, h, "holds "+dev.Label()))
		case g.strict:
			s.strict = append(s.strict, holder(dev, h, "holds "+dev.Label()))
		case h.BusyPercent > g.busy:
			s.busy = append(s.busy, holder(dev, h, fmt.Sprintf("%d %% of %s", h.BusyPercent, dev.Label())))
		default:
			s.closed = append(s.closed, holder(dev, h, "will be closed"))
		}
	}
	if len(s.closed) > before {
		g.measure(s, dev, s.closed[before:], shared)
	}
}

// measure looks at the use of a device whose holders have no figure of their
// own. A device that is calm as a whole has calm holders; one that is busy has
// a busy one among them, unless somebody managed shares it.
func (g gpu) measure(s *sight, dev facts.GPU, closed []fsm.Culprit, shared bool) {
	unknown := slices.ContainsFunc(dev.Holders, func(h facts.Holder) bool {
		return h.BusyPercent < 0 && slices.ContainsFunc(closed, func(c fsm.Culprit) bool { return c.PID == h.PID })
	})
	switch {
	case !unknown || dev.BusyPercent >= 0 && dev.BusyPercent <= g.busy:
	case dev.BusyPercent < 0 && dev.Forever:
		s.unusable = append(s.unusable, dev.Label())
	case dev.BusyPercent < 0:
		s.dark = append(s.dark, fmt.Sprintf("%s: %s", dev.Label(), cmp.Or(dev.Unmeasured, "not measured")))
	case explained(dev, g.busy):
	case shared:
		s.dark = append(s.dark, dev.Label()+": the driver does not say whose work it is")
	default:
		for _, c := range closed {
			c.Detail = fmt.Sprintf("%d %% of %s", dev.BusyPercent, dev.Label())
			s.busy = append(s.busy, c)
		}
	}
}

// explained tells whether the holders with figures of their own, who are
// managed or denied already, account for the device's.
func explained(dev facts.GPU, limit int) bool {
	known := 0
	for _, h := range dev.Holders {
		known += max(h.BusyPercent, 0)
	}
	return dev.BusyPercent-known <= limit
}

func (g gpu) managed(p plan, h facts.Holder) bool {
	return p.owns(h.Unit) || slices.Contains(g.ignore, h.Unit)
}

// denied returns the verdict of the worst that was seen; all are culprits.
func (s *sight) denied(limit int) (fsm.Verdict, bool) {
	all := slices.Concat(s.compute, s.outside, s.busy, s.strict)
	if len(all) == 0 {
		return fsm.Verdict{}, false
	}
	first := all[0]
	who := fmt.Sprintf("%s (%d)", first.Comm, first.PID)
	var v fsm.Verdict
	switch {
	case len(s.compute) > 0:
		v = deny("gpu-compute", who+" computes on a GPU, and no unit of this plan manages it", "end it, or run it as a unit that the mode manages")
		v.Limit = "no unmanaged compute context"
	case len(s.outside) > 0:
		v = deny("gpu-held", who+" holds a GPU outside the sessions that would end", "end it, or name its unit in ignore-units if it only watches")
		v.Limit = "no holder outside those sessions"
	case len(s.busy) > 0:
		v = deny("gpu-busy", who+" is at work on a GPU", "finish the render or the game, or close it")
		v.Limit = fmt.Sprintf("%d %%", limit)
	default:
		v = deny("gpu-held", who+" holds a GPU", "close it; the guard is strict")
		v.Limit = "no holder"
	}
	v.Measured = first.Detail
	if len(all) > 1 {
		v.Summary += fmt.Sprintf(", and %d more", len(all)-1)
	}
	v.Culprits = all
	return v, true
}

// free returns the verdict when nobody is seen in the way.
func (s *sight) free(limit int) fsm.Verdict {
	var v fsm.Verdict
	switch {
	case len(s.dark) > 0:
		v = unknown("gpu-unmeasured", "the use of a GPU is not known: "+s.dark[0], "install the driver's libnvidia-ml, or close what holds the GPU")
	case len(s.unusable) > 0:
		v = pass("gpu-uncounted", "the driver of "+s.unusable[0]+" keeps no count of its use")
		v.Outcome = fsm.Warn
		v.Remedy = "look whether a game or a render still runs"
	case len(s.closed) > 0:
		v = pass("gpu-free", "only programs that will be closed hold a GPU: "+strings.Join(names(nameless(s.closed)), ", "))
	default:
		v = pass("gpu-free", "no GPU is in use")
	}
	if s.peak >= 0 {
		v.Measured = fmt.Sprintf("%d %% at most", s.peak)
		v.Limit = fmt.Sprintf("%d %%", limit)
	}
	v.Culprits = s.closed
	return v
}

// nameless takes the GPU's name off, so that names gives the programs'.
func nameless(culprits []fsm.Culprit) []fsm.Culprit {
	out := slices.Clone(culprits)
	for i := range out {
		out[i].Client = ""
	}
	return out
}

func holder(dev facts.GPU, h facts.Holder, detail string) fsm.Culprit {
	if h.Pod != "" {
		detail += " in pod " + facts.Clean(h.Pod)
	}
	return fsm.Culprit{
		Kind: "process", PID: h.PID, Comm: facts.Clean(h.Comm), UID: h.UID, User: facts.Clean(h.User),
		Unit: facts.Clean(unitOf(h.Unit, h.UserUnit)), Session: facts.Clean(h.Session), Client: facts.Clean(dev.Label()), Detail: detail,
	}
}
