// Command modectl shows and changes the mode of a workstation that moded runs
// on. See package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/modectl/moded/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	env := environment()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	env.Interrupts = interrupts
	code := cli.Run(ctx, env)
	stop()
	os.Exit(code)
}

func environment() cli.Env {
	out := int(os.Stdout.Fd())
	width, _, _ := term.GetSize(out)
	return cli.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: term.IsTerminal(out), Width: width,
		Size: size, Resized: resized,
		Getenv: os.Getenv, Now: time.Now, Root: os.Geteuid() == 0,
		Prompt: cli.TTYAgent, Remote: cli.SSH, Bridge: cli.Bridge,
	}
}

// size is the terminal's now.
func size() (columns, rows int) {
	columns, rows, _ = term.GetSize(int(os.Stdout.Fd()))
	return columns, rows
}

// resized receives when the terminal's size has changed, until ctx ends.
func resized(ctx context.Context) <-chan os.Signal {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	context.AfterFunc(ctx, func() { signal.Stop(changed) })
	return changed
}
