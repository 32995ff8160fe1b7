package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// wholeProcess compares modectl with busctl, from fork to exit: how long it takes,
// and what it costs.
func (s *scene) wholeProcess(ctx context.Context) ([]row, error) {
	modectl := filepath.Join(s.bin, "modectl")
	var rows []row
	for _, pair := range []struct {
		name, peer   string
		ours, theirs []string
	}{
		{
			"modectl status", "busctl get-property",
			[]string{modectl, "--bus=" + s.address, "status"},
			[]string{"busctl", "--address=" + s.address, "get-property", manager1.BusName, string(manager1.Path), manager1.Interface, "Mode"},
		},
		{"modectl --help", "busctl --help", []string{modectl, "--help"}, []string{"busctl", "--help"}},
	} {
		ours, theirs, err := alternately(ctx, pair.ours, pair.theirs)
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			compare(pair.name+", whole process (p50)", ms(median(ours.took)), ms(median(theirs.took)), pair.peer, "ms", 1.2),
			compare(pair.name+", CPU of the process (p50)", ms(median(ours.cpu)), ms(median(theirs.cpu)), pair.peer, "ms", 1.2),
		)
	}
	return rows, nil
}

// runs is what the runs of one program took and cost.
type runs struct{ took, cpu []time.Duration }

// alternately runs two programs in turn, so that what else the machine does
// meets both.
func alternately(ctx context.Context, ours, theirs []string) (a, b runs, err error) {
	const times = 150
	for range times {
		if err := a.run(ctx, ours); err != nil {
			return a, b, err
		}
		if err := b.run(ctx, theirs); err != nil {
			return a, b, err
		}
	}
	return a, b, nil
}

func (r *runs) run(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", argv[0], err, out)
	}
	r.took = append(r.took, time.Since(began))
	r.cpu = append(r.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	return nil
}
