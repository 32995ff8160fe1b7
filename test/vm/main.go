// Command vm is the host side of the VM lab: it builds a Debian machine, boots
// it in QEMU with moded installed, lets the guest side run the scenarios, and
// writes one report. `make vm-test` and `make vm-test-long` call it.
//
//	go run ./test/vm [-long] [-scenario NAME[,NAME]] [-jobs 2] [-report FILE] [-keep]
//
// The exit code is 0 only if every requested scenario ran and passed.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/modectl/moded/test/debian"
	"github.com/modectl/moded/test/vm/lab"
)

// options are the flags.
type options struct {
	long, keep bool
	scenario   string
	jobs       int
	report     string
	work       string
}

func main() {
	var o options
	flag.BoolVar(&o.long, "long", false, "run all scenarios, in their long form")
	flag.StringVar(&o.scenario, "scenario", os.Getenv("SCENARIO"), "run only these, separated by commas")
	flag.IntVar(&o.jobs, "jobs", 2, "machines side by side")
	flag.StringVar(&o.report, "report", "build/vm-report.json", "where the report goes")
	flag.StringVar(&o.work, "work", "build/vm", "where machines keep their files")
	flag.BoolVar(&o.keep, "keep", false, "keep the machines' disks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := vmTest(ctx, o)
	if err != nil {
		say("%v", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// tools are the programs that the host needs.
var tools = []debian.Tool{
	{Program: "qemu-system-x86_64", Packages: "qemu-system-x86"},
	{Program: "mmdebstrap", Packages: "mmdebstrap"},
	{Program: "mke2fs", Packages: "e2fsprogs"},
	{Program: "make", Packages: "make"},
	{Program: "cc", Packages: "gcc libc6-dev"},
}

// say prints one line for the person who waits.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "vm: "+format+"\n", args...)
}

// vmTest runs everything and says whether all passed.
func vmTest(ctx context.Context, o options) (bool, error) {
	start := time.Now()
	if err := debian.EnsureTools(ctx, tools); err != nil {
		return false, err
	}
	work, err := filepath.Abs(o.work)
	if err != nil {
		return false, err
	}
	unlock, err := claim(work)
	if err != nil {
		return false, err
	}
	defer unlock()
	s, err := newStage(ctx, ".", filepath.Join(work, "stage"))
	if err != nil {
		return false, err
	}
	wanted, err := choose(ctx, s, o)
	if err != nil {
		return false, err
	}
	img, err := ensureImage(ctx)
	if err != nil {
		return false, err
	}
	if err := s.initrds(ctx, img.initrd, filepath.Join(work, "initrd"), wanted); err != nil {
		return false, err
	}
	w := &worker{stage: s, img: img, dir: work, long: o.long}
	results, panics := w.all(ctx, plan(wanted, o.jobs, o.long), o.jobs)
	if !o.keep {
		removeDisks(work)
	}
	return finish(o.report, wanted, results, panics, time.Since(start))
}

// claim keeps a second run out of the directory where machines live.
func claim(work string) (unlock func(), err error) {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	unlock, err = debian.Lock(filepath.Join(work, "lock"), syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("cannot use %s: another run is there (say -work DIR for one beside it)", work)
	}
	return unlock, err
}

// choose picks the scenarios that were asked for from the runner's table.
func choose(ctx context.Context, s *stage, o options) ([]lab.Info, error) {
	text, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	var all []lab.Info
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("cannot read the runner's table: %w", err)
	}
	if o.scenario == "" {
		return slices.DeleteFunc(all, func(i lab.Info) bool { return i.Hidden || i.Long && !o.long }), nil
	}
	var out []lab.Info
	for name := range strings.SplitSeq(o.scenario, ",") {
		i := slices.IndexFunc(all, named(name))
		if i < 0 {
			return nil, fmt.Errorf("cannot find scenario %q", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// all runs the jobs on so many machines at a time.
func (w *worker) all(ctx context.Context, jobs []job, machines int) (results []lab.Result, panics int) {
	queue := make(chan int)
	outcomes := make([]outcome, len(jobs))
	var wg sync.WaitGroup
	for range min(max(machines, 1), max(len(jobs), 1)) {
		wg.Go(func() {
			for i := range queue {
				outcomes[i] = w.do(ctx, jobName(i, jobs[i]), jobs[i])
				for _, r := range outcomes[i].results {
					say("%-34s %s  %.0f s", r.Scenario, r.Result, r.Seconds)
				}
			}
		})
	}
	for i := range jobs {
		queue <- i
	}
	close(queue)
	wg.Wait()
	for _, o := range outcomes {
		results, panics = append(results, o.results...), panics+o.panics
	}
	return results, panics
}

// jobName names a machine's directory.
func jobName(i int, j job) string {
	if j.fresh {
		return j.scenarios[0].Name
	}
	return fmt.Sprintf("shared%d", i)
}

// removeDisks deletes what is large, and keeps the logs.
func removeDisks(work string) {
	disks, _ := filepath.Glob(filepath.Join(work, "*", "disk.img"))
	for _, disk := range disks {
		_ = os.Remove(disk)
	}
}

// finish writes the report and the summary. What was asked for and has no
// result is failed.
func finish(path string, wanted []lab.Info, results []lab.Result, panics int, took time.Duration) (bool, error) {
	for _, s := range without(wanted, results) {
		results = append(results, lab.Result{Scenario: s.Name, Result: lab.Failed, Detail: "not run"})
	}
	slices.SortStableFunc(results, func(a, b lab.Result) int {
		return cmp.Compare(slices.IndexFunc(wanted, named(a.Scenario)), slices.IndexFunc(wanted, named(b.Scenario)))
	})
	passed := 0
	for _, r := range results {
		if r.Result == lab.Passed {
			passed++
		} else {
			fmt.Printf("FAILED %s\n%s\n\n", r.Scenario, indent(r.Detail))
		}
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return false, err
	}
	fmt.Printf("%d passed, %d failed (guest panics retried: %d, %s, %s)\n",
		passed, len(results)-passed, panics, took.Round(time.Second), path)
	return passed == len(results), nil
}

// indent shows the end of a detail, which says why.
func indent(detail string) string {
	lines := strings.Split(strings.TrimSpace(detail), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-60):], "\n    ")
}
