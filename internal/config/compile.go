package config

import (
	"errors"
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// compiler turns the merged tree into a Config, collecting what is wrong.
type compiler struct {
	root     *table
	probs    *problems
	warnings problems
	warned   map[string]bool
	owners   owners
	cfg      *Config

	base   *table
	inBase map[Position]bool // what is wrong in base is said once
	modes  []*mode
	gone   map[string]bool // modes with enabled = false
	guards []fsm.GuardSpec
	edges  []edge
}

func newCompiler(tree *node, probs *problems) *compiler {
	c := &compiler{
		root: tableOf(tree, "", probs), probs: probs, cfg: &Config{}, gone: map[string]bool{},
	}
	c.owners = owners{kinds: map[string]string{}, probs: probs}
	return c
}

func (c *compiler) compile() *Config {
	c.general()
	c.machine()
	c.base = c.root.sub("base")
	c.readModes()
	c.readGuards()
	c.readEdges()
	def := c.defaultMode()
	c.root.done()
	if len(c.probs.list) > 0 {
		return c.cfg
	}
	c.checkLaw(def)
	c.warnUnnamedGPUs()
	c.catalog(def)
	return c.cfg
}

func (c *compiler) defaultMode() string {
	def := c.root.str("default-mode", "")
	at := c.root.at
	if n := c.root.get("default-mode"); n != nil {
		at = n.at
	}
	switch {
	case def == "":
		c.probs.addf(at, "no default-mode: say where boot goes, default-mode = \"desktop\"")
	case c.mode(def) == nil:
		c.probs.addf(at, "default-mode %q is not a mode: %s", def, c.modeNames())
	}
	return def
}

// catalog builds what the engine works with. Its own checks repeat ours
// without positions; what only they find is our omission, and still an error.
func (c *compiler) catalog(def string) {
	if len(c.probs.list) > 0 {
		return
	}
	spec := fsm.CatalogSpec{Default: def, Guards: c.guards}
	for _, m := range c.modes {
		spec.Modes = append(spec.Modes, m.Mode)
	}
	for _, e := range c.edges {
		spec.Edges = append(spec.Edges, e.Edge)
	}
	catalog, err := fsm.NewCatalog(spec)
	if err != nil {
		var many interface{ Unwrap() []error }
		if !errors.As(err, &many) {
			c.probs.addf(c.root.at, "%v", err)
			return
		}
		for _, e := range many.Unwrap() {
			c.probs.addf(c.root.at, "%v", e)
		}
		return
	}
	c.cfg.Catalog = catalog
}

func (c *compiler) legalName(what, name string, n *node) {
	if !nameRE().MatchString(name) {
		c.probs.addf(n.key, "%s cannot be called %q: a small letter, then at most 31 small letters, digits and dashes", what, name)
	}
}

// warnUnnamedGPUs finds cards that no mode says anything about.
func (c *compiler) warnUnnamedGPUs() {
	if c.cfg.AutoGPUs {
		return
	}
	for _, g := range c.cfg.GPUs {
		if c.base.get("gpus").get(g.Name) == nil {
			c.warnings.addf(c.root.get("gpus").get(g.Name).key,
				"no mode says who owns GPU %s: add it to [base.gpus]", g.Name)
		}
	}
}

// owners keeps which kind owns which unit.
type owners struct {
	kinds map[string]string
	probs *problems
}

// claim makes kind the owner, or reports that the unit has one.
func (o *owners) claim(unit, kind string, at Position) {
	if own, ok := reserved[unit]; ok && own != kind {
		o.probs.addf(at, "%s belongs to moded or the system: it cannot be a knob", unit)
		return
	}
	if own, ok := o.kinds[unit]; ok && own != kind {
		o.probs.addf(at, "%s has two owners, %s and %s: name it in one of them%s", unit, own, kind, o.hint(own, kind))
		return
	}
	o.kinds[unit] = kind
}

// hint says which of two owners to keep, where one can do what the other does.
func (o *owners) hint(kinds ...string) string {
	if slices.Contains(kinds, "vllm") && slices.Contains(kinds, "units") {
		return ". A mode moves it by vllm, which drains it and gives it its GPUs: take it out of units"
	}
	return ""
}

// reserved are units that no knob may turn: without them nobody could turn it
// back.
var reserved = map[string]string{
	"moded.service": "moded", "moded-tune.service": "tune", "moded-gpu.service": "gpus",
	"moded-probe.service": "moded", "moded-probe.socket": "moded",
	"moded-workload.service": "moded", "moded-workload.socket": "moded",
	"moded-pressure.service": "moded",
	"moded-k3s-off.service":  "k3s",
	"dbus.service":           "system", "dbus.socket": "system", "dbus-broker.service": "system",
	"polkit.service": "system", "systemd-logind.service": "system",
	"basic.target": "system", "sysinit.target": "system",
}

// unitName checks a unit's name and claims it for a kind.
func (c *compiler) unitName(unit string, n *node, kind string, types ...string) {
	if why := unitProblem(unit, types...); why != "" {
		c.probs.addf(n.at, "%s", why)
		return
	}
	c.owners.claim(unit, kind, n.at)
}

func (c *compiler) card(name string) (GPU, bool) {
	i := slices.IndexFunc(c.cfg.GPUs, func(g GPU) bool { return g.Name == name })
	if i < 0 {
		return GPU{}, false
	}
	return c.cfg.GPUs[i], true
}
