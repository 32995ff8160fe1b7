package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// TTYAgent runs polkit's text agent for this process, until stop is called.
// It answers only when no agent of the desktop does.
func TTYAgent(ctx context.Context) (stop func(), err error) {
	ready, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	cmd := exec.CommandContext(ctx, "pkttyagent",
		"--process", strconv.Itoa(os.Getpid()), "--notify-fd", "3", "--fallback")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	// TERM lets it put the terminal's echo back.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return nil, err
	}
	// It closes the descriptor once polkit knows it.
	_ = ready.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, ready)
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, nil
}

// SSH runs modectl on another machine, with a terminal there if there is one
// here, so that passwords can be asked for.
func SSH(ctx context.Context, host string, args []string) (int, error) {
	words := []string{"-t", "--", host, "modectl"}
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		words = words[1:]
	}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	cmd := exec.CommandContext(ctx, "ssh", words...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != 255 {
		return exit.ExitCode(), nil
	}
	return 0, err
}
