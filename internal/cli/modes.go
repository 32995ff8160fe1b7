package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) modesCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use: "modes", Short: "List the modes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.modes(cmd.Context(), verbose) },
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "also show the settings of each")
	return a.jsonFlag(cmd)
}

func (a *app) modes(ctx context.Context, verbose bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	modes, err := c.ListModes(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(modes)
	}
	a.paged(func() { a.printModes(modes, verbose) })
	return nil
}

func (a *app) printModes(modes []manager1.ModeInfo, verbose bool) {
	width := longest(modes, func(m manager1.ModeInfo) string { return m.Mode })
	for _, m := range modes {
		mark, s := " ", plain
		if m.Current {
			mark, s = "*", bold
		}
		a.ui.text(mark+" "+pad(a.ui.paint(s, m.Mode), width)+"  ", plain, m.Summary+a.remarks(m))
		for _, line := range m.Settings {
			if verbose {
				a.ui.text(strings.Repeat(" ", width+4), dim, line)
			}
		}
	}
}

// remarks is what else is worth knowing about a mode, in brackets.
func (a *app) remarks(m manager1.ModeInfo) string {
	var list []string
	if m.Default {
		list = append(list, "default")
	}
	if m.Headless {
		list = append(list, "headless")
	}
	switch {
	case m.Current:
	case len(m.Way) > 1:
		list = append(list, "by way of "+strings.Join(m.Way[:len(m.Way)-1], ", "))
	case !m.Reachable && len(m.Way) == 0:
		list = append(list, "no way from here")
	}
	if len(list) == 0 {
		return ""
	}
	return " [" + strings.Join(list, ", ") + "]"
}
