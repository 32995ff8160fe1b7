package cli

import "github.com/spf13/cobra"

func (a *app) graphCommand() *cobra.Command {
	return &cobra.Command{Use: "graph", Hidden: true, RunE: func(*cobra.Command, []string) error {
		return exitf(exitFailed, "not yet")
	}}
}
