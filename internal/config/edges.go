package config

import (
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// edge is an fsm.Edge with the table that it was read from.
type edge struct {
	fsm.Edge
	*table
}

func (e edge) at(key string) Position {
	if n := e.get(key); n != nil {
		return n.at
	}
	return e.named()
}

func (c *compiler) readEdges() {
	list := c.root.typed("edges", aList)
	if list == nil {
		return
	}
	for _, n := range list.list {
		t := tableOf(n, "edges", c.probs)
		e := edge{c.readEdge(t), t}
		hooks := c.hooks(t)
		enabled := t.boolean("enabled", true)
		t.done()
		if !enabled || c.gone[e.From] || c.gone[e.To] {
			continue
		}
		e.Before, e.After = hooks[0], hooks[1]
		c.checkEdge(e)
		c.edges = append(c.edges, e)
	}
}

func (c *compiler) readEdge(t *table) fsm.Edge {
	e := fsm.Edge{
		Event: t.str("event", ""), From: t.str("from", ""), To: t.str("to", ""),
		Through:        t.oneOf("through", "", fsm.Transitioning) != "",
		Grace:          t.duration("grace", 0),
		AfterCondition: t.duration("after-condition", 0),
		WhenMissing:    t.missing(),
	}
	e.Guards, _ = t.strs("guards")
	e.Triggers, _ = t.strs("triggers")
	return e
}

// hooks are units that nothing else moves: the undo of a hook stops it.
func (c *compiler) hooks(t *table) [2][]string {
	var hooks [2][]string
	for i, name := range []string{"before", "after"} {
		units, nodes := t.strs(name)
		for j, unit := range units {
			c.unitName(unit, nodes[j], "hook", "service")
		}
		hooks[i] = units
	}
	return hooks
}

// triggers are what may begin an edge besides a person.
var triggers = []string{"manual", "idle", "studio-user-gone", "pipewire-gone", "memory-pressure"}

func (c *compiler) checkEdge(e edge) {
	for _, key := range []string{"event", "from", "to"} {
		if e.get(key) == nil {
			c.probs.addf(e.named(), "the edge has no %s: an edge needs event, from and to", key)
			return
		}
	}
	if !eventRE().MatchString(e.Event) {
		c.probs.addf(e.at("event"), "event cannot be called %q: a small letter, then at most 31 small letters, digits, dashes and _", e.Event)
	}
	for _, end := range [][2]string{{"from", e.From}, {"to", e.To}} {
		if c.mode(end[1]) == nil {
			c.probs.addf(e.at(end[0]), "edge %s: there is no mode %q: %s", e.Event, end[1], c.modeNames())
		}
	}
	if e.From == e.To {
		c.probs.addf(e.at("to"), "edge %s leads from %s to itself: choose another mode", e.Event, e.From)
	}
	for i, g := range e.Guards {
		if !slices.ContainsFunc(c.guards, func(s fsm.GuardSpec) bool { return s.Name == g }) {
			c.probs.addf(e.item("guards", i), "edge %s: there is no guard %q: declare it in [guards.%s]", e.Event, g, g)
		}
	}
	for i, tr := range e.Triggers {
		if !slices.Contains(triggers, tr) {
			c.probs.addf(e.item("triggers", i), "edge %s: there is no trigger %q: say %s", e.Event, tr, alternatives(triggers))
		}
	}
}

// item is where the i-th entry of a list stands.
func (e edge) item(key string, i int) Position {
	if n := e.get(key); n != nil && i < len(n.list) {
		return n.list[i].at
	}
	return e.named()
}

// checkLaw looks at all edges together.
func (c *compiler) checkLaw(def string) {
	manual := map[[2]string]edge{}
	same := map[[3]string]bool{}
	for _, e := range c.edges {
		id := [3]string{e.Event, e.From, e.To}
		if same[id] {
			c.probs.addf(e.at("event"), "edge %s from %s to %s is stated twice: keep one", e.Event, e.From, e.To)
		}
		pair := [2]string{e.From, e.To}
		if other, dup := manual[pair]; dup && e.Manual() && !same[id] {
			c.probs.addf(e.at("event"), "edges %s and %s both lead from %s to %s by hand: keep one, or give one of them triggers without \"manual\"",
				other.Event, e.Event, e.From, e.To)
		} else if e.Manual() {
			manual[pair] = e
		}
		same[id] = true
		if from, to := c.mode(e.From), c.mode(e.To); from.realtime && to.Headless {
			c.probs.addf(e.at("to"), "edge %s leads from realtime audio to a mode without GUI: a take would end with its session, go through another mode", e.Event)
		}
	}
	forth, back := c.reach(def, false), c.reach(def, true)
	for _, m := range c.modes {
		if !forth[m.Name] {
			c.probs.addf(m.own.named(), "mode %s cannot be reached from %s by hand: add an [[edges]] entry that leads to it", m.Name, def)
		} else if !back[m.Name] {
			c.warnings.addf(m.own.named(), "no way leads from mode %s back to %s: only root can leave it, with the override", m.Name, def)
		}
	}
}

// reach lists the modes that manual edges lead to, or back from.
func (c *compiler) reach(from string, back bool) map[string]bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, e := range c.edges {
			a, b := e.From, e.To
			if back {
				a, b = b, a
			}
			if a == queue[0] && !seen[b] && e.Manual() {
				seen[b] = true
				queue = append(queue, b)
			}
		}
	}
	return seen
}
