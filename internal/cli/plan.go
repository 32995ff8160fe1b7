package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) planCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "plan MODE", Short: "Show what a switch would do, and what speaks against it",
		Long: `Shows the verdicts of all guards and every step in order, with the point of no
return. Nothing is touched. Exit code 3 when the switch would be refused.`,
		Args: oneMode, ValidArgsFunction: a.completeModes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.plan(cmd.Context(), args[0], overrideFlag(force))
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "plan as for switch --force")
	return a.jsonFlag(cmd)
}

// oneMode is the argument of commands about a mode.
func oneMode(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs the name of one mode; modectl modes lists them", cmd.Name())
	}
	return nil
}

// fullPlan is what plan prints as JSON.
type fullPlan struct {
	Mode string `json:"mode"`
	manager1.Plan
}

func (a *app) plan(ctx context.Context, mode string, flags uint32) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	p, err := c.Plan(ctx, mode, flags)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(fullPlan{mode, p})
	} else {
		a.paged(func() { a.printPlan(mode, p, flags) })
	}
	if err == nil && !p.Allowed {
		return silent(refusalCode(p.Verdicts, flags))
	}
	return err
}

func overrideFlag(force bool) uint32 {
	if force {
		return manager1.OverrideGuards
	}
	return 0
}

func (a *app) printPlan(mode string, p manager1.Plan, flags uint32) {
	switch {
	case !p.Allowed:
		a.ui.printf("A switch to %s would be %s:", mode, a.ui.paint(red, "refused"))
	case len(p.Steps) == 0 && len(p.Verdicts) == 0:
		a.ui.printf("The machine is in %s mode already: nothing to do.", mode)
		return
	default:
		a.ui.printf("A switch to %s is %s:", mode, a.ui.paint(green, "allowed"))
	}
	a.printVerdicts(p.Verdicts, flags)
	a.printSteps(p.Steps)
	a.printTotal(p.Steps)
	a.printExpected(p.Steps)
}

// printTotal counts the steps by what they do, and the sessions that end.
func (a *app) printTotal(steps []manager1.Step) {
	if len(steps) == 0 {
		return
	}
	phases := map[string]int{}
	background, ends := 0, 0
	for _, s := range steps {
		ends += len(s.Ends)
		if s.Background {
			background++
			continue
		}
		phases[s.Phase]++
	}
	var parts []string
	for _, phase := range []string{"release", "acquire", "hook"} {
		if n := phases[phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, phase))
		}
	}
	if background > 0 {
		parts = append(parts, fmt.Sprintf("%d in the background", background))
	}
	line := plural(len(steps), "step", "steps") + ": " + strings.Join(parts, ", ")
	if ends > 0 {
		line += "; " + plural(ends, "session ends", "sessions end")
	}
	a.ui.printf("\nIn all")
	a.ui.text("  ", plain, line)
}

// printExpected says how long it took last time: a stage is as long as its
// slowest step. Steps that were never done on this edge are counted out loud.
func (a *app) printExpected(steps []manager1.Step) {
	slowest := map[string]uint32{}
	known, unknown := 0, 0
	for _, s := range steps {
		switch {
		case s.Background:
		case s.DurationMS == 0:
			unknown++
		default:
			known++
			slowest[s.Stage] = max(slowest[s.Stage], s.DurationMS)
		}
	}
	if known == 0 {
		return
	}
	var total uint32
	for _, ms := range slowest {
		total += ms
	}
	line := "about " + took(total) + ", as last time"
	if unknown > 0 {
		line += fmt.Sprintf(", and what %s", plural(unknown, "step takes that was never done here", "steps take that were never done here"))
	}
	a.ui.printf("\nExpected")
	a.ui.text("  ", plain, line)
}

// printVerdicts lists verdicts, a line each: outcome, guard, what was measured
// against which limit and who; under one that does not pass, what to do.
func (a *app) printVerdicts(verdicts []manager1.Verdict, flags uint32) {
	if len(verdicts) == 0 {
		return
	}
	width := longest(verdicts, func(v manager1.Verdict) string { return v.Guard })
	a.ui.printf("\nGuards")
	for _, v := range verdicts {
		a.printVerdict(v, width, flags)
	}
}

func (a *app) printVerdict(v manager1.Verdict, width int, flags uint32) {
	line := verdictBody(v)
	if v.Outcome != manager1.Pass && len(v.Culprits) > 0 {
		line += ": " + firstCulprits(v.Culprits)
	}
	if !v.Blocks(flags) && v.Blocks(0) {
		line += " [overridden]"
	}
	head := "  " + a.outcome(v.Outcome) + "  "
	indent := strings.Repeat(" ", visible(head))
	head += pad(v.Guard, width) + "  "
	if a.ui.width > 0 && a.ui.width-visible(head) < readable {
		a.ui.printf("%s", strings.TrimRight(head, " "))
		head = indent
	}
	a.ui.text(head, plain, line)
	if v.Outcome != manager1.Pass && v.Remedy != "" {
		a.ui.text(indent+"to do: ", plain, v.Remedy)
	}
}

// readable is how narrow a column may be that somebody shall read.
const readable = 30

// firstCulprits names the first few.
func firstCulprits(list []manager1.Culprit) string {
	const few = 3
	text := culprits(list[:min(len(list), few)])
	if more := len(list) - few; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// printWhy shows who causes a verdict and what to do about it.
func (a *app) printWhy(indent string, v manager1.Verdict) {
	if len(v.Culprits) > 0 {
		a.ui.text(indent+"caused by ", plain, culprits(v.Culprits))
	}
	if v.Remedy != "" {
		a.ui.text(indent+"to do: ", plain, v.Remedy)
	}
}

// printSteps lists steps with the point of no return before the first that
// cannot be taken back.
func (a *app) printSteps(steps []manager1.Step) {
	if len(steps) == 0 {
		return
	}
	width := longest(steps, func(s manager1.Step) string { return s.Name })
	a.ui.printf("\nSteps")
	past := false
	for _, s := range steps {
		if s.Irreversible && !past {
			past = true
			a.ui.printf("      %s", a.ui.paint(yellow, "-- point of no return: what closes from here on stays closed --"))
		}
		a.printStep(s, width)
	}
}

func (a *app) printStep(s manager1.Step, width int) {
	line := s.Summary
	if s.Background {
		line += " [in the background, after the mode has settled]"
	} else if !s.Essential {
		line += " [not essential]"
	}
	if s.Status != manager1.Done && s.DurationMS > 0 {
		line += " (" + took(s.DurationMS) + " last time)"
	}
	a.ui.text(fmt.Sprintf("  %2d  %s  ", s.Index+1, pad(s.Name, width)), plain, line)
	indent := "      "
	for _, detail := range s.Details {
		a.ui.text(indent, dim, detail)
	}
	for _, end := range s.Ends {
		a.ui.text(indent+"ends ", yellow, end)
	}
	for _, session := range s.Sessions {
		if len(session.Closes) > 0 {
			a.ui.text(indent+"closes ", yellow, strings.Join(session.Closes, ", "))
		}
	}
}
