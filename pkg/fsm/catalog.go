package fsm

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
)

// nameRE is what names of modes must match; they travel into unit names, bus
// messages and logs.
var nameRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`) })

// ValidName tells whether a mode may be called name.
func ValidName(name string) bool {
	return nameRE().MatchString(name) && name != Boot && name != Transitioning
}

// CatalogSpec is what a Catalog is made of.
type CatalogSpec struct {
	Default string
	Modes   []Mode
	Edges   []Edge
	Guards  []GuardSpec
}

// Catalog is the modes and edges of a machine, validated together. It is
// immutable and safe for concurrent use; a reload makes a new one.
type Catalog struct {
	spec   CatalogSpec
	modes  map[string]Mode
	guards map[string]GuardSpec
}

// NewCatalog validates a specification: names, edges between known modes,
// known guards, every mode reachable from the default one, at most one manual
// edge for a pair. All problems are joined into the error.
func NewCatalog(spec CatalogSpec) (*Catalog, error) {
	c := &Catalog{spec: spec, modes: map[string]Mode{}, guards: map[string]GuardSpec{}}
	var problems []error
	for _, m := range spec.Modes {
		problems = append(problems, c.addMode(m))
	}
	for _, g := range spec.Guards {
		c.guards[g.Name] = g
	}
	if _, ok := c.modes[spec.Default]; !ok {
		problems = append(problems, fmt.Errorf("default mode %q is not a mode", spec.Default))
	}
	problems = append(problems, c.checkEdges()...)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	for _, m := range spec.Modes {
		if m.Name != spec.Default && c.Way(spec.Default, m.Name) == nil {
			problems = append(problems, fmt.Errorf("mode %q cannot be reached from %q", m.Name, spec.Default))
		}
	}
	return c, errors.Join(problems...)
}

func (c *Catalog) addMode(m Mode) error {
	if !ValidName(m.Name) {
		return fmt.Errorf("mode name %q is not allowed", m.Name)
	}
	if _, dup := c.modes[m.Name]; dup {
		return fmt.Errorf("mode %q is stated twice", m.Name)
	}
	m.Settings = slices.Clone(m.Settings)
	sort.SliceStable(m.Settings, func(i, j int) bool {
		a, b := m.Settings[i], m.Settings[j]
		return a.Kind < b.Kind || a.Kind == b.Kind && a.Key < b.Key
	})
	c.modes[m.Name] = m
	return nil
}

func (c *Catalog) checkEdges() []error {
	var problems []error
	manual := map[[2]string]string{}
	law := map[[3]string]bool{}
	for _, e := range c.spec.Edges {
		for _, name := range []string{e.From, e.To} {
			if _, ok := c.modes[name]; !ok {
				problems = append(problems, fmt.Errorf("edge %q names unknown mode %q", e.Event, name))
			}
		}
		if e.From == e.To {
			problems = append(problems, fmt.Errorf("edge %q leads from %q to itself", e.Event, e.From))
		}
		for _, g := range e.Guards {
			if _, ok := c.guards[g]; !ok {
				problems = append(problems, fmt.Errorf("edge %q names unknown guard %q", e.Event, g))
			}
		}
		if key := [3]string{e.Event, e.From, e.To}; law[key] {
			problems = append(problems, fmt.Errorf("edge %q from %q to %q is stated twice", e.Event, e.From, e.To))
		} else {
			law[key] = true
		}
		pair := [2]string{e.From, e.To}
		if other, dup := manual[pair]; dup && e.Manual() {
			problems = append(problems, fmt.Errorf("edges %q and %q are both manual from %q to %q", other, e.Event, e.From, e.To))
		} else if e.Manual() {
			manual[pair] = e.Event
		}
	}
	return problems
}

// Default returns the name of the mode that boot goes to.
func (c *Catalog) Default() string { return c.spec.Default }

// Modes returns the modes in the order in which they were stated.
func (c *Catalog) Modes() []Mode {
	modes := make([]Mode, 0, len(c.spec.Modes))
	for _, m := range c.spec.Modes {
		modes = append(modes, c.modes[m.Name])
	}
	return modes
}

// Names returns the names of the modes in the order in which they were stated.
func (c *Catalog) Names() []string {
	names := make([]string, 0, len(c.spec.Modes))
	for _, m := range c.spec.Modes {
		names = append(names, m.Name)
	}
	return names
}

// Mode returns the mode of that name.
func (c *Catalog) Mode(name string) (Mode, bool) {
	m, ok := c.modes[name]
	return m, ok
}

// Edges returns all edges in the order in which they were stated.
func (c *Catalog) Edges() []Edge { return slices.Clone(c.spec.Edges) }

// Guards returns the specifications of the named guards, in their order.
func (c *Catalog) Guards(names []string) []GuardSpec {
	specs := make([]GuardSpec, 0, len(names))
	for _, name := range names {
		specs = append(specs, c.guards[name])
	}
	return specs
}

// AllGuards returns the specifications of all guards.
func (c *Catalog) AllGuards() []GuardSpec { return slices.Clone(c.spec.Guards) }

// Edge returns the edge that the trigger may take from one mode to another.
// The empty trigger, "manual" and TriggerAutomatic take a person's edges.
func (c *Catalog) Edge(from, to, trigger string) (Edge, bool) {
	for _, e := range c.spec.Edges {
		if e.From != from || e.To != to {
			continue
		}
		if trigger == "" || trigger == triggerManual || trigger == TriggerAutomatic {
			if e.Manual() {
				return e, true
			}
			continue
		}
		if slices.Contains(e.Triggers, trigger) {
			return e, true
		}
	}
	return Edge{}, false
}

// Way returns the shortest chain of modes along manual edges from one mode to
// another, both included, or nil when there is none.
func (c *Catalog) Way(from, to string) []string {
	if from == Boot {
		from = c.spec.Default
	}
	came := map[string]string{from: from}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			return trail(came, from, to)
		}
		for _, e := range c.spec.Edges {
			if _, seen := came[e.To]; e.From == queue[0] && !seen && e.Manual() {
				came[e.To] = e.From
				queue = append(queue, e.To)
			}
		}
	}
	return nil
}

func trail(came map[string]string, from, to string) []string {
	way := []string{to}
	for at := to; at != from; at = came[at] {
		way = append(way, came[at])
	}
	slices.Reverse(way)
	return way
}

// wayText says how to get somewhere that is not an edge away.
func (c *Catalog) wayText(from, to string) string {
	way := c.Way(from, to)
	if len(way) < 3 {
		return "no edge leads there"
	}
	return "go through " + strings.Join(way[1:len(way)-1], ", then ")
}
