// Command bench measures moded against peers in the same run, prints ratios and
// writes them as JSON: an array of {"name","ours","peer","peer_name","unit",
// "ratio","goal"}. It fails when it cannot measure, never because something was
// slow.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"
	"time"
)

// row is one measurement. The ratio is ours over the peer's.
type row struct {
	Name     string  `json:"name"`
	Ours     float64 `json:"ours"`
	Peer     float64 `json:"peer"`
	PeerName string  `json:"peer_name"`
	Unit     string  `json:"unit"`
	Ratio    float64 `json:"ratio"`
	Goal     float64 `json:"goal"`
}

// compare makes a row of two figures; goal is the ratio to stay below.
func compare(name string, ours, peer float64, peerName, unit string, goal float64) row {
	return row{Name: name, Ours: ours, Peer: peer, PeerName: peerName, Unit: unit, Ratio: ours / peer, Goal: goal}
}

// budget makes a row against a figure that is promised.
func budget(name string, ours, limit float64, unit string) row {
	return compare(name, ours, limit, "budget", unit, 1)
}

func main() {
	bin := flag.String("bin", "build/bin", "where the binaries are")
	out := flag.String("out", "build/bench.json", "where the rows go")
	rest := flag.Duration("rest", time.Minute, "how long the daemon is watched at rest")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *bin, *out, *rest); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, out string, rest time.Duration) error {
	if err := needPeers(ctx); err != nil {
		return err
	}
	s, err := newScene(ctx, bin)
	if err != nil {
		return err
	}
	defer s.close()
	var rows []row
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return s.wholeProcess(ctx) },
		func() ([]row, error) { return s.propertiesGet(ctx) },
		func() ([]row, error) { return s.atRest(rest) },
		engine,
	} {
		more, err := measure()
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	show(rows)
	raw, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, append(raw, '\n'), 0o644)
}

func show(rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tours\tpeer\t\tratio\tgoal\t")
	for _, r := range rows {
		mark := ""
		if r.Ratio > r.Goal {
			mark = "above the goal"
		}
		fmt.Fprintf(w, "%s\t%.4g %s\t%.4g %s\t%s\t%.2f\t%.2f\t%s\n", r.Name, r.Ours, r.Unit, r.Peer, r.Unit, r.PeerName, r.Ratio, r.Goal, mark)
	}
	_ = w.Flush() // to a terminal
}
