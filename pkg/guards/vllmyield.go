package guards

import (
	"cmp"
	"fmt"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// vllmYield tells whether vLLM can give its GPUs back.
type vllmYield struct{ requests int }

func vllmYieldKind() Kind {
	return Kind{
		Name:    "vllm-yield",
		Summary: "passes while every configured vLLM server is down, or can be drained",
		Details: "How many requests a drain would wait for is said. A server whose API is silent cannot be drained: it would be stopped, and its requests lost; that is a warning, since nothing but a stop could help it. Without vLLM in the configuration it passes.",
		Params: []Param{
			{"max-requests", Count, "", "how many requests there may be to drain; without it any number"},
		},
		Codes: []Code{
			{"vllm-stopped", fsm.Pass, "no server is up", ""},
			{"vllm-drains", fsm.Pass, "all servers that are up can be drained", ""},
			{"vllm-undrained", fsm.Warn, "a server does not answer: it would be stopped, and its requests lost", "see what it says: journalctl -u UNIT"},
			{"vllm-changing", fsm.Deny, "a server is starting or stopping", "wait until it is up or down"},
			{"vllm-requests", fsm.Deny, "there are more requests to drain than allowed", "wait for the requests to end, or send clients elsewhere"},
			{"vllm-yield-unknown", fsm.Unknown, "the servers, or the state of a unit, cannot be seen", "see what moded says: journalctl -u moded"},
		},
		Example: `[guards.vllm-can-yield]
kind = "vllm-yield"
max-requests = 8
`,
		New: newVLLMYield,
	}
}

func newVLLMYield(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := vllmYield{requests: p.count("max-requests", -1)}
	return g, p.done()
}

// Needs implements Guard.
func (g vllmYield) Needs() Needs { return Needs{VLLM: true} }

// fleet is what all servers do together.
type fleet struct {
	changing, serving, silent []fsm.Culprit
	busy                      []fsm.Culprit // servers that have requests
	requests                  int
	dark                      string // the first server of which nothing is known, and why
}

func fleetOf(f *facts.Facts) fleet {
	var out fleet
	for _, s := range f.VLLM.List {
		if running(s.Active) && s.Active != "active" {
			out.changing = append(out.changing, serverOf(s, facts.Clean(s.Active)))
			continue
		}
		if n := requestsOf(s); n > 0 {
			out.requests += n
			out.busy = append(out.busy, serverOf(s, requestsText(s)))
		}
		why := mute(s)
		switch {
		case s.Active == "active" && why != "":
			out.silent = append(out.silent, serverOf(s, facts.Clean(why)))
		case why != "":
			out.dark = cmp.Or(out.dark, serverName(s)+": "+why)
		case s.Active == "active":
			out.serving = append(out.serving, serverOf(s, requestsText(s)))
		}
	}
	return out
}

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g vllmYield) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	s := fleetOf(f)
	v := s.judge(g.requests, f)
	if v.Outcome != fsm.Unknown && len(s.serving)+len(s.silent)+len(s.changing)+len(s.busy) > 0 {
		v.Measured = count(s.requests, "request")
		if g.requests >= 0 {
			v.Limit = count(g.requests, "request")
		}
	}
	return v
}

func (s fleet) judge(limit int, f *facts.Facts) fsm.Verdict {
	var v fsm.Verdict
	switch {
	case len(s.changing) > 0:
		v = deny("vllm-changing", fmt.Sprintf("%s is %s", s.changing[0].Client, s.changing[0].Detail), "wait until it is up or down: systemctl status "+s.changing[0].Unit)
		v.Culprits = s.changing
	case limit >= 0 && s.requests > limit:
		v = deny("vllm-requests", "there are more requests to drain than allowed", "wait for the requests to end, or send clients elsewhere")
		v.Culprits = s.busy
	case !f.VLLM.Known():
		v = unseenBy("moded", "vllm-yield", "vLLM", f.VLLM.Part)
	case s.dark != "":
		v = unseenBy("moded", "vllm-yield", "vLLM", facts.Part{Unknown: s.dark})
	case len(s.silent) > 0:
		v = fsm.Verdict{Outcome: fsm.Warn, Code: "vllm-undrained", Culprits: s.silent, Remedy: "see what it says: journalctl -u " + s.silent[0].Unit}
		v.Summary = s.silent[0].Client + " cannot be drained, it would be stopped and its requests lost"
	case len(s.serving) > 0:
		v = pass("vllm-drains", fmt.Sprintf("%s will be drained", count(s.requests, "request")))
		v.Culprits = s.serving
	default:
		v = pass("vllm-stopped", "no vLLM server is up")
	}
	return v
}
