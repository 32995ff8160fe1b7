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
	"strings"
	"syscall"
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

// options are the command line's.
type options struct {
	bin, out, only string
	rest           time.Duration
	crowd          int
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == judgeCommand {
		exit(judgeOnce(os.Args[2], os.Args[3:]))
	}
	var o options
	flag.StringVar(&o.bin, "bin", "build/bin", "where the binaries are")
	flag.StringVar(&o.out, "out", "build/bench.json", "where the rows go")
	flag.DurationVar(&o.rest, "rest", time.Minute, "how long the daemon is watched at rest")
	flag.IntVar(&o.crowd, "crowd", 10000, "how many processes the hostile machine has")
	flag.StringVar(&o.only, "only", "", "measure this `part` alone; a wrong one lists them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, o options) error {
	if err := needPeers(ctx); err != nil {
		return err
	}
	s, err := newScene(ctx, o.bin)
	if err != nil {
		return err
	}
	defer s.close()
	rows, err := s.measure(ctx, o)
	if err != nil {
		return err
	}
	show(rows)
	raw, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, append(raw, '\n'), 0o644)
}

// measure takes all parts in turn, or the one that is wanted.
func (s *scene) measure(ctx context.Context, o options) ([]row, error) {
	var rows []row
	var names []string
	for _, part := range []struct {
		name string
		do   func() ([]row, error)
	}{
		{"process", func() ([]row, error) { return s.wholeProcess(ctx) }},
		{"news", func() ([]row, error) { return s.news(ctx) }},
		{"watchers", func() ([]row, error) { return s.watchers(ctx) }},
		{"get", func() ([]row, error) { return s.propertiesGet(ctx) }},
		{"rest", func() ([]row, error) { return s.atRest(o.rest) }},
		{"engine", engine},
		{"agent", func() ([]row, error) { return s.agentAtRest(ctx, o.rest/2) }},
		{"probe", func() ([]row, error) { return probeGoes(ctx, s.bin, s.dir) }},
		{"eyes", func() ([]row, error) { return s.populated(ctx) }},
		{"growth", func() ([]row, error) { return s.growth(ctx) }},
		{"hostile", func() ([]row, error) { return s.hostile(ctx, o.crowd) }},
		{"transitions", func() ([]row, error) { return transitions(ctx, s.dir) }},
	} {
		names = append(names, part.name)
		if o.only != "" && part.name != o.only {
			continue
		}
		more, err := part.do()
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("there is no part %q: one of %s", o.only, strings.Join(names, ", "))
	}
	return rows, nil
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
