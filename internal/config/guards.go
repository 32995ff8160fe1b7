package config

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// readGuards reads all guards, those too that no edge names.
func (c *compiler) readGuards() {
	all := c.root.sub("guards")
	for _, name := range all.names {
		t := all.sub(name)
		c.legalName("guard", name, t.node)
		spec := fsm.GuardSpec{
			Name: name, Kind: t.str("kind", ""),
			LastLook:    t.boolean("last-look", false),
			WarnUnknown: t.oneOf("on-unknown", "deny", "deny", "warn") == "warn",
			Final:       !t.boolean("overridable", true),
		}
		spec.Params = c.params(t)
		if t.get("kind") == nil {
			c.probs.addf(t.named(), "guard %s has no kind: say kind = \"load\"", name)
			continue
		}
		c.checkGuard(t, spec)
		c.guards = append(c.guards, spec)
	}
}

// params returns what is left of a guard's table: its kind's own parameters.
func (c *compiler) params(t *table) fsm.Value {
	own := map[string]json.RawMessage{}
	for _, name := range t.names {
		if !slices.Contains(t.asked, name) {
			own[name] = t.get(name).json()
		}
	}
	return fsm.NewValue(own)
}

// json encodes a value as guards read it. What JSON cannot say, such as a
// date or an infinite number, becomes a text, which no parameter accepts.
func (n *node) json() json.RawMessage {
	var v any
	switch n.shape {
	case aTable:
		m := map[string]json.RawMessage{}
		for name, child := range n.table {
			m[name] = child.json()
		}
		v = m
	case aList:
		l := make([]json.RawMessage, len(n.list))
		for i, child := range n.list {
			l[i] = child.json()
		}
		v = l
	case aNumber:
		v = n.number
	case aDecimal:
		v = n.decimal
	case aBool:
		v = n.yes
	default:
		v = n.text
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`"not a number"`)
	}
	return raw
}

func (c *compiler) checkGuard(t *table, spec fsm.GuardSpec) {
	table := guards.Builtin()
	if !slices.ContainsFunc(table, func(k guards.Kind) bool { return k.Name == spec.Kind }) {
		var names []string
		for _, k := range table {
			names = append(names, k.Name)
		}
		c.probs.addf(t.get("kind").at, "there is no kind of guard %q: say %s", spec.Kind, alternatives(names))
		return
	}
	err := guards.Check(spec)
	if bad := (*guards.ParamError)(nil); errors.As(err, &bad) {
		at := t.named()
		if n := t.get(bad.Param); n != nil {
			at = n.key
		}
		c.probs.addf(at, "guard %s of kind %s: %v", spec.Name, spec.Kind, bad)
	} else if err != nil {
		c.probs.addf(t.named(), "%v", err)
	}
}
