package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) statusCommand() *cobra.Command {
	var resources bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the mode, what runs, and what was decided last", Args: cobra.NoArgs,
		Long: `Shows the mode of the machine, the open transition, the last one, the last
verdicts and what is degraded. Asks the daemon once and the machine not at all,
unless --resources is given. To record what guards judge, for modectl guards
MODE --facts FILE: modectl status --resources --json > facts.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context(), resources) },
	}
	cmd.Flags().BoolVar(&resources, "resources", false, "also look at the machine: load, memory, GPUs, sessions, audio, jobs, holds, vLLM, pods, units")
	return a.jsonFlag(cmd)
}

// fullStatus is what status prints as JSON.
type fullStatus struct {
	manager1.Properties
	Resources *fullResources `json:"resources,omitempty"`
}

func (a *app) status(ctx context.Context, resources bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	p, err := c.Properties(ctx)
	if err != nil {
		return err
	}
	full := fullStatus{Properties: p}
	if resources {
		r, err := c.Resources(ctx)
		if err != nil {
			return err
		}
		full.Resources = &fullResources{r, factsJSON(r.Facts)}
	}
	if a.json {
		return a.printJSON(full)
	}
	if full.Resources == nil {
		a.printStatus(p)
		return nil
	}
	a.paged(func() {
		a.printStatus(p)
		a.printResources(full.Resources.Resources)
	})
	return nil
}

const statusHead = "            "

func head(name string) string { return pad(name, len(statusHead)) }

func (a *app) printStatus(p manager1.Properties) {
	a.ui.printf("%s%s", head("Mode"), a.modeLine(p))
	if p.Transition.Open() {
		a.printProgress(p.Transition)
	}
	if p.LastTransition.ID != 0 {
		a.ui.text(head("Last"), plain, a.recordLine(p.LastTransition))
		if by := byItself(p.LastTransition.Trigger, p.LastTransition.Reason); by != "" {
			a.ui.text(statusHead, plain, by)
		}
		a.printLost(p.LastTransition)
	}
	a.printLastVerdicts(p.LastVerdicts)
	for i, line := range p.Degraded {
		name := ""
		if i == 0 {
			name = "Degraded"
		}
		a.ui.text(head(name), yellow, line)
	}
	if p.Holds > 0 {
		a.ui.printf("%s%s; see modectl holds", head("Holds"), plural(int(p.Holds), "hold", "holds"))
	}
}

// printLastVerdicts gives each verdict its line, or those that pass one together,
// where brief: what they measured is old news.
func (a *app) printLastVerdicts(list []manager1.Verdict) {
	name, passed := "Verdicts", []string(nil)
	line := func(outcome, text string) {
		a.ui.text(head(name)+a.outcome(outcome)+" ", plain, text)
		name = ""
	}
	for _, v := range list {
		if a.brief && v.Outcome == manager1.Pass {
			passed = append(passed, v.Guard)
			continue
		}
		line(v.Outcome, v.Guard+": "+verdictBody(v))
	}
	if len(passed) > 0 {
		line(manager1.Pass, strings.Join(passed, ", "))
	}
}

func (a *app) modeLine(p manager1.Properties) string {
	mode := a.ui.paint(bold, p.Mode)
	switch {
	case p.Mode == manager1.ModeTransitioning && p.Target != "":
		return a.ui.paint(yellow, p.Mode) + " to " + p.Target
	case p.Mode == manager1.ModeTransitioning:
		return a.ui.paint(yellow, p.Mode)
	case p.Target != "":
		return mode + ", on the way to " + p.Target
	default:
		return mode
	}
}

// printProgress shows the open transition.
func (a *app) printProgress(t manager1.Progress) {
	line := a.ui.sprintArrow(t.From, t.To) + ", " + t.Phase
	if t.Step != "" {
		line += ", step " + stepCount(t.Index, t.Of) + " " + t.Step
	}
	if !t.Deadline.IsZero() {
		line += ", " + a.left(t.Deadline) + " left"
	}
	a.ui.text(head("Transition"), plain, number(t.ID)+" "+line)
	if by := byItself(t.Trigger, t.Reason); by != "" {
		a.ui.text(statusHead, plain, by)
	} else if t.Reason != "" {
		a.ui.text(statusHead, plain, "because: "+t.Reason)
	}
	if t.Past {
		a.ui.text(statusHead, yellow, "past the point of no return")
	}
	if t.Message != "" {
		a.ui.text(statusHead, red, t.Message)
	}
	a.ui.text(statusHead, dim, wayOut(t))
}

// wayOut is what a person can do about an open transition.
func wayOut(t manager1.Progress) string {
	switch t.Phase {
	case manager1.PhaseStuck:
		return "modectl recover --help says how to go on"
	case manager1.PhaseAwaitingConfirm:
		return "modectl confirm keeps it, modectl cancel reverts it"
	case manager1.PhaseUndoing:
		return "it is being undone"
	default:
		return "modectl cancel ends it"
	}
}

// recordLine is a transition in one line.
func (a *app) recordLine(r manager1.Record) string {
	var b strings.Builder
	b.WriteString(number(r.ID) + " " + a.ui.sprintArrow(r.From, r.To) + ", " + r.Outcome + " " + a.ago(r.Finished))
	if r.Override {
		b.WriteString(", overriding guards")
	}
	if m := message(r); m != "" {
		b.WriteString(": " + m)
	}
	return b.String()
}

func (a *app) printLost(r manager1.Record) {
	if isLoss(r) {
		a.ui.text(statusHead, yellow, lost(r))
	}
}

// isLoss tells whether something was closed in vain. A switch that succeeded
// closed what its plan said.
func isLoss(r manager1.Record) bool { return len(r.Lost) > 0 && r.Outcome != manager1.Settled }

// lost says what a rollback could not bring back.
func lost(r manager1.Record) string {
	return strings.Join(r.Lost, ", ") + " were closed and cannot be restored"
}

// outcome is a verdict's outcome in a column, with its sign and in its colour.
func (a *app) outcome(outcome string) string {
	s := yellow
	switch outcome {
	case manager1.Pass:
		s = green
	case manager1.Deny:
		s = red
	}
	sign, known := a.ui.signs[outcome]
	if !known {
		sign = "?"
	}
	return a.ui.paint(s, sign+" "+pad(outcome, len(manager1.Unknown)))
}
