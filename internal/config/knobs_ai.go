package config

import (
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

type vllmValue struct {
	State          string    `json:"state"`
	Unit           string    `json:"unit"`
	URL            string    `json:"url"`
	Model          string    `json:"model,omitempty"`
	GPUs           []vllmGPU `json:"gpus,omitempty"`
	TensorParallel int       `json:"tensor-parallel,omitempty"`
	DrainTimeout   string    `json:"drain-timeout"`
	ReadyTimeout   string    `json:"ready-timeout"`
}

type vllmGPU struct {
	Name string `json:"name"`
	PCI  string `json:"pci,omitempty"`
	UUID string `json:"uuid,omitempty"`
}

func (c *compiler) readVLLM(m *mode) {
	all := m.sub("vllm")
	for _, name := range all.names {
		t := knobTable(all.key(name), all.pathOf(name), "state", c.probs)
		state := t.oneOf("state", "", "off", notSet)
		gpus := c.vllmGPUs(t, m)
		if (state == "") == (t.get("gpus") == nil) {
			c.probs.addf(t.named(), "%s must be \"any\", \"off\" or { gpus = [\"gpu0\"] }", t.path)
		}
		i := slices.IndexFunc(c.cfg.VLLM, func(v VLLM) bool { return v.Name == name })
		if i < 0 {
			c.probs.addf(t.named(), "there is no vLLM server %q: declare it in [vllm.%s]", name, name)
		} else if state != notSet {
			m.state("vllm", name, t, c.vllmValue(t, c.cfg.VLLM[i], state, gpus))
		}
		finish(t)
	}
}

// vllmGPUs reads the cards of a server; what another knob of the mode keeps
// it from using is a contradiction.
func (c *compiler) vllmGPUs(t *table, m *mode) []vllmGPU {
	names, nodes := t.strs("gpus")
	if n := t.get("gpus"); n != nil && len(names) == 0 && n.shape == aList {
		c.probs.addf(n.at, "%s is empty: name a GPU, or say \"off\"", t.pathOf("gpus"))
	}
	var gpus []vllmGPU
	for i, name := range names {
		g, ok := c.card(name)
		if !ok {
			c.probs.addf(nodes[i].at, "there is no GPU %q: %s", name, c.gpuNames())
			continue
		}
		if owner := m.owner[name]; owner == "display" || owner == "none" {
			c.probs.addf(nodes[i].at, "%s uses %s, whose owner in this mode is %q: make it \"compute\" or \"any\"", t.path, name, owner)
		} else if m.closed[name] {
			c.probs.addf(nodes[i].at, "%s uses %s, whose compute-mode in this mode is \"prohibited\"", t.path, name)
		}
		gpus = append(gpus, vllmGPU{name, g.PCI, g.UUID})
	}
	return gpus
}

func (c *compiler) vllmValue(t *table, v VLLM, state string, gpus []vllmGPU) fsm.Value {
	value := vllmValue{
		State: "on", Unit: v.Unit, URL: v.URL, Model: v.Model, GPUs: gpus,
		DrainTimeout: span(v.DrainTimeout), ReadyTimeout: span(v.ReadyTimeout),
	}
	if state == "off" {
		value.State = "off"
		return fsm.NewValue(value)
	}
	value.TensorParallel = v.TensorParallel
	if c.cfg.AutoGPUs {
		return fsm.NewValue(value)
	}
	if v.TensorParallel > len(gpus) && len(gpus) > 0 {
		c.probs.addf(t.get("gpus").at, "%s gives %d GPU(s) and vllm.%s.tensor-parallel is %d: give as many, or say tensor-parallel = \"gpus\"",
			t.path, len(gpus), v.Name, v.TensorParallel)
	}
	if v.TensorParallel == 0 {
		value.TensorParallel = len(gpus)
	}
	return fsm.NewValue(value)
}
