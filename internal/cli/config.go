package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check and show the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheckCommand(), a.configShowCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE...]", Short: "Say whether the daemon would take the configuration, and what is wrong with it",
		Long: `Reads what the daemon would read, or the files that are given over the embedded
default, with the daemon's own decoder. Does not ask the daemon. Exit code 1
when something is wrong; each line begins with file:line:column.`,
		RunE: func(_ *cobra.Command, files []string) error {
			c, err := config.Load(options(files))
			if err != nil {
				fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
				return silent(exitFailed)
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(a.Stderr, "warning: "+manager1.Clean(w.String(), manager1.MaxLine))
			}
			a.ui.printf("ok: %s, %s, default %s", plural(len(c.Catalog.Modes()), "mode", "modes"),
				plural(len(c.Catalog.Edges()), "edge", "edges"), c.Catalog.Default())
			return nil
		},
	}
}

func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [FILE...]", Short: "Show the effective configuration, all layers merged, as TOML",
		RunE: func(_ *cobra.Command, files []string) error {
			c, err := config.Load(options(files))
			if err != nil {
				fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
				return silent(exitFailed)
			}
			a.paged(func() { fmt.Fprint(a.ui.out, config.Render(c)) })
			return nil
		},
	}
}

// options reads the given files as anybody's, and the system's as the daemon
// does: root must own them.
func options(files []string) config.Options {
	if len(files) == 0 {
		return config.Options{Trust: true}
	}
	return config.Options{Files: files}
}
