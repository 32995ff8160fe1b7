package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// maxOutput bounds what one command may add to the detail.
const maxOutput = 12 << 10

// T is what a scenario works with: it runs commands, waits for conditions, and
// keeps all raw output in the detail. Its methods that end a scenario do so
// from the scenario's own goroutine only.
type T struct {
	Long bool

	name      string
	mu        sync.Mutex // guards detail
	detail    bytes.Buffer
	start     time.Time
	failed    bool
	elsewhere bool
	cleanups  []func()
	limit     time.Time
	listener  io.Closer // the newest of steps
}

// stop is the panic that ends a scenario early.
type stop struct{}

// newT is for one scenario in one boot.
func newT(s scenario, long bool) *T {
	limit := max(3*s.Weight(long), 5*time.Minute)
	return &T{Long: long, name: s.Name, start: time.Now(), limit: time.Now().Add(limit)}
}

// run runs the part that is due: the reset first in a shared boot, the
// cleanups last.
func (t *T) run(s scenario, p progress) {
	defer t.runCleanups()
	defer func() {
		if r := recover(); r != nil && r != any(stop{}) {
			t.failed = true
			t.Logf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if !s.Fresh && !s.Packaged {
		reset(t)
	}
	part := s.parts[p.part]
	if next := p.part + 1; next < len(s.parts) {
		t.elsewhere = true
		part(t)
		t.keep(progress{p.scenario, next, p.started})
		t.leave()
		return
	}
	part(t)
}

// keep writes down where to go on, and the detail so far.
func (t *T) keep(p progress) {
	t.must(put(lab.NotesFile, t.detail.String()))
	t.must(p.save())
	t.must(exec.Command("sync").Run())
}

// leave ends this boot in the way the part asked for with Leave.
func (t *T) leave() {
	for _, f := range t.cleanups {
		f()
	}
	t.cleanups = nil
}

// Leave registers what ends the boot when the part is over and its progress
// is safe: a reboot, a power cut.
func (t *T) Leave(f func()) { t.cleanups = []func(){f} }

// Cleanup registers what to do after the scenario, last one first.
func (t *T) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// runCleanups runs them all, each under the shield of the former ones.
func (t *T) runCleanups() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.failed = true
				}
			}()
			t.cleanups[i]()
		}()
	}
}

// Logf adds a line to the detail.
func (t *T) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.detail, "[%6.1f] %s\n", time.Since(t.start).Seconds(), strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// Errorf fails the scenario and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.failed = true
	t.Logf("FAIL: "+format, args...)
}

// Fatalf fails the scenario and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(stop{})
}

// must ends the scenario if the lab itself is broken.
func (t *T) must(err error) {
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
}

// result is what a command said.
type result struct {
	out  string // standard output
	all  string // with standard error, in order
	code int
}

// commandLimit bounds a single command.
const commandLimit = 5 * time.Minute

// Run runs a command as root and keeps its output.
func (t *T) Run(name string, args ...string) result {
	return t.Exec(exec.Command(name, args...))
}

// Sh runs a shell line as root and keeps its output.
func (t *T) Sh(format string, args ...any) result {
	return t.Run("sh", "-c", fmt.Sprintf(format, args...))
}

// Must runs a command as root that has to succeed.
func (t *T) Must(name string, args ...string) result {
	r := t.Run(name, args...)
	if r.code != 0 {
		t.Fatalf("%s exited with %d", name, r.code)
	}
	return r
}

// Exec runs a prepared command and keeps its output in the detail.
func (t *T) Exec(cmd *exec.Cmd) result {
	r := capture(cmd)
	t.Logf("$ %s  (exit %d)\n%s", strings.Join(cmd.Args, " "), r.code, clip(r.all))
	return r
}

// Quiet runs a command without a trace in the detail, for polling.
func (t *T) Quiet(name string, args ...string) result {
	return capture(exec.Command(name, args...))
}

// capture runs the command with a deadline; exit 124 means it was over.
func capture(cmd *exec.Cmd) result {
	var out, all bytes.Buffer
	both := &locked{to: &all}
	cmd.Stdout, cmd.Stderr = &tee{&out, both}, both
	if cmd.Env == nil {
		cmd.Env = append(os.Environ(), "NO_COLOR=1", "PAGER=cat", "SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0")
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return result{all: err.Error(), code: 127}
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	unhook()
	code := cmd.ProcessState.ExitCode()
	if ctx.Err() != nil {
		code = 124
	}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		both.note(err)
	}
	return result{out.String(), all.String(), code}
}

// clip shortens long output in the middle.
func clip(s string) string {
	if len(s) <= maxOutput {
		return s
	}
	return s[:maxOutput/2] + "\n... (" + fmt.Sprint(len(s)-maxOutput) + " bytes left out) ...\n" + s[len(s)-maxOutput/2:]
}

// Eventually waits until cond gives no error; the last one fails the scenario.
func (t *T) Eventually(what string, limit time.Duration, cond func() error) {
	start := time.Now()
	for {
		err := cond()
		if err == nil {
			t.Logf("%s: after %.1f s", what, time.Since(start).Seconds())
			return
		}
		if time.Since(start) > limit || time.Now().After(t.limit) {
			t.Fatalf("%s: not after %.0f s: %v", what, time.Since(start).Seconds(), err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}
