package cli

import (
	"context"
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
	if a.host != "" {
		return a.passwordThere(ctx)
	}
	if a.Prompt != nil && a.InTTY && !a.Root {
		if stop, err := a.Prompt(ctx); err == nil {
			defer stop()
		}
	}
	return call(c)
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
