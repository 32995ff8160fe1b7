package cli

import (
	"context"

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
	if len(holds) == 0 {
		a.ui.printf("nobody holds the mode")
		return nil
	}
	who := longest(holds, func(h manager1.HoldInfo) string { return h.Who })
	user := longest(holds, func(h manager1.HoldInfo) string { return h.User })
	since := longest(holds, func(h manager1.HoldInfo) string { return a.when(h.Since) })
	for _, h := range holds {
		head := pad(h.Scope, len(manager1.HoldAutomatic)) + "  " + pad(h.User, user) + "  " + pad(a.when(h.Since), since) + "  " + pad(h.Who, who) + "  "
		a.ui.text(head, plain, h.Why)
	}
	return nil
}
