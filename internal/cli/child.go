package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/dbus/manager1"
)

// Exit codes about a command that is run, those of shells.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128
)

// runChild runs a command with our standard streams, passes signals on to it and
// returns its exit code. Only the command decides when it ends.
func (a *app) runChild(ctx context.Context, path string, args []string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	// #nosec G204 -- that is what it is for
	child := exec.CommandContext(context.WithoutCancel(ctx), path)
	child.Args = args
	child.Stdin, child.Stdout, child.Stderr = a.Stdin, a.Stdout, a.Stderr
	if err := child.Start(); err != nil {
		return notStarted(args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for {
		select {
		case s := <-signals:
			if !fromTerminal(s) {
				_ = child.Process.Signal(s) // it may have ended
			}
		case err := <-ended:
			return exitOf(args[0], err)
		}
	}
}

// fromTerminal tells whether the signal is one that a key sends, and our process
// group the one that the terminal sends it to: the command got it, too.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer func() { _ = tty.Close() }()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// exitOf is the command's exit code, as a shell tells it.
func exitOf(name string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return fmt.Errorf("cannot run %s: %w", name, err)
		}
		return nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return silent(exitSignal + int(status.Signal()))
	}
	return silent(exit.ExitCode())
}

func notStarted(name string, err error) error {
	code := exitNotRunnable
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = exitNotFound
	}
	var reason *exec.Error
	if errors.As(err, &reason) {
		err = reason.Err
	}
	return exitf(code, "cannot run %s: %s", manager1.Clean(name, manager1.MaxLine), manager1.CleanLines(err.Error()))
}
