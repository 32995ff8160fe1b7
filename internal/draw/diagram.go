// Package draw makes pictures of what modectl shows: the modes with the edges
// between them, and a transition's steps over time. Text only: what is drawn is
// data that was cleaned where it came in, and is escaped for its language here.
package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// Diagram is the modes and edges of a catalog, as they are for a person now.
type Diagram struct {
	Catalog *fsm.Catalog
	// Current is the mode to light up; empty for none.
	Current string
	// Blocked has, for each mode that is an edge away from the current one and
	// cannot be entered now, the guards that say so.
	Blocked map[string][]string
}

// Blocking names the guards that keep a person from the edge. Edges that begin
// by themselves ask the same guards, if they ask any.
func (d Diagram) Blocking(e fsm.Edge) []string {
	if e.From != d.Current {
		return nil
	}
	guards := d.Blocked[e.To]
	if e.Manual() {
		return guards
	}
	return slices.DeleteFunc(slices.Clone(guards), func(g string) bool { return !slices.Contains(e.Guards, g) })
}

// label is what an edge says: its event, what begins it besides a person, and
// what keeps it from being taken.
func (d Diagram) label(e fsm.Edge) string {
	text := e.Event
	for _, t := range e.Triggers {
		if t != "manual" {
			text += ", " + t
		}
	}
	if guards := d.Blocking(e); len(guards) > 0 {
		text += " (blocked by " + strings.Join(guards, ", ") + ")"
	}
	return text
}

// Mermaid draws for Mermaid.
func (d Diagram) Mermaid() string {
	id := func(mode string) string { return strings.ReplaceAll(mode, "-", "_") }
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n  [*] --> boot\n")
	fmt.Fprintf(&b, "  boot --> %s : default\n", id(d.Catalog.Default()))
	for _, m := range d.Catalog.Modes() {
		fmt.Fprintf(&b, "  state \"%s\" as %s\n", m.Name, id(m.Name))
	}
	for _, e := range d.Catalog.Edges() {
		if !e.Through {
			fmt.Fprintf(&b, "  %s --> %s : %s\n", id(e.From), id(e.To), d.label(e))
			continue
		}
		between := id(e.From) + "__" + id(e.To)
		fmt.Fprintf(&b, "  state \"transitioning\" as %s\n", between)
		fmt.Fprintf(&b, "  %s --> %s : %s\n", id(e.From), between, d.label(e))
		fmt.Fprintf(&b, "  %s --> %s : success\n", between, id(e.To))
		fmt.Fprintf(&b, "  %s --> %s : abort\n", between, id(e.From))
	}
	if d.lights() {
		fmt.Fprintf(&b, "  classDef current fill:%s,color:#fff\n  class %s current\n", colourCurrent, id(d.Current))
	}
	return b.String()
}

// lights tells whether there is a mode to light up: on the way there is none.
func (d Diagram) lights() bool { return d.Current != "" && d.Current != fsm.Transitioning }

// DOT draws for Graphviz.
func (d Diagram) DOT() string {
	var b strings.Builder
	b.WriteString("digraph modes {\n  node [shape=box, style=rounded]\n")
	for _, name := range append([]string{fsm.Boot}, d.Catalog.Names()...) {
		lit := ""
		if name == d.Current {
			lit = " [style=\"rounded,filled\", fillcolor=\"" + colourCurrent + "\", fontcolor=white]"
		}
		fmt.Fprintf(&b, "  %q%s\n", name, lit)
	}
	fmt.Fprintf(&b, "  %q -> %q [label=%q]\n", fsm.Boot, d.Catalog.Default(), "default")
	for _, e := range d.Catalog.Edges() {
		colour := ""
		if len(d.Blocking(e)) > 0 {
			colour = fmt.Sprintf(", color=%q, fontcolor=%q", colourBlocked, colourBlocked)
		}
		if !e.Through {
			fmt.Fprintf(&b, "  %q -> %q [label=%q%s]\n", e.From, e.To, d.label(e), colour)
			continue
		}
		between := e.From + ">" + e.To
		fmt.Fprintf(&b, "  %q [label=transitioning, style=\"rounded,dashed\"]\n", between)
		fmt.Fprintf(&b, "  %q -> %q [label=%q%s]\n", e.From, between, d.label(e), colour)
		fmt.Fprintf(&b, "  %q -> %q [label=success]\n", between, e.To)
		fmt.Fprintf(&b, "  %q -> %q [label=abort, style=dashed]\n", between, e.From)
	}
	b.WriteString("}\n")
	return b.String()
}
