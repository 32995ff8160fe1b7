package cli

import (
	"errors"
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
	return a.jsonFlag(&cobra.Command{
		Use: "check [FILE...]", Short: "Say whether the daemon would take the configuration, and what is wrong with it",
		Long: `Reads what the daemon would read, or the files that are given over the embedded
default, with the daemon's own decoder. Does not ask the daemon. Exit code 1
when something is wrong; each line begins with file:line:column.`,
		RunE: func(_ *cobra.Command, files []string) error {
			c, err := config.Load(options(files))
			if a.json {
				return a.checkedJSON(c, err)
			}
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
	})
}

// checked is what config check prints as JSON.
type checked struct {
	OK       bool            `json:"ok"`
	Modes    []string        `json:"modes"`
	Default  string          `json:"default"`
	Problems []configProblem `json:"problems"`
	Warnings []configProblem `json:"warnings"`
}

// configProblem has line and column 0 where it is about a whole file, and no file
// where it is about all of them.
type configProblem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

func (a *app) checkedJSON(c *config.Config, err error) error {
	say := checked{OK: err == nil, Modes: []string{}, Problems: []configProblem{}, Warnings: []configProblem{}}
	list := func(problems []config.Problem) []configProblem {
		out := []configProblem{}
		for _, p := range problems {
			out = append(out, configProblem{p.File, p.Line, p.Column, p.Text})
		}
		return out
	}
	var bad *config.Error
	switch {
	case err == nil:
		for _, m := range c.Catalog.Modes() {
			say.Modes = append(say.Modes, m.Name)
		}
		say.Default, say.Warnings = c.Catalog.Default(), list(c.Warnings)
	case errors.As(err, &bad):
		say.Problems = list(bad.Problems)
	default:
		say.Problems = append(say.Problems, configProblem{Text: err.Error()})
	}
	if shown := a.printJSON(say); shown != nil || err == nil {
		return shown
	}
	return silent(exitFailed)
}

func (a *app) configShowCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "show [FILE...]", Short: "Show the effective configuration, all layers merged, as TOML or JSON",
		RunE: func(_ *cobra.Command, files []string) error {
			c, err := config.Load(options(files))
			if err != nil {
				fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
				return silent(exitFailed)
			}
			if a.json {
				return a.printJSON(config.RenderJSON(c))
			}
			a.paged(func() { fmt.Fprint(a.ui.out, config.Render(c)) })
			return nil
		},
	})
}

// options reads the given files as anybody's, and the system's as the daemon
// does: root must own them.
func options(files []string) config.Options {
	if len(files) == 0 {
		return config.Options{Trust: true}
	}
	return config.Options{Files: files}
}
