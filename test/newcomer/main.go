// Command newcomer does what the README tells somebody who has nothing but a
// fresh Debian: it installs the packages that the README names, as an ordinary
// user with sudo, clones this repository and runs the README's commands, word for
// word. `make newcomer-test` calls it.
//
//	go run ./test/newcomer [-only "make demo"]
//
// What this machine needs to reach the network (proxies, certificates) is handed
// on by the environment. What is committed is tried; what is not, is not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/modectl/moded/test/debian"
)

// tools are what the host needs.
var tools = []debian.Tool{
	{Program: "mmdebstrap", Packages: "mmdebstrap"},
	{Program: "unshare", Packages: "util-linux"},
	{Program: "git", Packages: "git"},
}

func main() {
	only := flag.String("only", os.Getenv("MODED_NEWCOMER"), "run the commands that begin so, and no others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, err := try(ctx, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "newcomer:", err)
		fmt.Printf("%d passed, 1 failed\n", passed)
		stop()
		os.Exit(1)
	}
	fmt.Printf("%d passed, 0 failed\n", passed)
}

// try runs the story and counts the commands that did what they should.
func try(ctx context.Context, only string) (passed int, err error) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		return 0, err
	}
	told, err := read(string(text))
	if err != nil {
		return 0, err
	}
	commands, err := told.choose(only)
	if err != nil {
		return 0, err
	}
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("cannot make a machine for the newcomer without root: sudo -E env PATH=\"$PATH\" make newcomer-test")
	}
	if err := debian.EnsureTools(ctx, tools); err != nil {
		return 0, err
	}
	m, err := newMachine(ctx)
	if err != nil {
		return 0, err
	}
	defer m.remove()
	for _, command := range append([]string{told.install, told.clone}, commands...) {
		start := time.Now()
		fmt.Printf("newcomer$ %s\n", command)
		if err := m.run(ctx, command); err != nil {
			return passed, fmt.Errorf("%s: %w", command, err)
		}
		passed++
		fmt.Printf("newcomer: done after %s\n", time.Since(start).Round(time.Second))
	}
	return passed, nil
}
