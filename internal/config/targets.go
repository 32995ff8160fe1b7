package config

import (
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

type targetValue struct {
	Target  string   `json:"target"`
	Others  []string `json:"others,omitempty"`
	Isolate bool     `json:"isolate,omitempty"`
	Keep    []string `json:"keep,omitempty"`
	Gone    []string `json:"gone,omitempty"`
}

// setTargets tells each mode's target setting which targets are the others',
// and one that isolates what the mode's other settings say about units.
func (c *compiler) setTargets() {
	var all []string
	for _, m := range c.modes {
		if m.target != "" {
			all = append(all, m.target)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, m := range c.modes {
		i := slices.IndexFunc(m.Settings, func(s fsm.Setting) bool { return s.Kind == "target" })
		if i < 0 {
			continue
		}
		var v targetValue
		must(m.Settings[i].Value, &v)
		v.Others = slices.DeleteFunc(slices.Clone(all), func(u string) bool { return u == m.target })
		if v.Isolate {
			v.Keep, v.Gone = c.unitsOf(m)
		}
		m.Settings[i].Value = fsm.NewValue(v)
	}
}

// unitsOf lists the units that the mode wants up, and those that it wants down.
// The GUI's are to be kept also where the mode does not care: ending them ends
// sessions.
func (c *compiler) unitsOf(m *mode) (up, down []string) {
	gui := false
	for _, s := range m.Settings {
		var names []string
		switch s.Kind {
		case "units":
			names = []string{s.Key}
		case "gui":
			names, gui = c.cfg.GUIUnits, true
		case "vllm":
			i := slices.IndexFunc(c.cfg.VLLM, func(v VLLM) bool { return v.Name == s.Key })
			names = []string{c.cfg.VLLM[i].Unit}
		case "k3s":
			names = []string{c.cfg.K3s.Unit}
		}
		switch stateOf(s.Value) {
		case "off", "inactive":
			down = append(down, names...)
		case notSet: // a gate to open, and nothing to keep
		default:
			up = append(up, names...)
		}
	}
	if !gui {
		up = append(up, c.cfg.GUIUnits...)
	}
	return up, down
}

// stateOf is what most kinds' values have.
func stateOf(v fsm.Value) string {
	var loose map[string]any
	must(v, &loose)
	state, _ := loose["state"].(string)
	return state
}

// must decodes what this package has encoded.
func must(v fsm.Value, into any) {
	if err := v.Decode(into); err != nil {
		panic("internal error: " + err.Error())
	}
}
