package config

import (
	"slices"
	"strings"
	"unicode"

	"github.com/modectl/moded/pkg/fsm"
)

type unitValue struct {
	State        string            `json:"state"`
	Environment  map[string]string `json:"environment,omitempty"`
	Ready        string            `json:"ready,omitempty"`
	ReadyTimeout string            `json:"ready-timeout,omitempty"`
	StartTimeout string            `json:"start-timeout,omitempty"`
	StopTimeout  string            `json:"stop-timeout,omitempty"`
}

func (c *compiler) readUnits(m *mode) {
	all := m.sub("units")
	for _, unit := range all.names {
		t := knobTable(all.key(unit), all.pathOf(unit), "state", c.probs)
		if why := unitProblem(unit, unitTypes...); why != "" {
			c.probs.addf(t.named(), "%s", why)
		} else {
			c.owners.claim(unit, "units", t.named())
		}
		c.needs(t, "state", `"active", "inactive" or "any"`)
		v := unitValue{
			State:        t.oneOf("state", notSet, "active", "inactive", notSet),
			StartTimeout: spanOrNone(t.duration("start-timeout", 0)),
			StopTimeout:  spanOrNone(t.duration("stop-timeout", 0)),
		}
		ready, patience := t.str("ready", ""), spanOrNone(t.duration("ready-timeout", 0))
		environment := c.environment(t)
		if v.State == "active" {
			v.Ready, v.ReadyTimeout, v.Environment = ready, patience, environment
		}
		c.checkService(t, unit, ready)
		if v.State != notSet {
			m.state("units", unit, t, fsm.NewValue(v))
		}
		finish(t)
	}
}

// checkService reports what only a service can have.
func (c *compiler) checkService(t *table, unit, ready string) {
	for _, name := range []string{"environment", "ready"} {
		if n := t.get(name); n != nil && !strings.HasSuffix(unit, ".service") {
			c.probs.addf(n.key, "%s: only a service has an environment and can be asked whether it is ready", t.pathOf(name))
		}
	}
	if why := urlProblem(ready); ready != "" && why != "" {
		c.probs.addf(t.get("ready").at, "%s: %s", t.pathOf("ready"), why)
	}
	if n := t.get("ready-timeout"); n != nil && t.get("ready") == nil {
		c.probs.addf(n.key, "%s means something only beside ready", t.pathOf("ready-timeout"))
	}
}

// environment reads variables for the unit's environment file.
func (c *compiler) environment(t *table) map[string]string {
	env := t.sub("environment")
	out := map[string]string{}
	for _, name := range env.names {
		if !envRE().MatchString(name) {
			c.probs.addf(env.get(name).key, "%q is not the name of an environment variable: letters, digits and _", name)
		}
		n := env.typed(name, aText)
		if n == nil {
			continue
		}
		if len(n.text) > 4096 || strings.IndexFunc(n.text, unicode.IsControl) >= 0 {
			c.probs.addf(n.at, "%s is too long or holds a control character: at most 4096 bytes on one line", env.pathOf(name))
		}
		out[name] = n.text
	}
	return out
}

// limits is what a slices setting holds; a nil field is not set and not
// touched. The largest number is PID 1's infinity.
type limits struct {
	CPUWeight   *uint64 `json:"cpu-weight,omitempty"`
	IOWeight    *uint64 `json:"io-weight,omitempty"`
	MemoryHigh  *uint64 `json:"memory-high,omitempty"`
	CPUQuota    *uint64 `json:"cpu-quota,omitempty"` // µs per second
	AllowedCPUs *string `json:"allowed-cpus,omitempty"`
}

func isLimit(key string) bool {
	return slices.Contains([]string{"cpu-weight", "io-weight", "memory-high", "cpu-quota", "allowed-cpus"}, key)
}

// readSlices reads limits of slices of PID 1.
func (c *compiler) readSlices(m *mode) {
	c.eachSlice(m, "slices", func(t *table, l *limits) {
		l.CPUQuota = t.amount("cpu-quota", quotaOf, `a share of CPUs such as "150%", or "infinity"`)
		l.AllowedCPUs = t.cpus("allowed-cpus")
	})
}

// readUserSlices reads limits of slices inside every user's manager, which has
// fewer: it is given no CPU sets.
func (c *compiler) readUserSlices(m *mode) {
	c.eachSlice(m, "user-slices", func(*table, *limits) {})
}

// eachSlice reads the limits that both kinds have, then more of them.
func (c *compiler) eachSlice(m *mode, kind string, more func(t *table, l *limits)) {
	all := m.sub(kind)
	for _, slice := range all.names {
		t := tableOf(all.key(slice), all.pathOf(slice), c.probs)
		if !sliceRE().MatchString(slice) || len(slice) > 255 {
			c.probs.addf(t.named(), "%q is not a slice such as \"system.slice\"", slice)
		}
		l := limits{CPUWeight: t.weight("cpu-weight"), IOWeight: t.weight("io-weight")}
		l.MemoryHigh = t.amount("memory-high", sizeOf, `a size such as "8GiB", or "infinity"`)
		more(t, &l)
		if l != (limits{}) {
			m.state(kind, slice, t, fsm.NewValue(l))
		}
		finish(t)
	}
}

// limit returns a limit's value, nil when it is missing or "any".
func (t *table) limit(name string) *node {
	n := t.key(name)
	if n != nil && n.shape == aText && n.text == notSet {
		return nil
	}
	return n
}

func (t *table) weight(name string) *uint64 {
	if t.limit(name) == nil {
		return nil
	}
	n := t.numberIn(name, 1, 10_000)
	if n == nil {
		return nil
	}
	weight := uint64(*n)
	return &weight
}

func (t *table) amount(name string, read func(string) (uint64, bool), want string) *uint64 {
	n := t.limit(name)
	if n == nil {
		return nil
	}
	v, ok := read(n.text)
	if n.shape != aText || !ok {
		t.probs.addf(n.at, "%s must be %s", t.pathOf(name), want)
		return nil
	}
	return &v
}

// cpus reads a list of CPUs; "all" is PID 1's empty list.
func (t *table) cpus(name string) *string {
	n := t.limit(name)
	if n == nil {
		return nil
	}
	list := n.text
	if list == "all" {
		list = ""
	} else if n.shape != aText || !validCPUs(list) {
		t.probs.addf(n.at, "%s must be a list of CPUs such as \"0-3,8\", or \"all\"", t.pathOf(name))
		return nil
	}
	return &list
}
