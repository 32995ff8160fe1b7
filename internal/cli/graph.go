package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/fsm"
)

func (a *app) graphCommand() *cobra.Command {
	format := "mermaid"
	cmd := &cobra.Command{
		Use: "graph [FILE...]", Short: "Draw the modes and the edges between them, the current mode lit",
		Long: `Draws the configuration that the daemon reads, or the files that are given over
the embedded default, for Mermaid or for Graphviz:

  modectl graph --format dot | dot -Tsvg > modes.svg`,
		RunE: func(cmd *cobra.Command, files []string) error { return a.graph(cmd.Context(), format, files) },
	}
	cmd.Flags().StringVar(&format, "format", format, "`FORMAT`: mermaid or dot")
	return cmd
}

func (a *app) graph(ctx context.Context, format string, files []string) error {
	c, err := config.Load(options(files))
	if err != nil {
		fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
		return silent(exitFailed)
	}
	var text string
	switch current := a.currentMode(ctx); format {
	case "mermaid":
		text = mermaid(c.Catalog, current)
	case "dot":
		text = dot(c.Catalog, current)
	default:
		return exitf(exitUsage, "the format is mermaid or dot")
	}
	_, err = fmt.Fprint(a.Stdout, text)
	return err
}

// currentMode is empty when nobody tells: a drawing needs no daemon.
func (a *app) currentMode(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := a.client()
	if err != nil {
		return ""
	}
	p, _ := c.Properties(ctx)
	return p.Mode
}

// label is what an edge says: its event, and what begins it besides a person.
func label(e fsm.Edge) string {
	text := e.Event
	for _, t := range e.Triggers {
		if t != "manual" {
			text += ", " + t
		}
	}
	return text
}

func mermaid(c *fsm.Catalog, current string) string {
	id := func(mode string) string { return strings.ReplaceAll(mode, "-", "_") }
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n  [*] --> boot\n")
	fmt.Fprintf(&b, "  boot --> %s : default\n", id(c.Default()))
	for _, m := range c.Modes() {
		fmt.Fprintf(&b, "  state \"%s\" as %s\n", m.Name, id(m.Name))
	}
	for _, e := range c.Edges() {
		if !e.Through {
			fmt.Fprintf(&b, "  %s --> %s : %s\n", id(e.From), id(e.To), label(e))
			continue
		}
		between := id(e.From) + "__" + id(e.To)
		fmt.Fprintf(&b, "  state \"transitioning\" as %s\n", between)
		fmt.Fprintf(&b, "  %s --> %s : %s\n", id(e.From), between, label(e))
		fmt.Fprintf(&b, "  %s --> %s : success\n", between, id(e.To))
		fmt.Fprintf(&b, "  %s --> %s : abort\n", between, id(e.From))
	}
	if current != "" && current != manager1.ModeTransitioning {
		fmt.Fprintf(&b, "  classDef current fill:#2a7,color:#fff\n  class %s current\n", id(current))
	}
	return b.String()
}

func dot(c *fsm.Catalog, current string) string {
	var b strings.Builder
	b.WriteString("digraph modes {\n  node [shape=box, style=rounded]\n")
	for _, name := range append([]string{fsm.Boot}, c.Names()...) {
		lit := ""
		if name == current {
			lit = " [style=\"rounded,filled\", fillcolor=\"#22aa77\", fontcolor=white]"
		}
		fmt.Fprintf(&b, "  %q%s\n", name, lit)
	}
	fmt.Fprintf(&b, "  %q -> %q [label=%q]\n", fsm.Boot, c.Default(), "default")
	for _, e := range c.Edges() {
		if !e.Through {
			fmt.Fprintf(&b, "  %q -> %q [label=%q]\n", e.From, e.To, label(e))
			continue
		}
		between := e.From + ">" + e.To
		fmt.Fprintf(&b, "  %q [label=transitioning, style=\"rounded,dashed\"]\n", between)
		fmt.Fprintf(&b, "  %q -> %q [label=%q]\n", e.From, between, label(e))
		fmt.Fprintf(&b, "  %q -> %q [label=success]\n", between, e.To)
		fmt.Fprintf(&b, "  %q -> %q [label=abort, style=dashed]\n", between, e.From)
	}
	b.WriteString("}\n")
	return b.String()
}
