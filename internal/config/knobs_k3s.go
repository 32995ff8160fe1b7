package config

import (
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// k3sStates are the words for the node, most work first.
var k3sStates = []string{"full", "control-plane", "minimal", "off", notSet}

// k3sMinimal is the state that is throttled.
const k3sMinimal = "minimal"

type k3sValue struct {
	State        string   `json:"state"`
	Unit         string   `json:"unit"`
	Node         string   `json:"node,omitempty"`
	Mark         k3sMark  `json:"mark"`
	ScaleToZero  string   `json:"scale-to-zero,omitempty"`
	Evict        k3sEvict `json:"evict,omitzero"`
	Killall      string   `json:"killall,omitempty"`
	CPUWeight    int64    `json:"cpu-weight,omitempty"`
	DrainTimeout string   `json:"drain-timeout"`
	StartTimeout string   `json:"start-timeout"`
}

type k3sMark struct {
	Label string `json:"label,omitempty"`
	Taint string `json:"taint,omitempty"`
}

type k3sEvict struct {
	EmptyDir  bool `json:"emptydir,omitempty"`
	Unmanaged bool `json:"unmanaged,omitempty"`
	System    bool `json:"system,omitempty"`
}

func (c *compiler) readK3s(m *mode) {
	n := m.key("k3s")
	if n == nil {
		return
	}
	t := knobTable(n, m.pathOf("k3s"), "state", c.probs)
	c.needs(t, "state", strings.Join(k3sStates, ", "))
	state := t.oneOf("state", notSet, k3sStates...)
	if state != notSet && c.cfg.K3s == nil {
		c.probs.addf(t.named(), "%s is set and there is no [k3s] table: add it with its unit", t.path)
	} else if state != notSet {
		m.state("k3s", "", t, fsm.NewValue(c.cfg.K3s.value(state, m.Name)))
	}
	if state == "off" && c.cfg.K3s != nil && c.cfg.K3s.Killall == "" {
		c.warnOnce("killall", t.named(), "%s stops k3s, and k3s leaves its containers running: name a unit that ends them, k3s.killall = \"moded-k3s-off.service\"", t.path)
	}
	finish(t)
}

// value is what a mode wants of the node.
func (k *K3s) value(state, mode string) k3sValue {
	v := k3sValue{State: state, Unit: k.Unit, Node: k.Node, ScaleToZero: k.ScaleToZero,
		Evict: k3sEvict{k.EvictEmptyDir, k.EvictUnmanaged, k.EvictSystem}, Killall: k.Killall, CPUWeight: k.CPUWeight,
		DrainTimeout: span(k.DrainTimeout), StartTimeout: span(k.StartTimeout)}
	if k.Label {
		v.Mark.Label = mode
	}
	if k.Taint != "" {
		v.Mark.Taint = mode + ":" + k.Taint
	}
	switch state {
	case k3sMinimal:
		v.CPUWeight = k.MinimalCPUWeight
	case "off":
		v.CPUWeight = 0
	}
	return v
}

// setWeights takes the weights out again where no mode throttles k3s: then
// nobody has to be brought back, and an admin's own weight stays.
func (c *compiler) setWeights() {
	var all []*fsm.Setting
	throttled := false
	for _, m := range c.modes {
		if i := slices.IndexFunc(m.Settings, func(s fsm.Setting) bool { return s.Kind == "k3s" }); i >= 0 {
			all = append(all, &m.Settings[i])
			throttled = throttled || k3sOf(m.Settings[i]).State == k3sMinimal
		}
	}
	for _, s := range all {
		if v := k3sOf(*s); !throttled {
			v.CPUWeight = 0
			s.Value = fsm.NewValue(v)
		}
	}
}

func k3sOf(s fsm.Setting) (v k3sValue) {
	if err := s.Value.Decode(&v); err != nil {
		panic("internal error: " + err.Error())
	}
	return v
}
