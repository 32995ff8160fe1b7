package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "why MODE", Short: "Say what stands in the way of a mode, and what to do about it",
		Long: `Says whether a switch would be refused and why, and whether it needs a password.
Exit code 3 when it would be refused.`,
		Args: oneMode, ValidArgsFunction: a.completeModes,
		RunE: func(cmd *cobra.Command, args []string) error { return a.why(cmd.Context(), args[0]) },
	}
	return a.jsonFlag(cmd)
}

// fullWhy is what why prints as JSON.
type fullWhy struct {
	Mode     string             `json:"mode"`
	Allowed  bool               `json:"allowed"`
	Can      string             `json:"can-switch"`
	Blocking []manager1.Verdict `json:"blocking"`
}

func (a *app) why(ctx context.Context, mode string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	p, err := c.Plan(ctx, mode, 0)
	if err != nil {
		return err
	}
	can, err := c.CanSwitch(ctx, mode)
	if err != nil {
		return err
	}
	blocking := blocking(p.Verdicts, 0)
	if a.json {
		err = a.printJSON(fullWhy{mode, p.Allowed, can, blocking})
	} else {
		a.paged(func() { a.printAnswer(mode, p, can, blocking) })
	}
	if err == nil && !p.Allowed {
		return silent(refusalCode(p.Verdicts, 0))
	}
	return err
}

func (a *app) printAnswer(mode string, p manager1.Plan, can string, blocking []manager1.Verdict) {
	switch {
	case p.Allowed && len(p.Steps) == 0 && len(p.Verdicts) == 0:
		a.ui.printf("The machine is in %s mode already.", mode)
		return
	case p.Allowed:
		a.ui.printf("Nothing stands in the way of %s.", mode)
	default:
		a.ui.printf("%s the way of %s:", plural(len(blocking), "thing stands in", "things stand in"), mode)
	}
	for _, v := range blocking {
		a.ui.text("  "+a.ui.paint(bold, v.Guard)+": ", plain, verdictBody(v))
		a.printWhy("    ", v)
	}
	switch can {
	case manager1.CanChallenge:
		a.ui.printf("You will be asked for a password.")
	case manager1.CanNo:
		a.ui.printf("You are not authorised to do it.")
	}
}

// verdictBody is a verdict's sentence with what was measured.
func verdictBody(v manager1.Verdict) string {
	if m := measured(v); m != "" {
		return v.Summary + " (" + m + ")"
	}
	return v.Summary
}
