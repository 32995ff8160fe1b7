package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) confirmCommand() *cobra.Command {
	return &cobra.Command{
		Use: "confirm [N]", Short: "Keep a mode that waits for it", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.onOpen(cmd.Context(), args, (*manager1.Client).Confirm)
			if err == nil {
				a.ui.printf("Confirmed.")
			}
			return err
		},
	}
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel [N]", Short: "End the open transition and undo what it did", Args: cobra.MaximumNArgs(1),
		Long: `Ends the open transition. Before its first step this is free; later everything
is undone, but programs that were closed stay closed. Returns at once: modectl
watch shows the way back.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.onOpen(cmd.Context(), args, (*manager1.Client).Cancel)
			if err == nil {
				a.ui.printf("Cancelled; modectl status shows the way back.")
			}
			return err
		},
	}
}

// onOpen does something with the transition of that number, or with the open
// one.
func (a *app) onOpen(ctx context.Context, args []string, do func(*manager1.Client, context.Context, uint32) error) error {
	id, err := transitionID(args)
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	if id == 0 {
		p, err := c.Properties(ctx)
		if err != nil {
			return err
		}
		if id = p.Transition.ID; id == 0 {
			return exitf(exitFailed, "no transition is open: the machine is in %s mode", p.Mode)
		}
	}
	return a.authorised(ctx, func(c *manager1.Client) error { return do(c, ctx, id) })
}
