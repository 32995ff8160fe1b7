package config

import "cmp"

// scaleRE is a label with a value, as Kubernetes writes it.
var scaleRE = pattern(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?=[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

func (c *compiler) k3s(t *table) {
	k := &K3s{Unit: t.str("unit", "k3s.service"), Node: t.str("node", "")}
	k.DrainTimeout = t.duration("drain-timeout", k3sDrain)
	k.StartTimeout = t.duration("start-timeout", k3sStart)
	k.Label = t.boolean("label", false)
	k.Taint = t.oneOf("taint", "", "NoSchedule", "PreferNoSchedule")
	k.ScaleToZero = t.str("scale-to-zero", "")
	k.EvictEmptyDir = t.boolean("evict-emptydir", false)
	k.EvictUnmanaged = t.boolean("evict-unmanaged", false)
	k.EvictSystem = t.boolean("evict-system", false)
	k.Killall = t.str("killall", "")
	k.CPUWeight = orNumber(t.numberIn("cpu-weight", 1, 10000), 100)
	k.MinimalCPUWeight = orNumber(t.numberIn("minimal-cpu-weight", 1, 10000), 10)
	t.done()
	at := t.node
	if n := t.get("unit"); n != nil {
		at = n
	}
	c.unitName(k.Unit, at, "k3s", "service")
	if k.Killall != "" {
		c.unitName(k.Killall, t.get("killall"), "k3s", "service")
	}
	if k.Killall == k.Unit {
		c.probs.addf(cmp.Or(t.get("killall"), t.node).at, "%s is the unit of k3s itself: name one that ends its containers, \"moded-k3s-off.service\"", t.pathOf("killall"))
	}
	if k.Node != "" && !hostRE().MatchString(k.Node) {
		c.probs.addf(t.get("node").at, "%q is not a node's name: lower-case letters, digits, dots and dashes", k.Node)
	}
	if k.ScaleToZero != "" && !scaleRE().MatchString(k.ScaleToZero) {
		c.probs.addf(t.get("scale-to-zero").at, "%q is not a label: give KEY=VALUE, such as \"modectl.org/scale=zero\"", k.ScaleToZero)
	}
	c.cfg.K3s = k
}

func orNumber(n *int64, otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return *n
}
