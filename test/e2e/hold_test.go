package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
)

// held is a modectl hold that runs a command, which has said ready.
type held struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Reader // what modectl says itself
	said  *bytes.Buffer
	once  sync.Once
	code  int
}

// hold runs modectl hold with a shell's line, which must echo ready.
func (p *play) hold(flags []string, line string) *held {
	p.t.Helper()
	cmd := p.Modectl(p.t.Context(), append(append([]string{"hold"}, flags...), "--", "sh", "-c", line)...)
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		p.t.Fatal(err)
	}
	said := &bytes.Buffer{}
	h := &held{t: p.t, cmd: cmd, stdin: stdin, lines: bufio.NewReader(io.TeeReader(stderr, said)), said: said}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = stdin.Close()
		h.wait()
	})
	if ready, err := bufio.NewReader(stdout).ReadString('\n'); ready != "ready\n" {
		p.t.Fatalf("the command said %q, %v", ready, err)
	}
	return h
}

// wait returns modectl's exit code, once it has ended.
func (h *held) wait() int {
	h.once.Do(func() {
		_, _ = io.Copy(io.Discard, h.lines) // until it has closed its end
		err := h.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			h.code = exit.ExitCode()
		}
	})
	return h.code
}

// says waits for a line of modectl's own.
func (h *held) says(want string) {
	h.t.Helper()
	for {
		line, err := h.lines.ReadString('\n')
		if strings.Contains(line, want) {
			return
		}
		if err != nil {
			h.t.Fatalf("modectl never said %q, but:\n%s", want, h.said)
		}
	}
}

// holds waits until the daemon counts n.
func (p *play) holds(n uint32) {
	p.t.Helper()
	for {
		now, err := p.client.Properties(p.t.Context())
		if err == nil && now.Holds == n {
			return
		}
		p.await("another number of holds", func(manager1.Event) bool { return true })
	}
}

func TestAHoldRefusesAndSaysWhoAndWhy(t *testing.T) {
	t.Parallel()
	p := open(t)
	h := p.hold([]string{"--scope", "all", "--reason", "the mastering session"}, "echo ready; cat; exit 42")
	for _, mode := range []string{"compute", "studio"} {
		said := p.modectl(3, "switch", mode, "--yes")
		for _, want := range []string{"holds", "holds the mode", "sh", "the mastering session", "wait, or ask", "stays in desktop mode"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in:\n%s", want, said)
			}
		}
	}
	if said := p.modectl(0, "holds"); !strings.Contains(said, "all") || !strings.Contains(said, "the mastering session") {
		t.Errorf("holds says:\n%s", said)
	}
	if said := p.modectl(0, "holds", "--json"); !strings.Contains(said, `"why": "the mastering session"`) {
		t.Errorf("holds says:\n%s", said)
	}
	if can, err := p.client.CanSwitch(t.Context(), "compute"); err != nil || can != manager1.CanNotNow {
		t.Errorf("CanSwitch: %s, %v", can, err)
	}
	r, err := p.client.GetTransition(t.Context(), 0)
	if err != nil || r.Outcome != manager1.Refused || r.Facts == "" || len(r.Verdicts) == 0 || r.Verdicts[0].Guard != "holds" || r.Verdicts[0].Code != "held" {
		t.Errorf("history: %+v, %v", r, err)
	}
	p.whole("desktop")
	if err := h.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := h.wait(); code != 42 {
		t.Errorf("modectl hold: exit code %d, want the command's 42; it said:\n%s", code, h.said)
	}
	if said := p.modectl(0, "holds"); !strings.Contains(said, "nobody") {
		t.Errorf("modectl has ended, and holds says:\n%s", said)
	}
	p.reach("compute")
}

func TestAnAutomaticHoldLetsPeoplePass(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.hold(nil, "echo ready; cat")
	p.holds(1)
	p.modectl(0, "switch", "studio", "--yes")
	p.whole("studio")
}

func TestAHoldIsTakenAgainFromTheNextDaemon(t *testing.T) {
	t.Parallel()
	p := open(t)
	h := p.hold([]string{"--all"}, "echo ready; cat")
	p.holds(1)
	p.crash()
	h.says("went away")
	h.says("held again")
	p.holds(1)
	p.settles("desktop")
	p.modectl(3, "switch", "studio", "--yes")
	if err := p.daemon.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	h.says("went away")
	if err := h.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := h.wait(); code != 0 {
		t.Errorf("without a daemon: exit code %d:\n%s", code, h.said)
	}
}

func TestAHolderPassesSignalsOnAndDiesWithItsHold(t *testing.T) {
	t.Parallel()
	p := open(t)
	h := p.hold([]string{"--all"}, "trap 'kill $!; exit 43' TERM; sleep 600 & echo ready; wait")
	p.holds(1)
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := h.wait(); code != 43 {
		t.Errorf("exit code %d:\n%s", code, h.said)
	}
	p.holds(0)
	h = p.hold([]string{"--all"}, "echo ready; cat")
	p.holds(1)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.holds(0)
	p.modectl(0, "switch", "studio", "--yes")
}
