package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// propertiesGet compares one property read with the peer's on the same bus.
func (s *scene) propertiesGet(ctx context.Context) ([]row, error) {
	const calls = 5000
	var a, b []time.Duration
	for range calls {
		began := time.Now()
		if _, err := s.get(ctx, manager1.BusName, manager1.Path, manager1.Interface, "Mode"); err != nil {
			return nil, err
		}
		between := time.Now()
		if _, err := s.get(ctx, ppdName, ppdPath, ppdName, "ActiveProfile"); err != nil {
			return nil, err
		}
		a, b = append(a, between.Sub(began)), append(b, time.Since(between))
	}
	return []row{compare("Properties.Get (p50)", ms(median(a)), ms(median(b)), "power-profiles-daemon", "ms", 1.2)}, nil
}

// atRest watches memory and context switches with nobody asking.
func (s *scene) atRest(rest time.Duration) ([]row, error) {
	time.Sleep(settleFirst)
	before, err := switches(s.moded.Process.Pid)
	if err != nil {
		return nil, err
	}
	peerBefore, err := switches(s.ppd.Process.Pid)
	if err != nil {
		return nil, err
	}
	time.Sleep(rest)
	after, err := switches(s.moded.Process.Pid)
	if err != nil {
		return nil, err
	}
	peerAfter, err := switches(s.ppd.Process.Pid)
	if err != nil {
		return nil, err
	}
	rss, err := rssOf(s.moded.Process.Pid)
	if err != nil {
		return nil, err
	}
	minute := rest.Minutes()
	fmt.Printf("at rest for %s: moded %d context switches, power-profiles-daemon %d\n", rest, after-before, peerAfter-peerBefore)
	return []row{
		budget("RSS of moded at rest", rss, 16, "MB"),
		budget("context switches of moded at rest", float64(after-before)/minute, 12, "1/min"),
	}, nil
}

// settleFirst is how long a daemon is left alone before it is at rest: the
// runtime returns memory for a while after the last call.
const settleFirst = 15 * time.Second

// switches sums the context switches of all threads of a process.
func switches(pid int) (int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("cannot see process %d: %w", pid, err)
	}
	total := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // the thread ended
		}
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(key, "voluntary_ctxt_switches") {
				n, err := strconv.Atoi(strings.TrimSpace(value))
				if err != nil {
					return 0, err
				}
				total += n
			}
		}
	}
	return total, nil
}

// rssOf returns a process's resident memory in MB.
func rssOf(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// engine measures the engine alone: CPU and ledger writes of a transition of 20
// steps that do nothing.
func engine() ([]row, error) {
	const steps, rounds = 20, 40
	w, catalog, err := toy(steps)
	if err != nil {
		return nil, err
	}
	e := fsm.New(w.Config(catalog))
	ctx := context.Background()
	if _, err := e.Start(ctx, false); err != nil {
		return nil, err
	}
	began, saved := cpu(), w.Saves
	for i := range rounds {
		mode := []string{"there", "here"}[i%2]
		if _, err := e.Switch(ctx, fsm.Request{Mode: mode}); err != nil {
			return nil, err
		}
		for s := e.State(); s.Mode != mode || s.Open != nil; s = e.State() {
			time.Sleep(200 * time.Microsecond)
		}
	}
	spent := cpu() - began
	writes := float64(w.Saves-saved) / rounds / steps
	return []row{
		budget("engine CPU of a transition of 20 no-op steps", ms(spent)/rounds, 5, "ms"),
		budget("synced ledger writes a step", writes, 2, "writes"),
	}, e.Shutdown(ctx)
}

func toy(steps int) (*fsmtest.World, *fsm.Catalog, error) {
	modes := []fsm.Mode{{Name: "here"}, {Name: "there"}}
	knobs := map[string]string{}
	for i := range steps {
		key := fmt.Sprintf("k%02d", i)
		knobs["units/"+key] = "here"
		for m := range modes {
			modes[m].Settings = append(modes[m].Settings, fsm.Setting{Kind: "units", Key: key,
				Value: fsm.NewValue(modes[m].Name), Essential: true, WhenMissing: fsm.Refuse})
		}
	}
	catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "here", Modes: modes,
		Edges: []fsm.Edge{{Event: "go", From: "here", To: "there"}, {Event: "return", From: "there", To: "here"}}})
	return fsmtest.NewWorld(knobs), catalog, err
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
