package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

const recoverHint = `To go on, as an administrator, one of:
  modectl recover          undo again
  modectl recover --fresh  go to the mode it began in, from what the machine is now
  modectl recover --adopt  take the mode whose settings verify, touching nothing
`

func (a *app) recoverCommand() *cobra.Command {
	var fresh, adopt bool
	cmd := &cobra.Command{
		Use: "recover", Short: "Go on from a transition that is stuck", Args: cobra.NoArgs,
		Long: "A transition is stuck when undoing it failed, or would end a session that was\nnot in the plan.\n\n" + recoverHint,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case fresh && adopt:
				return exitf(exitUsage, "say --fresh or --adopt, not both")
			case fresh:
				return a.recover(cmd.Context(), manager1.RecoverFresh)
			case adopt:
				return a.recover(cmd.Context(), manager1.RecoverAdopt)
			default:
				return a.recover(cmd.Context(), manager1.RecoverUndo)
			}
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "a new plan to the mode it began in")
	cmd.Flags().BoolVar(&adopt, "adopt", false, "take the mode that verifies")
	return cmd
}

// recover asks for it and shows how it goes.
func (a *app) recover(ctx context.Context, flags uint32) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	c, events, err := a.watched(watching)
	if err != nil {
		return err
	}
	if err := a.authorised(ctx, func(c *manager1.Client) error { return c.Recover(ctx, flags) }); err != nil {
		return err
	}
	f := &follower{app: a, show: newProgress(a)}
	for {
		p, err := c.Properties(ctx)
		if err != nil {
			return err
		}
		t := p.Transition
		if !t.Open() {
			a.ui.printf("The machine is in %s mode.", p.Mode)
			return nil
		}
		if t.Phase == manager1.PhaseStuck {
			return a.end(manager1.Record{ID: t.ID, To: t.To, Outcome: manager1.Stuck, Message: t.Message}, switchOptions{})
		}
		if done, err := f.until(ctx, events, t); done {
			return err
		}
	}
}

// until shows what happens to a transition until it is over or stuck.
func (f *follower) until(ctx context.Context, events <-chan manager1.Event, t manager1.Progress) (bool, error) {
	f.id, f.mode = t.ID, t.From
	for {
		select {
		case <-ctx.Done():
			return true, f.leave(exitInterrupted, "left")
		case e, ok := <-events:
			if !ok || e.Kind == manager1.EventVanished {
				return true, exitf(exitNoDaemon, "moded has left the bus; modectl status tells how it went once it is back")
			}
			if e.Kind == manager1.EventTransitionFinished && e.ID == f.id {
				return false, nil
			}
			if e.Kind == manager1.EventStepChanged && e.ID == f.id {
				f.show.step(e)
			}
		}
	}
}
