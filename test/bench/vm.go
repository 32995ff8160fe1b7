package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/modectl/moded/test/vm/lab"
)

// vmScenarios measure whole transitions, on a machine of their own.
var vmScenarios = []string{"hands-overhead", "hands-rollback-time"}

// transitions compares whole transitions with a shell script that does the same
// by hand, and with what others did in them, on a real Debian in QEMU. Without
// KVM the guest computes many times slower and waits as long as ever: its ratios
// count, and what is computed weighs more in them than on hardware.
func transitions(ctx context.Context, dir string) ([]row, error) {
	report := filepath.Join(dir, "vm.json")
	cmd := exec.CommandContext(ctx, "go", "run", "./test/vm", "-long", "-jobs", "1", "-work", "build/vm-bench", "-report", report,
		"-scenario", strings.Join(vmScenarios, ","))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cannot measure in the VM (%s has the log): %w", "build/vm-bench", err)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	var results []lab.Result
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("cannot read what the VM measured: %w", err)
	}
	return figures(results)
}

// figures finds the figures in what the scenarios have written down.
func figures(results []lab.Result) ([]row, error) {
	var rows []row
	for _, r := range results {
		for line := range strings.Lines(r.Detail) {
			_, text, ok := strings.Cut(line, lab.FigureMark)
			if !ok {
				continue
			}
			var f lab.Figure
			if err := json.Unmarshal([]byte(text), &f); err != nil {
				return nil, fmt.Errorf("cannot read a figure of %s: %w", r.Scenario, err)
			}
			rows = append(rows, row(f))
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the VM measured nothing")
	}
	return rows, nil
}
