package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/draw"
)

func (a *app) historyCommand() *cobra.Command {
	var limit uint32
	cmd := &cobra.Command{
		Use: "history", Short: "List past transitions and refusals, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.history(cmd.Context(), limit) },
	}
	cmd.Flags().Uint32VarP(&limit, "lines", "n", 20, "list `N` at most; 0 is what the daemon gives")
	cmd.AddCommand(a.historyShowCommand())
	return a.jsonFlag(cmd)
}

func (a *app) historyShowCommand() *cobra.Command {
	picture := false
	cmd := &cobra.Command{
		Use: "show [N]", Short: "Show all about one: its steps, its verdicts and, with --json, the facts", Args: cobra.MaximumNArgs(1),
		Long: `Shows one transition, the newest without a number. With --svg it is a picture of
its steps over time, what was taken back included:

  modectl history show 17 --svg > transition-17.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := transitionID(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), id, picture)
		},
	}
	cmd.Flags().BoolVar(&picture, "svg", false, "print a timeline as SVG")
	return a.jsonFlag(cmd)
}

// transitionID reads "17" or "#17"; nothing is 0, the newest.
func transitionID(args []string) (uint32, error) {
	if len(args) == 0 {
		return 0, nil
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(args[0], "#"), 10, 32)
	if err != nil || id == 0 {
		return 0, exitf(exitUsage, "%q is not the number of a transition", manager1.Clean(args[0], manager1.MaxLine))
	}
	return uint32(id), nil
}

func (a *app) history(ctx context.Context, limit uint32) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	records, err := c.ListHistory(ctx, limit)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(records)
	}
	a.paged(func() { a.printHistory(records) })
	return nil
}

func (a *app) printHistory(records []manager1.Record) {
	way := func(r manager1.Record) string { return a.ui.sprintArrow(r.From, r.To) }
	ids := longest(records, func(r manager1.Record) string { return number(r.ID) })
	ways := longest(records, way)
	for _, r := range records {
		outcome := pad(a.ui.paint(outcomeStyle(r.Outcome), r.Outcome), len(manager1.RolledBack))
		head := pad(number(r.ID), ids) + "  " + pad(a.when(r.Started), 16) + "  " + pad(way(r), ways) + "  " + outcome + "  "
		more := strings.TrimSpace(pad(took(r.DurationMS), 9) + " " + strings.Join(notes(r), " "))
		if a.ui.width > 0 && a.ui.width-visible(head) < minWrap {
			a.ui.text(pad(number(r.ID), ids)+"  ", plain, strings.Join(strings.Fields(a.when(r.Started)+" "+way(r)+" "+r.Outcome+" "+more), " "))
			continue
		}
		a.ui.text(head, plain, more)
	}
}

func outcomeStyle(outcome string) style {
	switch outcome {
	case manager1.Settled:
		return green
	case manager1.Stuck:
		return red
	default:
		return yellow
	}
}

// notes is what a line of the history says besides its columns.
func notes(r manager1.Record) []string {
	var list []string
	if r.Override {
		list = append(list, "[overridden]")
	}
	if m := message(r); m != "" {
		list = append(list, m)
	}
	if isLoss(r) {
		list = append(list, "["+lost(r)+"]")
	}
	if by := byItself(r.Trigger, r.Reason); by != "" {
		list = append(list, "["+by+"]")
	}
	return list
}

// byItself says why something began that nobody asked for, or nothing.
func byItself(trigger, reason string) string {
	switch trigger {
	case "", "manual", "default":
		return ""
	}
	return "began by itself: " + cmp.Or(reason, trigger)
}

func (a *app) show(ctx context.Context, id uint32, picture bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	r, err := c.GetTransition(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		return a.printJSON(fullRecord{r, factsJSON(r.Facts)})
	case picture:
		_, err := fmt.Fprint(a.Stdout, draw.Timeline(r))
		return err
	}
	a.paged(func() { a.printRecord(r) })
	return nil
}

func (a *app) printRecord(r manager1.Record) {
	outcome := r.Outcome
	if outcome == "" {
		outcome = "open"
	}
	a.ui.printf("%s%s %s", head("Transition"), number(r.ID), a.ui.paint(bold, a.ui.sprintArrow(r.From, r.To)))
	a.ui.printf("%s%s", head("Outcome"), a.ui.paint(outcomeStyle(r.Outcome), outcome))
	for _, row := range []struct{ name, text string }{
		{"Mode", r.Mode}, {"Message", message(r)}, {"Closed", strings.Join(r.Lost, ", ")}, {"Event", r.Event},
		{"Begun by", begunBy(r)}, {"Because", r.Reason},
		{"Started", a.when(r.Started)}, {"Took", took(r.DurationMS)},
	} {
		if row.text != "" {
			a.ui.text(head(row.name), plain, row.text)
		}
	}
	a.printVerdicts(r.Verdicts, overrideFlag(r.Override))
	a.printDone(r)
}

func begunBy(r manager1.Record) string {
	line := r.Trigger + ", uid " + strconv.FormatUint(uint64(r.RequesterUID), 10)
	if r.Override {
		line += ", overriding guards"
	}
	return line
}

// howItWent is what a step came to, besides its status. A record is closed when
// the mode settles: what is acquired after that is told by Degraded, if it fails.
func howItWent(s manager1.Step, outcome string) string {
	switch {
	case s.Status == manager1.Pending && s.Background && outcome == manager1.Settled:
		return "in the background, after the mode had settled"
	case s.Status == manager1.Pending:
		return ""
	}
	return strings.TrimSpace(took(s.DurationMS) + "  " + s.Error)
}

// printDone lists steps with how they ended, if any of them began.
func (a *app) printDone(r manager1.Record) {
	steps := r.Steps
	if !slices.ContainsFunc(steps, func(s manager1.Step) bool { return s.Status != manager1.Pending }) {
		return
	}
	width := longest(steps, func(s manager1.Step) string { return s.Name })
	status := longest(steps, func(s manager1.Step) string { return s.Status })
	a.ui.printf("\nSteps")
	for _, s := range steps {
		line := pad(strconv.Itoa(int(s.Index)+1), 2) + "  " + pad(s.Name, width) + "  " +
			pad(a.ui.paint(statusStyle(s.Status), s.Status), status) + "  "
		if more := howItWent(s, r.Outcome); more != "" {
			a.ui.text("  "+line, plain, more)
		} else {
			a.ui.printf("  %s", strings.TrimRight(line, " "))
		}
		if s.Status != manager1.Done {
			continue // what an undone one closed stands above
		}
		for _, session := range s.Ends {
			a.ui.text("      ", plain, "ended "+session)
		}
	}
}
