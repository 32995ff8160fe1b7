package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Hold the settings of the mode against the machine", Args: cobra.NoArgs,
		Long: `Looks at every setting of the current mode. Exit code 1 when one is not as the
mode says.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context()) },
	}
	return a.jsonFlag(cmd)
}

func (a *app) verify(ctx context.Context) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	settings, err := c.Verify(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(settings)
	} else {
		a.paged(func() { a.printSettings(settings) })
	}
	drift := slices.ContainsFunc(settings, func(s manager1.Setting) bool { return !s.Settled })
	if err == nil && drift {
		return silent(exitFailed)
	}
	return err
}

func settingName(s manager1.Setting) string {
	if s.Key == "" {
		return s.Kind
	}
	return s.Kind + "/" + s.Key
}

func (a *app) printSettings(settings []manager1.Setting) {
	if len(settings) == 0 {
		a.ui.printf("The mode states nothing.")
		return
	}
	width := longest(settings, settingName)
	for _, s := range settings {
		head, text := a.ui.paint(green, "settled"), s.Want
		switch {
		case s.Error != "":
			head, text = a.ui.paint(yellow, "unknown"), "wants "+s.Want+": "+s.Error
		case !s.Settled:
			head, text = a.ui.paint(red, "differs"), "wants "+s.Want+", but "+s.Have
		}
		a.ui.text(head+"  "+pad(settingName(s), width)+"  ", plain, text)
	}
}
