package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// authorised makes a call that may ask for a password. It asks without one
// first, so that an agent is started on the terminal only when polkit really
// wants to talk to somebody; one of the desktop is preferred by polkit itself.
func (a *app) authorised(ctx context.Context, call func(c *manager1.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	err = call(c.Quiet())
	if !manager1.Is(err, manager1.ErrInteractive) {
		return err
	}
	if a.Prompt != nil && a.InTTY && !a.Root {
		if stop, err := a.Prompt(ctx); err == nil {
			defer stop()
		}
	}
	return call(c)
}

// elsewhere runs the same command line on another machine.
func (a *app) elsewhere(ctx context.Context) error {
	if strings.HasPrefix(a.host, "-") || a.Remote == nil {
		return exitf(exitUsage, "%q is not a host", manager1.Clean(a.host, manager1.MaxLine))
	}
	code, err := a.Remote(ctx, a.host, withoutHost(a.Args[1:]))
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", manager1.Clean(a.host, manager1.MaxLine), err)
	}
	return silent(code)
}

// withoutHost takes -H and its value out of a command line that was parsed.
func withoutHost(args []string) []string {
	var rest []string
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return append(rest, args[i:]...)
		case arg == "-H" || arg == "--host":
			i++
		case strings.HasPrefix(arg, "-H") || strings.HasPrefix(arg, "--host="):
		default:
			rest = append(rest, arg)
		}
	}
	return slices.Clip(rest)
}

// quote makes a word of any text for the shell at the other end of ssh.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
