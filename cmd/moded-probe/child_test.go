package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
)

// shell is a child that runs a script instead of the library.
func shell(script string, deadline time.Duration) *child {
	return newChild(deadline, "/bin/sh", "-c", script, "sh")
}

func TestWhateverTheLibraryDoesIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"it is not there":        {`echo '{"problem":"libnvidia-ml.so.1 not found","absent":true}'`, ""},
		"it lacks a symbol":      {`echo "x: symbol lookup error: x: undefined symbol: nvmlFoo" >&2; exit 127`, "lacks a function"},
		"it crashes":             {`kill -SEGV $$`, "the call broke"},
		"it hangs":               {`exec sleep 60`, "no answer within"},
		"it hangs with children": {`sleep 60; true`, "no answer within"},
		"it talks for ever":      {`exec yes`, "the call broke"},
		"it talks nonsense":      {`echo hello`, "cannot understand"},
		"it complains at length": {`yes | head -c 100000 >&2; echo '{"absent":true}'`, ""},
		"it says two things":     {`echo '{"absent":true}{}'`, "cannot understand"},
		"it speaks of news":      {`echo '{"news":1}'`, "cannot understand"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deadline := time.Minute
			if strings.HasPrefix(name, "it hangs") {
				deadline = 500 * time.Millisecond
			}
			r, err := shell(c.script, deadline).ask(context.Background(), time.Second, nil)
			if c.want == "" {
				if err != nil || !r.Absent {
					t.Errorf("got %+v, %v", r, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A call that the kernel does not return from cannot be killed: the child is
// left behind, and no other is started beside it.
func TestWhileACallHasNotComeBackThereIsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChild(10 * time.Second)
		back := make(chan struct{})
		c.launch = func(context.Context, []string) (look.Report, error) { <-back; return look.Report{}, nil }
		ask := func(want string) {
			t.Helper()
			began := time.Now()
			_, err := c.ask(context.Background(), time.Second, nil)
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("it took %v", took)
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		ask("no answer within 10s")
		ask("has not come back")
		time.Sleep(time.Hour)
		ask("has not come back")
		close(back)
		synctest.Wait()
		ask("")
	})
}

func TestTheBinary(t *testing.T) {
	t.Parallel()
	bin := binary(t)

	t.Run("nvml ends well without a library", func(t *testing.T) {
		out, err := exec.Command(bin, "nvml").Output()
		var r look.Report
		if err != nil || json.Unmarshal(out, &r) != nil || (r.Problem == "" && len(r.Devices) == 0) {
			t.Errorf("it said %q, %v", out, err)
		}
	})
	t.Run("it starts without its own binding order", func(t *testing.T) {
		out, err := exec.Command(bin, "--version").CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("it answers on a socket, and goes", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		cmd := exec.Command(bin, "--listen", path, "--idle=10s")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var a probe.Answer
		err := context.Canceled
		for ctx.Err() == nil && (err != nil || !a.Process.Known()) { // the walk may be late on a busy machine
			a, err = probe.NewClient(path, "test").Ask(ctx, probe.Question{Load: true, Memory: true, Processes: []string{"moded-probe"}, GPUs: true, Usage: true, NVML: true, Patient: true})
		}
		if err != nil || !a.Load.Known() || !a.Memory.Known() || a.Memory.Available == 0 || a.GPUs == nil || len(a.Process.List) == 0 {
			t.Errorf("got %+v, %v", a, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("without a socket it says what to do", func(t *testing.T) {
		out, err := exec.Command(bin).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "moded-probe.socket") {
			t.Errorf("it said %q, %v", out, err)
		}
	})
}
