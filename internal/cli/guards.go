package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) guardsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "guards [MODE]", Short: "Ask the guards on the way to a mode, or to every mode next to this one",
		Long: `Asks all guards of the edge that leads to MODE, or of all edges that lead away
from here. Exit code 3 when MODE is given and would be refused.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeModes,
		RunE: func(cmd *cobra.Command, args []string) error { return a.guards(cmd.Context(), args) },
	}
	return a.jsonFlag(cmd)
}

// modeGuards is what guards prints as JSON, in a list.
type modeGuards struct {
	Mode     string             `json:"mode"`
	Allowed  bool               `json:"allowed"`
	Verdicts []manager1.Verdict `json:"verdicts"`
}

func (a *app) guards(ctx context.Context, args []string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	modes := args
	if len(modes) == 0 {
		if modes, err = neighbours(ctx, c); err != nil {
			return err
		}
	}
	all := []modeGuards{}
	for _, mode := range modes {
		p, err := c.Plan(ctx, mode, 0)
		if err != nil {
			return err
		}
		all = append(all, modeGuards{mode, p.Allowed, p.Verdicts})
	}
	if a.json {
		err = a.printJSON(all)
	} else {
		a.printGuards(all)
	}
	if err == nil && len(args) == 1 && !all[0].Allowed {
		return silent(refusalCode(all[0].Verdicts, 0))
	}
	return err
}

// neighbours are the modes that one edge leads to.
func neighbours(ctx context.Context, c *manager1.Client) ([]string, error) {
	modes, err := c.ListModes(ctx)
	var list []string
	for _, m := range modes {
		if m.Reachable && len(m.Way) == 1 {
			list = append(list, m.Mode)
		}
	}
	return list, err
}

func (a *app) printGuards(all []modeGuards) {
	for i, m := range all {
		if i > 0 {
			a.ui.printf("")
		}
		answer := a.ui.paint(green, "allowed")
		if !m.Allowed {
			answer = a.ui.paint(red, "refused")
		}
		a.ui.printf("%s: %s", a.ui.paint(bold, m.Mode), answer)
		width := longest(m.Verdicts, func(v manager1.Verdict) string { return v.Guard })
		for _, v := range m.Verdicts {
			a.printVerdict(v, width, 0)
		}
	}
}
