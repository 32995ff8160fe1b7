package config

import (
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// mode is an fsm.Mode while it is read.
type mode struct {
	fsm.Mode
	*table          // what it states, over base
	own      *table // what it states itself
	target   string
	realtime bool
	owner    map[string]string // of each GPU
	closed   map[string]bool   // GPUs on which nobody may compute
}

func (c *compiler) readModes() {
	// Base is read as if it were a mode, for what is wrong in it even where
	// every mode says otherwise. Its settings and warnings are of no mode.
	from := len(c.probs.list)
	c.warned = map[string]bool{}
	c.readKnobs(&mode{table: c.base, own: c.base, owner: map[string]string{}, closed: map[string]bool{}})
	c.base.done()
	c.warnings, c.warned = problems{}, map[string]bool{}
	c.inBase = map[Position]bool{}
	for _, p := range c.probs.list[from:] {
		c.inBase[p.Position] = true
	}
	all := c.root.sub("modes")
	for _, name := range all.names {
		c.readMode(all, name)
	}
	c.setTargets()
	c.setWeights()
}

func (c *compiler) readMode(all *table, name string) {
	own := all.sub(name)
	c.legalName("mode", name, own.node)
	if name == fsm.Boot || name == fsm.Transitioning {
		c.probs.addf(own.named(), "mode cannot be called %q: the name is moded's own, choose another", name)
	}
	if !own.boolean("enabled", true) {
		c.gone[name] = true
		return
	}
	m := &mode{own: own, owner: map[string]string{}, closed: map[string]bool{}}
	m.Name, m.Summary = name, own.str("summary", "")
	m.table = tableOf(overlay(c.base.node, own.node), own.path, c.probs)
	m.asked = own.asked
	m.node.key = own.named()
	from := len(c.probs.list)
	c.readKnobs(m)
	m.done()
	fresh := slices.DeleteFunc(slices.Clone(c.probs.list[from:]), func(p Problem) bool { return c.inBase[p.Position] })
	c.probs.list = append(c.probs.list[:from], fresh...)
	c.checkTotal(m)
	slices.SortFunc(m.Settings, func(a, b fsm.Setting) int {
		if n := strings.Compare(a.Kind, b.Kind); n != 0 {
			return n
		}
		return strings.Compare(a.Key, b.Key)
	})
	c.modes = append(c.modes, m)
}

// kinds is every kind of setting, in the order of reading: gui first, since
// what is essential depends on it.
var kinds = []struct {
	name string
	read func(c *compiler, m *mode)
}{
	{"gui", (*compiler).readGUI},
	{"gpus", (*compiler).readGPUs},
	{"audio", (*compiler).readAudio},
	{"target", (*compiler).readTarget},
	{"units", (*compiler).readUnits},
	{"slices", (*compiler).readSlices},
	{"user-slices", (*compiler).readUserSlices},
	{"tune", (*compiler).readTune},
	{"vllm", (*compiler).readVLLM},
	{"k3s", (*compiler).readK3s},
}

func (c *compiler) readKnobs(m *mode) {
	for _, kind := range kinds {
		kind.read(c, m)
	}
}

// warnOnce warns of the first place only.
func (c *compiler) warnOnce(what string, at Position, format string, args ...any) {
	if !c.warned[what] {
		c.warned[what] = true
		c.warnings.addf(at, format, args...)
	}
}

// state adds a setting. The knob's own table may say otherwise about essential
// and when-missing.
func (m *mode) state(kind, key string, t *table, value fsm.Value) {
	essential := true
	switch kind {
	case "vllm", "k3s":
		essential = m.Headless
	case "tune", "user-slices":
		essential = false
	}
	m.Settings = append(m.Settings, fsm.Setting{
		Kind: kind, Key: key, Value: value,
		Essential:   t.boolean("essential", essential),
		WhenMissing: t.missing(),
	})
}

func (t *table) missing() fsm.Missing {
	return fsm.Missing(t.oneOf("when-missing", string(fsm.Refuse), string(fsm.Refuse), string(fsm.Skip)))
}

// finish reads what every knob's table may hold, also where it states "any".
func finish(t *table) {
	t.boolean("essential", true)
	t.missing()
	t.done()
}

// checkTotal demands a base value for every knob that the mode turns: without
// it, where the knob stands would depend on where the machine came from.
func (c *compiler) checkTotal(m *mode) {
	missing := func(n *node, path ...string) {
		for i := range path {
			path[i] = quoteKey(path[i])
		}
		knob := strings.Join(path, ".")
		c.probs.addf(n.key, "mode %s sets %s and base does not: give base.%s the value of the other modes, or \"any\"", m.Name, knob, knob)
	}
	for _, kind := range kinds {
		n, base := m.own.get(kind.name), c.base.get(kind.name)
		if n == nil {
			continue
		}
		switch kind.name {
		case "gpus", "vllm", "units", "slices", "user-slices":
		default:
			if base == nil {
				missing(n, kind.name)
			}
			continue
		}
		for _, key := range n.names {
			if base.get(key) == nil {
				missing(n.table[key], kind.name, key)
				continue
			}
			for _, part := range n.table[key].names {
				if isPart(kind.name, part) && base.get(key).get(part) == nil {
					missing(n.table[key].table[part], kind.name, key, part)
				}
			}
		}
	}
}

// isPart tells whether a key of a knob is a knob of its own.
func isPart(kind, key string) bool {
	return strings.HasSuffix(kind, "slices") && isLimit(key) || kind == "gpus" && isDriverKnob(key)
}

func (c *compiler) mode(name string) *mode {
	for _, m := range c.modes {
		if m.Name == name {
			return m
		}
	}
	return nil
}

func (c *compiler) modeNames() string {
	names := make([]string, len(c.modes))
	for i, m := range c.modes {
		names[i] = m.Name
	}
	if len(names) == 0 {
		return "there are none"
	}
	return "there are " + strings.Join(names, ", ")
}
