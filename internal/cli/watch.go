package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) watchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "watch", Short: "Show what happens, until interrupted", Args: cobra.NoArgs,
		Long: `Shows what happens as it does. With --json, one object in each line: kind is
appeared, vanished, properties, mode-changed, transition-started, step-changed
or transition-finished; the other keys are the signal's arguments, or
properties.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context()) },
	}
	return a.jsonFlag(cmd)
}

func (a *app) watch(ctx context.Context) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	events, err := c.Watch(ctx)
	if err != nil {
		return err
	}
	phase := ""
	for e := range events {
		if a.json {
			if err := a.printJSONLine(e); err != nil {
				return err
			}
			continue
		}
		if e.Properties != nil {
			phase = a.watchPhase(e, phase)
			continue
		}
		a.ui.printf("%s %s", a.Now().Format("15:04:05"), a.eventLine(e))
	}
	if ctx.Err() != nil {
		return nil // it was to last until interrupted
	}
	return exitf(exitNoDaemon, "the connection to the bus was lost")
}

// watchPhase shows a change of the mode or phase, and returns what it was.
func (a *app) watchPhase(e manager1.Event, before string) string {
	p := e.Properties
	line := "mode " + p.Mode
	if t := p.Transition; t.Open() {
		line = "transition " + number(t.ID) + " " + a.ui.sprintArrow(t.From, t.To) + ": " + t.Phase
	}
	if line != before || e.Kind == manager1.EventAppeared {
		a.ui.printf("%s %s", a.Now().Format("15:04:05"), line)
	}
	return line
}

func (a *app) eventLine(e manager1.Event) string {
	switch e.Kind {
	case manager1.EventModeChanged:
		return a.ui.paint(bold, "mode changed: "+a.ui.sprintArrow(e.From, e.To))
	case manager1.EventTransitionStarted:
		line := "transition " + number(e.ID) + " started: " + a.ui.sprintArrow(e.From, e.To)
		if e.Reason != "" {
			line += ", because: " + e.Reason
		}
		return line
	case manager1.EventStepChanged:
		return "step " + stepCount(e.Index, e.Total) + " " + e.Step + ": " + a.ui.paint(statusStyle(e.Status), e.Status)
	case manager1.EventTransitionFinished:
		line := "transition " + number(e.ID) + " finished: " + e.Outcome + " in " + e.Mode
		if e.Message != "" {
			line += ": " + e.Message
		}
		return line
	case manager1.EventVanished:
		return a.ui.paint(red, "moded is not on the bus")
	default:
		return e.Kind
	}
}
