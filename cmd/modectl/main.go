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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, environment())
	stop()
	os.Exit(code)
}

func environment() cli.Env {
	out := int(os.Stdout.Fd())
	width, _, _ := term.GetSize(out)
	return cli.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: term.IsTerminal(out), Width: width,
		Getenv: os.Getenv, Now: time.Now, Root: os.Geteuid() == 0,
		Prompt: cli.TTYAgent, Remote: cli.SSH,
	}
}
