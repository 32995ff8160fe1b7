package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) confirmCommand() *cobra.Command {
	return &cobra.Command{
		Use: "confirm [N]", Short: "Keep a mode that waits for it", Args: cobra.MaximumNArgs(1),
		Long: `Keeps the mode of a switch --confirm, and returns when the machine has settled in
it.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.confirm(cmd.Context(), args) },
	}
}

// confirm waits until what was confirmed has settled, so that whoever asks next
// is not told to confirm it.
func (a *app) confirm(ctx context.Context, args []string) error {
	id, err := transitionID(args)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	c, events, err := a.watched(watching)
	if err != nil {
		return err
	}
	id, mode, err := a.openOne(ctx, c, id)
	if err != nil {
		return err
	}
	if err := a.authorised(ctx, func(c *manager1.Client) error { return c.Confirm(ctx, id) }); err != nil {
		return err
	}
	a.ui.printf("Confirmed.")
	f := &follower{app: a, id: id, mode: mode, confirmed: true, show: newProgress(a)}
	return f.loop(ctx, events)
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel [N]", Short: "End the open transition and undo what it did", Args: cobra.MaximumNArgs(1),
		Long: `Ends the open transition. Before its first step this is free; later everything
is undone, but programs that were closed stay closed. Returns at once: modectl
watch shows the way back.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.cancel(cmd.Context(), args)
			if err == nil {
				a.ui.printf("Cancelled; modectl status shows the way back.")
			}
			return err
		},
	}
}

// cancel ends the transition of that number, or the open one.
func (a *app) cancel(ctx context.Context, args []string) error {
	id, err := transitionID(args)
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	if id == 0 {
		if id, _, err = a.openOne(ctx, c, id); err != nil {
			return err
		}
	}
	return a.authorised(ctx, func(c *manager1.Client) error { return c.Cancel(ctx, id) })
}

// openOne is the number of the open transition, where none was said, and the mode
// that it goes to. One that was said is for the daemon to know.
func (a *app) openOne(ctx context.Context, c *manager1.Client, id uint32) (uint32, string, error) {
	p, err := c.Properties(ctx)
	if err != nil {
		return 0, "", err
	}
	if id == 0 {
		id = p.Transition.ID
	}
	if id == 0 {
		return 0, "", exitf(exitFailed, "no transition is open: the machine is in %s mode", p.Mode)
	}
	return id, p.Transition.To, nil
}
