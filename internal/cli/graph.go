package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/draw"
)

var pictures = map[string]func(draw.Diagram) string{
	"mermaid": draw.Diagram.Mermaid, "dot": draw.Diagram.DOT, "svg": draw.Diagram.SVG,
}

func (a *app) graphCommand() *cobra.Command {
	format, quick := "mermaid", false
	cmd := &cobra.Command{
		Use: "graph [FILE...]", Short: "Draw the modes and the edges between them, the current mode lit",
		Long: `Draws the configuration that the daemon reads, or the files that are given over
the embedded default: for Mermaid, for Graphviz, or as a picture by itself;
with --json, the same for programs. The current mode is lit, and edges that cannot be taken now name the guards that say so;
--quick asks no guard.

  modectl graph --format svg > modes.svg`,
		RunE: func(cmd *cobra.Command, files []string) error { return a.graph(cmd.Context(), format, quick, files) },
	}
	cmd.Flags().StringVar(&format, "format", format, "`FORMAT`: mermaid, dot or svg")
	cmd.Flags().BoolVar(&quick, "quick", false, "do not ask the guards")
	return a.jsonFlag(cmd)
}

// fullGraph is what graph prints as JSON.
type fullGraph struct {
	Current string      `json:"current"`
	Modes   []string    `json:"modes"`
	Edges   []graphEdge `json:"edges"`
}

type graphEdge struct {
	Event    string   `json:"event"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Through  bool     `json:"through-transitioning"`
	Triggers []string `json:"triggers"`
	Guards   []string `json:"guards"`
	// Blocked names the guards that say no now.
	Blocked []string `json:"blocked-by"`
}

func graphJSON(d draw.Diagram) fullGraph {
	g := fullGraph{Current: d.Current, Modes: []string{}, Edges: []graphEdge{}}
	for _, m := range d.Catalog.Modes() {
		g.Modes = append(g.Modes, m.Name)
	}
	for _, e := range d.Catalog.Edges() {
		edge := graphEdge{Event: e.Event, From: e.From, To: e.To, Through: e.Through,
			Triggers: append([]string{}, e.Triggers...), Guards: append([]string{}, e.Guards...), Blocked: append([]string{}, d.Blocking(e)...)}
		if len(e.Triggers) == 0 {
			edge.Triggers = append(edge.Triggers, "manual")
		}
		g.Edges = append(g.Edges, edge)
	}
	return g
}

func (a *app) graph(ctx context.Context, format string, quick bool, files []string) error {
	c, err := config.Load(options(files))
	if err != nil {
		fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
		return silent(exitFailed)
	}
	picture, ok := pictures[format]
	if !ok {
		return exitf(exitUsage, "the format is mermaid, dot or svg")
	}
	d := draw.Diagram{Catalog: c.Catalog, Current: a.currentMode(ctx)}
	if !quick {
		d.Blocked = a.blocked(ctx, d)
	}
	if a.json {
		return a.printJSON(graphJSON(d))
	}
	_, err = fmt.Fprint(a.Stdout, picture(d))
	return err
}

// blocked asks for each mode that is an edge away who says no. A daemon that
// does not know the mode, or does not answer, says nothing.
func (a *app) blocked(ctx context.Context, d draw.Diagram) map[string][]string {
	found := map[string][]string{}
	for _, e := range d.Catalog.Edges() {
		if _, asked := found[e.To]; asked || e.From != d.Current {
			continue
		}
		found[e.To] = nil
		answer, err := askGuards(ctx, a.conn, []string{e.To})
		if err != nil {
			continue
		}
		for _, v := range blocking(answer[0].Verdicts, 0) {
			found[e.To] = append(found[e.To], v.Guard)
		}
	}
	return found
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
