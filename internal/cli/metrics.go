package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/atomicfile"
	"github.com/modectl/moded/internal/metrics"
)

// edgesMeasured is of how many edges metrics reads the newest steps.
const edgesMeasured = 16

func (a *app) metricsCommand() *cobra.Command {
	var file string
	look := true
	cmd := &cobra.Command{
		Use: "metrics", Short: "Print what moded knows for Prometheus", Args: cobra.NoArgs,
		Long: `Prints metrics in Prometheus' text format: the mode, transitions by edge and
outcome, step durations, verdicts, holds, GPUs and vLLM. The daemon opens no port.
With --textfile they go into a file for node_exporter's textfile collector, whole
or not at all; a daemon that does not answer is then moded_up 0, and no error.
moded-metrics.timer does that every minute:

  modectl metrics --textfile /var/lib/prometheus/node-exporter/moded.prom`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.metrics(cmd.Context(), file, look) },
	}
	cmd.Flags().StringVar(&file, "textfile", "", "write `FILE`, which ends in .prom")
	cmd.Flags().BoolVar(&look, "resources", true, "look at GPUs and vLLM too, which asks the probe")
	return cmd
}

func (a *app) metrics(ctx context.Context, file string, look bool) error {
	if file != "" && filepath.Ext(file) != ".prom" {
		return exitf(exitUsage, "node_exporter reads files that end in .prom, which %s does not", manager1.Clean(file, manager1.MaxLine))
	}
	s, err := a.measure(ctx, look)
	if file == "" {
		if err == nil {
			_, err = fmt.Fprint(a.Stdout, metrics.Text(s))
		}
		return err
	}
	s.Down = err != nil
	if err := atomicfile.Write(file, []byte(metrics.Text(s)), 0o644); err != nil {
		return exitf(exitFailed, "cannot write %s: %v", file, err)
	}
	return nil
}

// measure reads all that there is to tell.
func (a *app) measure(ctx context.Context, look bool) (s metrics.Snapshot, err error) {
	c, err := a.client()
	if err != nil {
		return s, err
	}
	if s.Properties, err = c.Properties(ctx); err != nil {
		return s, err
	}
	if s.Holds, err = c.ListHolds(ctx); err != nil {
		return s, err
	}
	if s.History, err = c.ListHistory(ctx, 0); err != nil {
		return s, err
	}
	for _, id := range newestSettled(s.History) {
		r, err := c.GetTransition(ctx, id)
		if manager1.Is(err, manager1.ErrNotFound) {
			continue // the history is capped, and went on meanwhile
		}
		if err != nil {
			return s, err
		}
		s.Settled = append(s.Settled, r)
	}
	if look {
		r, err := c.Resources(ctx)
		if err != nil {
			return s, err
		}
		s.Resources = &r
	}
	return s, nil
}

// newestSettled finds for each edge the id of the last time that it was taken.
func newestSettled(history []manager1.Record) (ids []uint32) {
	seen := map[[2]string]bool{}
	for _, r := range history {
		edge := [2]string{r.From, r.To}
		if r.Outcome == manager1.Settled && !seen[edge] && len(ids) < edgesMeasured {
			seen[edge] = true
			ids = append(ids, r.ID)
		}
	}
	return ids
}
