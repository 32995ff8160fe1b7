// Package metrics says what moded knows in Prometheus' text format, for the
// textfile collector of node_exporter: the daemon itself opens no port. The
// names are stable; docs/reference/metrics.md has them with their meaning.
package metrics

import (
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// Snapshot is what was read off the bus. Down is true when nobody answered; all
// else is empty then. Resources is nil when the machine was not looked at.
type Snapshot struct {
	Down       bool
	Properties manager1.Properties
	Holds      []manager1.HoldInfo
	// History is newest first. Settled has, for each edge that was taken, the
	// newest settled transition with its steps.
	History   []manager1.Record
	Settled   []manager1.Record
	Resources *manager1.Resources
}

// Text is the whole page.
func Text(s Snapshot) string { return pageOf(s).String() }

func pageOf(s Snapshot) *page {
	p := &page{}
	p.gauge("up", "Whether moded answered on the bus.").set(truth(!s.Down))
	if !s.Down {
		p.modes(s.Properties)
		p.holds(s.Holds)
		p.verdicts(s.Properties.LastVerdicts)
		p.history(s.History)
		p.steps(s.Settled)
		p.resources(s.Resources)
	}
	return p
}

// modes is the present: a state set, and how far the open transition is.
func (p *page) modes(now manager1.Properties) {
	p.gauge("build_info", "The version of the daemon, as a label.").set(1, "version", now.Version)
	mode := p.gauge("mode", "The mode that the machine is in: 1 for that one, 0 for the others.")
	for _, name := range append([]string{"boot", manager1.ModeTransitioning}, now.Modes...) {
		mode.set(truth(name == now.Mode), "mode", name)
	}
	p.gauge("degraded", "In how many ways the machine is not as its mode wants it.").set(float64(len(now.Degraded)))
	if t := now.Transition; t.Open() {
		p.gauge("transition_open", "The transition that is under way.").set(1, "from", t.From, "to", t.To, "trigger", t.Trigger, "phase", t.Phase)
		p.gauge("transition_step", "Which step of the open transition is under way, the first is 0.").set(float64(t.Index))
		p.gauge("transition_steps", "How many steps the open transition has.").set(float64(t.Of))
	}
}

func (p *page) holds(list []manager1.HoldInfo) {
	holds := p.gauge("holds", "Claims that the mode must not change.")
	for _, scope := range []string{"automatic", "all"} {
		holds.set(0, "scope", scope)
	}
	for _, h := range list {
		holds.add(1, "scope", h.Scope)
	}
}

func (p *page) verdicts(list []manager1.Verdict) {
	f := p.gauge("guard_verdict", "What each guard said when a mode was last asked for.")
	for _, v := range list {
		f.set(1, "guard", v.Guard, "kind", v.Kind, "outcome", v.Outcome, "code", v.Code)
	}
}

// history counts what is kept, which is capped: only the ids count for ever.
func (p *page) history(list []manager1.Record) {
	ids := p.counter("transitions_total", "Transitions and refusals since moded was installed: the newest id.")
	kept := p.gauge("history_transitions", "Transitions in the history by edge and outcome; the history is capped.")
	finished := p.gauge("last_transition_timestamp_seconds", "When the newest transition with that outcome ended.")
	took := p.gauge("last_transition_duration_seconds", "How long the newest transition with that outcome took.")
	for i, r := range list {
		if i == 0 {
			ids.set(float64(r.ID))
		}
		labels := []string{"from", r.From, "to", r.To, "outcome", r.Outcome}
		kept.add(1, append(labels, "event", r.Event, "trigger", r.Trigger)...)
		if !r.Finished.IsZero() {
			finished.set(float64(r.Finished.UnixMilli())/1000, labels...)
			took.set(seconds(r.DurationMS), labels...)
		}
	}
}

func seconds(ms uint32) float64 { return (time.Duration(ms) * time.Millisecond).Seconds() }

func (p *page) steps(settled []manager1.Record) {
	f := p.gauge("step_duration_seconds", "How long each step took when the edge was last taken.")
	for _, r := range settled {
		for _, st := range r.Steps {
			if st.Status == manager1.Done {
				f.set(seconds(st.DurationMS), "from", r.From, "to", r.To, "step", st.Name)
			}
		}
	}
}

// resources is the machine. What could not be seen has no sample: absent is not
// zero.
func (p *page) resources(r *manager1.Resources) {
	if r == nil {
		return
	}
	unseen := p.gauge("unseen_parts", "Parts of the machine that could not be looked at.")
	unseen.set(float64(len(r.Unknown)))
	busy := p.gauge("gpu_busy_ratio", "How busy a GPU is, from 0 to 1.")
	used := p.gauge("gpu_memory_used_bytes", "Memory of a GPU in use.")
	total := p.gauge("gpu_memory_bytes", "Memory of a GPU.")
	warm := p.gauge("gpu_temperature_celsius", "Temperature of a GPU.")
	holders := p.gauge("gpu_holders", "Processes that hold a GPU open, by what for.")
	for _, g := range r.GPUs {
		name := []string{"gpu", g.GPU, "pci", g.PCI}
		if g.Unmeasured == "" && !g.Suspended {
			busy.set(g.BusyPercent/100, name...)
		}
		if g.MemoryTotal > 0 {
			used.set(float64(g.MemoryUsed), name...)
			total.set(float64(g.MemoryTotal), name...)
		}
		if g.Temperature > 0 {
			warm.set(float64(g.Temperature), name...)
		}
		for _, h := range g.Holders {
			holders.add(1, append(name, "use", use(h))...)
		}
	}
	p.vllm(r.VLLM)
}

func use(h manager1.Holder) string {
	switch {
	case h.Compute && h.Graphics:
		return "both"
	case h.Compute:
		return "compute"
	default:
		return "graphics"
	}
}

func (p *page) vllm(list []manager1.VLLM) {
	healthy := p.gauge("vllm_healthy", "Whether a vLLM server answers /health.")
	requests := p.gauge("vllm_requests", "Requests of a vLLM server, summed over its engines.")
	for _, v := range list {
		healthy.set(truth(v.Healthy), "server", v.VLLM)
		if v.Unknown == "" && v.ActiveState == "active" {
			requests.set(float64(v.Running), "server", v.VLLM, "state", "running")
			requests.set(float64(v.Waiting), "server", v.VLLM, "state", "waiting")
		}
	}
}
