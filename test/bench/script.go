package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/fsm"
)

//go:embed peers/guards.sh
var guardsScript string

// judgeCommand makes this program judge once and print what the peer prints: the
// brain's part as a process of its own, so that both sides pay for starting one.
const judgeCommand = "judge"

func judgeOnce(socket string, without []string) error {
	verdicts, err := judge(context.Background(), &asker{client: probe.NewClient(socket, "bench")}, guardsWithout(without))
	for _, v := range verdicts {
		fmt.Println(v.Guard, v.Outcome)
	}
	return err
}

func guardsWithout(names []string) []fsm.GuardSpec {
	return slices.DeleteFunc(guardSet(), func(g fsm.GuardSpec) bool { return slices.Contains(names, g.Name) })
}

// againstScript compares what we do for the verdicts of desktop to compute with
// a shell script, from nothing to the printed verdicts, alternating. Ours is a
// process that asks a moded-probe which that question starts, as PID 1 does, and
// judges; the bus is not in it. Neither side asks logind.
func againstScript(ctx context.Context, bin, dir string, pw *pipewire) ([]row, error) {
	script := filepath.Join(dir, "guards.sh")
	if err := os.WriteFile(script, []byte(guardsScript), 0o755); err != nil {
		return nil, err
	}
	nodes, err := gpuNodes(dir)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range []struct {
		name    string
		without []string
	}{
		{"verdicts desktop to compute but user-jobs, cold probe to print (p50)", []string{"user-jobs"}},
		{"verdicts desktop to compute, cold probe to print, 200 ms wait included (p50)", nil},
	} {
		ours, theirs, err := raceScript(ctx, bin, dir, script, nodes, c.without, pw)
		if err != nil {
			return nil, err
		}
		rows = append(rows, compare(c.name, ms(ours), ms(theirs), "shell script", "ms", 1/3.))
	}
	return rows, nil
}

// gpuNodes are this machine's, or files that stand for one GPU's: the script
// then looks for holders as it would.
func gpuNodes(dir string) ([]string, error) {
	nodes, err := filepath.Glob("/dev/dri/*[0-9]")
	if more, _ := filepath.Glob("/dev/nvidia[0-9]*"); err != nil || len(nodes)+len(more) > 0 {
		return append(nodes, more...), err
	}
	for _, name := range []string{"card0", "renderD128"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return nil, err
		}
		nodes = append(nodes, path)
	}
	return nodes, nil
}

func raceScript(ctx context.Context, bin, dir, script string, nodes, without []string, pw *pipewire) (ours, theirs time.Duration, err error) {
	const runs = 11
	var a, b []time.Duration
	var used, hisUsed time.Duration
	for again := 0; len(a) < runs; {
		took, cost, mine, err := judgeCold(ctx, bin, dir, without)
		if err != nil {
			return 0, 0, err
		}
		cmd := exec.CommandContext(ctx, script, nodes...)
		cmd.Env = append(slices.Clone(pw.env), "GUARDS_WITHOUT=inhibitors "+strings.Join(without, " "))
		began := time.Now()
		out, err := cmd.Output()
		his := time.Since(began)
		if err != nil {
			return 0, 0, fmt.Errorf("the script failed: %w", err)
		}
		// What runs may have changed between the two: that pair counts for nothing.
		if err := sameVerdicts(mine, string(out)); err == nil {
			a, b, used, hisUsed = append(a, took), append(b, his), used+cost, hisUsed+spent(cmd)
		} else if again++; again > runs {
			return 0, 0, err
		}
	}
	fmt.Printf("verdicts without %v: %.0f ms of processor time for us, %.0f ms for the script (mean)\n", without, ms(used/runs), ms(hisUsed/runs))
	return median(a), median(b), nil
}

// spent is the processor time of a process that has ended, and of those that it
// waited for.
func spent(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// sameVerdicts fails when the two do not say the same. The load moves across its
// limit between two looks, and jobs come and go: there it is enough that both
// say something.
func sameVerdicts(ours, theirs string) error {
	mine, his := strings.Split(strings.TrimSpace(ours), "\n"), strings.Split(strings.TrimSpace(theirs), "\n")
	if len(mine) != len(his) {
		return fmt.Errorf("we said\n%s\nand the script\n%s", ours, theirs)
	}
	for i := range mine {
		name, outcome, _ := strings.Cut(mine[i], " ")
		moves := name == "cpu-load" || name == "user-jobs"
		if mine[i] != his[i] && (!moves || !strings.HasPrefix(his[i], name+" ")) || outcome == "unknown" {
			return fmt.Errorf("we said\n%s\nand the script\n%s", ours, theirs)
		}
	}
	return nil
}

// judgeCold judges with a probe that does not run yet: this program holds its
// socket as PID 1 would, and starts it when the question is there.
func judgeCold(ctx context.Context, bin, dir string, without []string) (took, cost time.Duration, said string, err error) {
	path := filepath.Join(dir, fmt.Sprintf("cold-%d", time.Now().UnixNano()))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return 0, 0, "", err
	}
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		return 0, 0, "", err
	}
	defer socket.Close()
	self, err := os.Executable()
	if err != nil {
		return 0, 0, "", err
	}
	var out, problem bytes.Buffer
	asks := exec.CommandContext(ctx, self, append([]string{judgeCommand, path}, without...)...)
	asks.Stdout, asks.Stderr = &out, &problem
	// The shell makes itself the one that LISTEN_PID names.
	answers := exec.CommandContext(ctx, "sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --idle=10s`, filepath.Join(bin, "moded-probe"))
	answers.ExtraFiles, answers.Stderr = []*os.File{socket}, &problem
	mortal(answers)
	began := time.Now()
	if err := errors.Join(asks.Start(), answers.Start()); err != nil {
		return 0, 0, "", err
	}
	err = asks.Wait()
	took = time.Since(began)
	_ = answers.Process.Kill()
	_ = answers.Wait()
	if err != nil {
		return 0, 0, "", fmt.Errorf("cannot judge: %w\n%s", err, &problem)
	}
	return took, spent(asks) + spent(answers), out.String(), nil
}
