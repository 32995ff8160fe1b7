package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/test/e2e/screen"
	"github.com/modectl/moded/test/e2e/stage"
)

// columns is how wide the terminal is in which the commands run.
const columns = 110

// teller runs commands in a terminal of their own and shows what they show.
type teller struct {
	stage  *stage.Stage
	speed  float64
	daemon *stage.Daemon
	// raw is true when standard output is a terminal, which may then see
	// colours and moving lines.
	raw bool

	mu      sync.Mutex
	screen  screen.Screen
	shown   int // lines that were printed, when not raw
	picture screen.Screen
	drawing bool // what is shown goes into the picture
}

func newTeller(s *stage.Stage, speed float64) *teller {
	return &teller{stage: s, speed: speed, raw: term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == ""}
}

// Write shows what a command wrote.
func (t *teller) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.screen.Write(p) // never fails
	if t.drawing {
		_, _ = t.picture.Write(p)
	}
	if t.raw {
		return os.Stdout.Write(p)
	}
	lines := t.screen.Lines()
	for ; t.shown < len(lines)-1; t.shown++ {
		fmt.Println(lines[t.shown])
	}
	return len(p), nil
}

// draw tells whether what comes is to be in the picture.
func (t *teller) draw(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drawing = on
}

func (t *teller) caption(text string) { fmt.Fprintf(t, "\r\n\x1b[1;36m# %s\x1b[0m\r\n", text) }

// pause leaves time to read.
func (t *teller) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(time.Duration(float64(d) / t.speed)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// command is a run of a program and what is expected of it.
type command struct {
	args []string
	// answer is typed when the command asks a question.
	answer string
	code   int
	// wants must all be in what it showed.
	wants []string
}

func (t *teller) modectl(ctx context.Context, c command) error {
	return t.run(t.stage.Modectl(ctx, c.args...), c)
}

// simulate sends a command to the simulated machine, as a person would.
func (t *teller) simulate(ctx context.Context, words ...string) error {
	args := append([]string{"--runtime-dir=" + t.stage.Runtime, "simulate"}, words...)
	// #nosec G204 -- the arguments are ours
	cmd := exec.CommandContext(ctx, filepath.Join(t.stage.Bin, "moded"), args...)
	return t.run(cmd, command{args: append([]string{"simulate"}, words...)})
}

// run runs a command in a terminal and holds it against what is expected.
func (t *teller) run(cmd *exec.Cmd, c command) error {
	name := filepath.Base(cmd.Path)
	fmt.Fprintf(t, "\x1b[1m$ %s %s\x1b[0m\r\n", name, strings.Join(c.args, " "))
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", name, err)
	}
	var seen screen.Screen
	read(io.TeeReader(terminal, t), &seen, terminal, c.answer)
	_ = terminal.Close() // everything was read
	return c.check(cmd.Wait(), seen.String())
}

// read shows the output until its end, and answers the question in it.
func read(output io.Reader, seen *screen.Screen, keyboard io.Writer, answer string) {
	buffer := make([]byte, 4096)
	for {
		n, err := output.Read(buffer)
		_, _ = seen.Write(buffer[:n]) // never fails
		if answer != "" && strings.HasSuffix(strings.TrimSpace(seen.String()), "[y/N]") {
			_, _ = io.WriteString(keyboard, answer+"\n") // a command that is gone fails its check
			answer = ""
		}
		if err != nil {
			return // a terminal without a program ends with EIO
		}
	}
}

func (c command) check(err error, text string) error {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	if code != c.code {
		return fmt.Errorf("%s: exit code %d, want %d", strings.Join(c.args, " "), code, c.code)
	}
	for _, want := range c.wants {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			return fmt.Errorf("%s: does not say %q", strings.Join(c.args, " "), want)
		}
	}
	return nil
}

// start starts the daemon.
func (t *teller) start(ctx context.Context) error {
	daemon, err := t.stage.Start(ctx)
	if err == nil {
		t.daemon = daemon
	}
	return err
}

// said is the end of the daemon's log.
func (t *teller) said() string {
	if t.daemon == nil {
		return ""
	}
	return t.daemon.Said()
}

// watch reports what the daemon says until ctx ends.
func (t *teller) watch(ctx context.Context) (<-chan manager1.Event, error) {
	client, err := manager1.Dial(t.stage.Bus)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = client.Close() })
	return client.Watch(ctx)
}

// await returns when the daemon has said what is waited for.
func (t *teller) await(ctx context.Context, said func(manager1.Event) bool) error {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	events, err := t.watch(ctx)
	if err != nil {
		return err
	}
	for e := range events {
		if said(e) {
			return nil
		}
	}
	return errors.New("waited in vain")
}

// killAt kills the daemon as soon as the step is under way.
func (t *teller) killAt(ctx context.Context, events <-chan manager1.Event, step string) error {
	timeout := time.NewTimer(limit / 2)
	defer timeout.Stop()
	for {
		select {
		case e := <-events:
			if e.Kind == manager1.EventStepChanged && e.Step == step && e.Status == manager1.Doing {
				if err := t.pause(ctx, 1200*time.Millisecond); err != nil {
					return err
				}
				fmt.Fprintf(t, "\r\n\x1b[1;31m# kill -9 moded\x1b[0m\r\n")
				t.daemon.Kill()
				return nil
			}
		case <-timeout.C:
			return fmt.Errorf("%s did not begin", step)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
