package cli

import (
	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Let the daemon read its configuration again", Args: cobra.NoArgs,
		Long: `All of the new configuration is used, or none of it. The mode does not change:
what the current mode now says otherwise is shown by modectl verify.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			err := a.authorised(ctx, func(c *manager1.Client) error { return c.Reload(ctx) })
			if err == nil {
				a.ui.printf("Reloaded.")
			}
			return err
		},
	}
}
