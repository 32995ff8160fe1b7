package pipewire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// ErrMissing says that a program of PipeWire is not installed.
var ErrMissing = errors.New("is not installed")

// Tools runs PipeWire's own programs. They connect, which starts a PipeWire
// that does not run: the caller makes sure that it does. The zero value runs
// pw-dump, pw-metadata and pw-top from the path.
type Tools struct {
	Dump     string
	Metadata string
	Top      string
	// Env is added to the environment of the programs.
	Env []string
}

// patience is how long pw-dump may need to end. setPatience is how long
// pw-metadata may need: a PipeWire that has just come up is busy.
const (
	patience    = 2 * time.Second
	setPatience = 10 * time.Second
)

// Follow runs `pw-dump -m` and calls emit for each change, as the function
// Follow does, until it ends, which it does with nil when PipeWire went away,
// or until ctx does.
func (t Tools) Follow(ctx context.Context, emit func(Summary)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd, said, err := t.command(ctx, t.Dump, "pw-dump", "-m")
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("cannot run pw-dump: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot run pw-dump: %w", err)
	}
	err = Follow(ctx, out, emit)
	gone := errors.Is(err, io.EOF)
	if !gone {
		stop()
	}
	return t.verdict(cmd.Wait(), err, gone, said)
}

// verdict says how pw-dump ended: a clean end of a program that succeeded is
// PipeWire's end.
func (t Tools) verdict(exit, read error, gone bool, said *tail) error {
	switch {
	case !gone:
		return read
	case exit != nil:
		return fmt.Errorf("cannot follow PipeWire: pw-dump: %w%s", exit, said)
	default:
		return nil
	}
}

// Force sets the quantum and the rate of all clients; 0 lifts. That it returns
// nil proves nothing: pw-metadata succeeds also when nobody listens. What
// holds is what the next Summary says.
func (t Tools) Force(ctx context.Context, quantum, rate uint32) error {
	return errors.Join(t.set(ctx, "clock.force-quantum", quantum), t.set(ctx, "clock.force-rate", rate))
}

func (t Tools) set(ctx context.Context, key string, value uint32) error {
	ctx, stop := context.WithTimeout(ctx, setPatience)
	defer stop()
	cmd, said, err := t.command(ctx, t.Metadata, "pw-metadata", "-n", "settings", "0", key, strconv.FormatUint(uint64(value), 10))
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot set %s: pw-metadata: %w%s", key, err, said)
	}
	return nil
}

// command prepares a program that is asked to end with ctx, then killed.
func (t Tools) command(ctx context.Context, path, name string, args ...string) (*exec.Cmd, *tail, error) {
	if path == "" {
		path = name
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %w", name, ErrMissing)
	}
	said := new(tail)
	cmd := exec.CommandContext(ctx, found, args...) // #nosec G204 -- fixed names, or the flags of whoever started us
	cmd.Stderr = said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if len(t.Env) > 0 {
		cmd.Env = append(cmd.Environ(), t.Env...)
	}
	return cmd, said, nil
}

// tail keeps the end of what a program says on stderr.
type tail struct{ text []byte }

const tailSize = 200

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String is " (text)", or empty.
func (t *tail) String() string {
	said := clean(text(bytes.TrimSpace(t.text)))
	if said == "" {
		return ""
	}
	return " (" + said + ")"
}
