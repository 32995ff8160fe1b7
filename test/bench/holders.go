package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// device is the device file that is held: one that every machine has, and that
// hardly anybody holds but the crowd.
const device = "/dev/full"

// holders compares how long it takes to find out who holds one device file, from
// fork to exit, alternating. All must find the same processes.
func holders(ctx context.Context, bin string) ([]row, error) {
	const runs = 15
	tools := []struct {
		argv []string
		pids func(out string) []string
		took []time.Duration
	}{
		{argv: []string{filepath.Join(bin, "moded-probe"), "holders", "--json", device}, pids: ofJSON},
		{argv: []string{"fuser", device}, pids: strings.Fields},
		{argv: []string{"lsof", device}, pids: ofTable},
	}
	for again := 0; len(tools[0].took) < runs; {
		var round [][]string
		var took []time.Duration
		for _, t := range tools {
			began := time.Now()
			// What they say on stderr is about processes that nobody may see.
			out, err := exec.CommandContext(ctx, t.argv[0], t.argv[1:]...).Output()
			took = append(took, time.Since(began))
			got := t.pids(string(out))
			slices.Sort(got)
			if len(got) < holding {
				return nil, fmt.Errorf("%s found holders %v, want %d at least (%v)\n%s", t.argv[0], got, holding, err, out)
			}
			round = append(round, got)
		}
		// Somebody else may have come or gone meanwhile: then it counts for nothing.
		if !slices.Equal(round[0], round[1]) || !slices.Equal(round[0], round[2]) {
			if again++; again > runs {
				return nil, fmt.Errorf("moded-probe, fuser and lsof find different holders: %v", round)
			}
			continue
		}
		for i := range tools {
			tools[i].took = append(tools[i].took, took[i])
		}
	}
	ours := ms(median(tools[0].took))
	return []row{
		compare("holders of a device file, whole process (p50)", ours, ms(median(tools[1].took)), "fuser", "ms", 1/2.5),
		compare("holders of a device file, whole process (p50)", ours, ms(median(tools[2].took)), "lsof", "ms", 1/6.),
	}, nil
}

// holding is how many of the crowd hold the device file.
const holding = 2

// ofJSON finds the pids in what moded-probe prints.
func ofJSON(out string) []string {
	if !json.Valid([]byte(out)) {
		return nil
	}
	return matches(`"pid":\s*([0-9]+)`, out)
}

// ofTable finds the pids in lsof's table: COMMAND PID USER ….
func ofTable(out string) []string { return matches(`(?m)^\S+\s+([0-9]+)\s`, out) }

func matches(pattern, text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}
