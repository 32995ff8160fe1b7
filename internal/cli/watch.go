package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

// watchOptions say how watch shows what happens.
type watchOptions struct {
	lines    bool
	waybar   bool
	interval time.Duration
}

func (a *app) watchCommand() *cobra.Command {
	o := watchOptions{interval: 2 * time.Second}
	cmd := &cobra.Command{
		Use: "watch", Short: "Show what happens, until interrupted", Args: cobra.NoArgs,
		Long: `Shows what happens as it does: on a terminal as a board that is drawn in place,
with the machine looked at every two seconds; elsewhere, or with --lines, a line
for each piece of news. With --json, one object in each line: kind is appeared,
vanished, properties, mode-changed, transition-started, step-changed or
transition-finished; the other keys are the signal's arguments, or properties.
With --waybar, one object in each line for a custom module of Waybar.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.lines, "lines", false, "print lines on a terminal too")
	cmd.Flags().BoolVar(&o.waybar, "waybar", false, "print for Waybar")
	cmd.Flags().DurationVar(&o.interval, "interval", o.interval, "look at the machine every `TIME`; 0 is never")
	return a.jsonFlag(cmd)
}

// watchEnded says why there is no more news.
func watchEnded(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil // it was to last until interrupted
	}
	return exitf(exitNoDaemon, "the connection to the bus was lost")
}

func (a *app) watch(ctx context.Context, o watchOptions) error {
	switch {
	case o.interval != 0 && o.interval < time.Second:
		return exitf(exitUsage, "--interval is %s: give a second or more, or 0 for never", o.interval)
	case o.waybar && a.json:
		return exitf(exitUsage, "--waybar and --json are two languages: choose one")
	}
	c, events, err := a.watched(ctx)
	switch {
	case err != nil:
		return err
	case o.waybar:
		return a.watchWaybar(ctx, events)
	case a.ui.live && !a.json && !o.lines:
		return a.watchBoard(ctx, c, events, o.interval)
	}
	return a.watchLines(ctx, events)
}

func (a *app) watchLines(ctx context.Context, events <-chan manager1.Event) error {
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
	return watchEnded(ctx)
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
