package config

import (
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// notSet is the word for a knob that a mode does not care about.
const notSet = "any"

func (c *compiler) readGUI(m *mode) {
	n := m.key("gui")
	if n == nil {
		return
	}
	t := knobTable(n, m.pathOf("gui"), "state", c.probs)
	state := guiState(t)
	if state == "" {
		c.probs.addf(n.at, "%s must say true, false or \"any\"", m.pathOf("gui"))
	}
	m.Headless = state == "off"
	if state == "on" || state == "off" {
		m.state("gui", "", t, fsm.NewValue(struct {
			State string   `json:"state"`
			Units []string `json:"units"`
		}{state, slices.Clone(c.cfg.GUIUnits)}))
	}
	finish(t)
}

func guiState(t *table) string {
	n := t.key("state")
	switch {
	case n == nil:
		return ""
	case n.shape == aBool && n.yes:
		return "on"
	case n.shape == aBool:
		return "off"
	case n.shape == aText && slices.Contains([]string{"on", "off", notSet}, n.text):
		return n.text
	}
	return ""
}

func (c *compiler) readAudio(m *mode) {
	n := m.key("audio")
	if n == nil {
		return
	}
	t := knobTable(n, m.pathOf("audio"), "state", c.probs)
	c.needs(t, "state", `"on", "realtime", "off" or "any"`)
	state := t.oneOf("state", notSet, "on", "realtime", "off", notSet)
	quantum, rate := t.numberIn("quantum", 16, 8192), t.numberIn("rate", 8000, 768000)
	if quantum != nil && *quantum&(*quantum-1) != 0 {
		c.probs.addf(t.get("quantum").at, "%s must be a power of two, such as 64 or 128", t.pathOf("quantum"))
	}
	for _, name := range []string{"quantum", "rate"} {
		if n := t.get(name); n != nil && state != "realtime" {
			c.probs.addf(n.key, "%s means something only with state = \"realtime\"", t.pathOf(name))
		}
	}
	m.realtime = state == "realtime"
	if state != notSet {
		m.state("audio", "", t, fsm.NewValue(struct {
			State   string `json:"state"`
			Quantum *int64 `json:"quantum,omitempty"`
			Rate    *int64 `json:"rate,omitempty"`
		}{state, quantum, rate}))
	}
	finish(t)
}

func (c *compiler) readTarget(m *mode) {
	n := m.key("target")
	if n == nil {
		return
	}
	t := knobTable(n, m.pathOf("target"), "unit", c.probs)
	c.needs(t, "unit", `"moded-desktop.target" or "any"`)
	unit := t.str("unit", notSet)
	isolate := t.boolean("isolate", false)
	if unit != notSet {
		c.unitName(unit, t.get("unit"), "target", "target")
		m.target = unit
		m.state("target", "", t, fsm.NewValue(targetValue{Target: unit, Isolate: isolate}))
	}
	finish(t)
}

func (c *compiler) readTune(m *mode) {
	n := m.key("tune")
	if n == nil {
		return
	}
	t := knobTable(n, m.pathOf("tune"), "state", c.probs)
	c.needs(t, "state", `"off", "low-latency" or "any"`)
	if state := t.oneOf("state", notSet, "off", "low-latency", notSet); state != notSet {
		m.state("tune", "", t, fsm.NewValue(map[string]string{"state": state}))
	}
	finish(t)
}

// needs reports a knob's table that does not say the main thing.
func (c *compiler) needs(t *table, name, words string) {
	if t.get(name) == nil {
		c.probs.addf(t.named(), "%s must say %s: one of %s", t.path, name, words)
	}
}
