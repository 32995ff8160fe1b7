package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) holdsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "holds", Short: "List what keeps the mode from changing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.holds(cmd.Context()) },
	}
	return a.jsonFlag(cmd)
}

func (a *app) holds(ctx context.Context) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	holds, err := c.ListHolds(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(holds)
	}
	for _, h := range holds {
		a.ui.text(pad(h.Scope, len(manager1.HoldAutomatic))+"  ", plain,
			fmt.Sprintf("%s of %s, since %s: %s", h.Who, h.User, a.when(h.Since), h.Why))
	}
	return nil
}

func (a *app) holdCommand() *cobra.Command {
	var why string
	var all bool
	cmd := &cobra.Command{
		Use: "hold [--] COMMAND [ARGUMENT...]", Short: "Keep the mode from changing while a command runs",
		Long: `Runs a command and keeps the mode from changing by itself until it ends; with
--all, from changing at all. The exit code is the command's.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			scope := manager1.HoldAutomatic
			if all {
				scope = manager1.HoldAll
			}
			return a.hold(cmd.Context(), scope, why, args)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&why, "why", "", "what for; else the command's name")
	cmd.Flags().BoolVar(&all, "all", false, "also against what people ask for")
	return cmd
}

func (a *app) hold(ctx context.Context, scope, why string, args []string) error {
	if why == "" {
		why = "runs " + manager1.Clean(args[0], manager1.MaxText-len("runs "))
	}
	var cookie uint32
	err := a.authorised(ctx, func(c *manager1.Client) (err error) {
		cookie, err = c.Hold(ctx, scope, "modectl", why)
		return err
	})
	if err != nil {
		return err
	}
	// Should modectl be killed, the daemon lets go when the connection ends.
	defer func() { _ = a.conn.Release(context.WithoutCancel(ctx), cookie) }()
	return a.runChild(ctx, args)
}

// runChild runs a command on our terminal. It gets the terminal's signals by
// itself.
func (a *app) runChild(ctx context.Context, args []string) error {
	child := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)
	child.Stdin, child.Stdout, child.Stderr = a.Stdin, a.Stdout, a.Stderr
	err := child.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return silent(exit.ExitCode())
	case errors.As(err, &exit):
		return exitf(exitFailed, "%s was killed", args[0])
	case err != nil:
		return fmt.Errorf("cannot run %s: %w", args[0], err)
	default:
		return nil
	}
}
