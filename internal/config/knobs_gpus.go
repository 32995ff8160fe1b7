package config

import (
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// gpuValue is what a gpus setting holds. What a mode leaves out of the second
// half is not set and not touched.
type gpuValue struct {
	Owner   string `json:"owner"`
	PCI     string `json:"pci,omitempty"`
	UUID    string `json:"uuid,omitempty"`
	Auto    string `json:"auto,omitempty"`
	Timeout string `json:"release-timeout"`

	ComputeMode string   `json:"compute-mode,omitempty"`
	PowerLimit  string   `json:"power-limit,omitempty"`
	Persistence *bool    `json:"persistence,omitempty"`
	MIG         []string `json:"mig,omitempty"` // profiles, or "off" alone
}

func (v gpuValue) states() bool {
	return v.ComputeMode != "" || v.PowerLimit != "" || v.Persistence != nil || len(v.MIG) > 0
}

// driverKnobs are a GPU's own knobs: each must be in base when a mode turns it,
// and is base's where a mode that names the GPU leaves it out.
var driverKnobs = []string{"compute-mode", "power-limit", "persistence", "mig"}

func isDriverKnob(key string) bool { return slices.Contains(driverKnobs, key) }

func (c *compiler) readGPUs(m *mode) {
	all := m.sub("gpus")
	for _, name := range all.names {
		n := inherit(all.key(name), c.base.get("gpus").get(name))
		t := knobTable(n, all.pathOf(name), "owner", c.probs)
		c.needs(t, "owner", `"display", "compute", "none" or "any"`)
		v := gpuValue{Owner: t.oneOf("owner", notSet, "display", "compute", "none", notSet)}
		c.driverKnobs(t, &v)
		if g, ok := c.card(name); !ok {
			c.probs.addf(t.named(), "there is no GPU %q: %s", name, c.gpuNames())
		} else if v.Owner != notSet || v.states() {
			m.owner[name] = v.Owner
			m.closed[name] = v.ComputeMode == "prohibited"
			m.state("gpus", name, t, c.identified(v, g))
		}
		finish(t)
	}
}

// inherit adds the driver's knobs of base to what a mode says of a GPU: a mode
// that names only an owner has not said that it does not care about the rest.
func inherit(n, base *node) *node {
	if n == base || base == nil || base.shape != aTable {
		return n
	}
	out := newTable(n.at)
	out.key = n.key
	if n.shape == aTable {
		for _, name := range n.names {
			out.set(name, n.table[name])
		}
	} else {
		out.set("owner", n)
	}
	for _, knob := range driverKnobs {
		if child := base.get(knob); child != nil && out.get(knob) == nil {
			out.set(knob, child)
		}
	}
	return out
}

func (c *compiler) identified(v gpuValue, g GPU) fsm.Value {
	v.PCI, v.UUID, v.Timeout = g.PCI, g.UUID, span(g.ReleaseTimeout)
	if c.cfg.AutoGPUs {
		v.Auto = g.Name
	}
	return fsm.NewValue(v)
}

// driverKnobs reads what the GPU's driver is told.
func (c *compiler) driverKnobs(t *table, v *gpuValue) {
	v.ComputeMode = t.oneOf("compute-mode", "", "default", "exclusive-process", "prohibited", notSet)
	if v.ComputeMode == notSet {
		v.ComputeMode = ""
	}
	v.PowerLimit = t.watts("power-limit")
	v.Persistence = t.flag("persistence")
	v.MIG = t.layout("mig")
	for _, knob := range driverKnobs {
		if n := t.get(knob); n != nil && c.cfg.AutoGPUs {
			c.probs.addf(n.key, "%s: name the cards in [gpus.NAME] to say more than who owns them", t.pathOf(knob))
		}
	}
	switch partitioned := len(v.MIG) > 0 && v.MIG[0] != "off"; {
	case partitioned && v.ComputeMode != "" && v.ComputeMode != "default":
		c.probs.addf(t.get("mig").key, "%s: a GPU that is partitioned has no compute mode of its own: make %s \"default\" or \"any\"",
			t.pathOf("mig"), t.pathOf("compute-mode"))
	case v.Owner == "compute" && v.ComputeMode == "prohibited":
		c.probs.addf(t.get("compute-mode").key, "%s is \"prohibited\" and the owner \"compute\": nobody could compute on it", t.pathOf("compute-mode"))
	case v.PowerLimit != "" && v.PowerLimit != "default" && (v.Persistence == nil || !*v.Persistence):
		c.warnOnce("power-limit "+t.path, t.get("power-limit").key,
			"%s: the driver forgets it when nobody has the GPU open, unless persistence = true or nvidia-persistenced runs", t.pathOf("power-limit"))
	}
}

var (
	wattsRE   = pattern(`^[1-9][0-9]{1,3}W$`)
	profileRE = pattern(`^[1-9]g\.[1-9][0-9]{0,3}gb([+-][a-z.]{1,16})?$`)
)

// watts reads "250W", or the driver's default; empty when it is missing or any.
func (t *table) watts(name string) string {
	n := t.limit(name)
	if n == nil {
		return ""
	}
	if n.shape != aText || n.text != "default" && !wattsRE().MatchString(n.text) {
		t.probs.addf(n.at, "%s must be a power such as \"250W\", or \"default\"", t.pathOf(name))
		return ""
	}
	return n.text
}

// flag reads true, false or any.
func (t *table) flag(name string) *bool {
	n := t.limit(name)
	if n == nil {
		return nil
	}
	if n.shape != aBool {
		t.probs.addf(n.at, "%s must be true, false or \"any\"", t.pathOf(name))
		return nil
	}
	return &n.yes
}

// maxInstances is how many parts the largest of cards can have, with room.
const maxInstances = 16

// layout reads the profiles of a GPU's parts, or "off".
func (t *table) layout(name string) []string {
	n := t.limit(name)
	switch {
	case n == nil:
		return nil
	case n.shape == aText && n.text == "off":
		return []string{"off"}
	case n.shape != aList || len(n.list) == 0 || len(n.list) > maxInstances:
		t.probs.addf(n.at, "%s must be \"off\", or a list of profiles such as [\"3g.20gb\", \"1g.5gb\"] (see nvidia-smi mig -lgip)", t.pathOf(name))
		return nil
	}
	var profiles []string
	for _, e := range n.list {
		if e.shape != aText || !profileRE().MatchString(e.text) {
			t.probs.addf(e.at, "%s: a profile is written as \"3g.20gb\" (see nvidia-smi mig -lgip)", t.pathOf(name))
			continue
		}
		profiles = append(profiles, e.text)
	}
	return profiles
}

func (c *compiler) gpuNames() string {
	names := make([]string, len(c.cfg.GPUs))
	for i, g := range c.cfg.GPUs {
		names[i] = g.Name
	}
	switch {
	case len(names) == 0:
		return "name the cards in [gpus.NAME], or say gpus = \"auto\""
	case c.cfg.AutoGPUs:
		return "with gpus = \"auto\" they are called primary and others"
	}
	return "[gpus] names " + strings.Join(names, ", ")
}
