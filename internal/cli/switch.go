package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

// switchOptions are the flags of switch.
type switchOptions struct {
	yes, dryRun, noWait, force, now, automatic bool
	confirm, timeout                           time.Duration
	reason                                     string
}

func (o switchOptions) flags() uint32 {
	flags := overrideFlag(o.force)
	if o.now {
		flags |= manager1.SkipCountdown
	}
	if o.automatic {
		flags |= manager1.Automatic
	}
	return flags
}

func (a *app) switchCommand() *cobra.Command {
	var o switchOptions
	cmd := &cobra.Command{
		Use: "switch MODE", Short: "Go to a mode", ValidArgsFunction: a.completeModes, Args: oneMode,
		Long: `Shows the plan, asks before sessions end, goes to the mode and shows how it
goes. Where nobody can be asked, sessions end only with --yes; then it goes at
once and shows no plan, for which the machine is looked at twice. On a terminal,
Ctrl-C asks whether to cancel the switch, and a second one leaves it running.
Elsewhere leaving modectl does not end it: modectl cancel does.

With --json, prints the finished transition, as history show does, and nothing
else on standard output.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.switchTo(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask before sessions end")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan and do nothing")
	f.BoolVar(&o.noWait, "no-wait", false, "return once the switch has begun")
	f.BoolVar(&o.force, "force", false, "override guards")
	f.BoolVar(&o.now, "now", false, "skip the grace period")
	f.BoolVar(&o.automatic, "automatic", false, "nobody is behind this now, as from a timer: holds against automatic changes stop it")
	f.DurationVar(&o.confirm, "confirm", 0, "undo it unless modectl confirm is said within `DURATION`")
	f.DurationVar(&o.timeout, "timeout", 0, "wait `DURATION` at most; the switch goes on")
	f.StringVar(&o.reason, "reason", "", "the `REASON`, for the history")
	return a.jsonFlag(cmd)
}

func (a *app) switchTo(ctx context.Context, mode string, o switchOptions) error {
	if o.confirm < 0 || o.timeout < 0 {
		return exitf(exitUsage, "a duration cannot be negative")
	}
	if o.dryRun {
		return a.plan(ctx, mode, o.flags()&^manager1.SkipCountdown)
	}
	if o.yes && a.unattended() {
		return a.start(ctx, mode, o, func(request func(*manager1.Client) error) error { return a.authorised(ctx, request) })
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	p, err := c.Plan(ctx, mode, o.flags()&^manager1.SkipCountdown)
	if err != nil {
		return err
	}
	if !p.Allowed {
		return a.tryRefused(ctx, mode, p, o)
	}
	if !a.json && len(p.Steps) > 0 {
		a.printPlan(mode, p, o.flags())
		a.ui.printf("")
	}
	if err := a.consent(ctx, mode, p.Ends(), o.yes); err != nil {
		return err
	}
	return a.start(ctx, mode, o, func(request func(*manager1.Client) error) error { return a.authorised(ctx, request) })
}

// unattended tells whether nobody is there to read a plan or to give a password.
// The daemon looks at the machine afresh for the switch anyway: to have it make a
// plan before would only cost that time twice.
func (a *app) unattended() bool { return !a.OutTTY && (!a.InTTY || a.Root) }

// tryRefused asks although the plan says no, so that the refusal is judged by
// the newest facts and kept in the history. Not if that could end a session
// without consent, and never with a password: then the plan's word is it.
func (a *app) tryRefused(ctx context.Context, mode string, p manager1.Plan, o switchOptions) error {
	if len(p.Ends()) > 0 && !o.yes {
		return a.refused(ctx, mode, p.Verdicts, o, &manager1.Error{Name: manager1.ErrRefused})
	}
	return a.start(ctx, mode, o, func(request func(*manager1.Client) error) error {
		err := request(a.conn.Quiet())
		switch {
		case isAny(err, manager1.ErrInteractive, manager1.ErrAccessDenied):
			return a.refused(ctx, mode, p.Verdicts, o, &manager1.Error{Name: manager1.ErrRefused})
		case err != nil:
			return a.refused(ctx, mode, p.Verdicts, o, err)
		}
		return nil
	})
}

func isAny(err error, names ...string) bool {
	for _, name := range names {
		if manager1.Is(err, name) {
			return true
		}
	}
	return false
}

// consent asks before sessions end.
func (a *app) consent(ctx context.Context, mode string, ends []string, yes bool) error {
	if len(ends) == 0 || yes {
		return nil
	}
	if !a.InTTY {
		return exitf(exitUsage, "a switch to %s ends %s, and nobody can be asked: standard input is not a terminal\nSay --yes to agree.",
			mode, strings.Join(ends, ", "))
	}
	question := fmt.Sprintf("This ends %s. Programs in there close, and what is not saved is lost.\nSwitch to %s? [y/N] ",
		strings.Join(ends, ", "), mode)
	a.agreed = true
	return a.ask(ctx, question)
}

// ask puts a question on the terminal; only yes is yes.
func (a *app) ask(ctx context.Context, question string) error {
	fmt.Fprint(a.Stderr, question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := readLine(a.Stdin) // none is no
		answers <- answer
	}()
	select {
	case answer := <-answers:
		if isYes(answer) {
			return nil
		}
		return exitf(exitFailed, "not switched")
	case <-ctx.Done():
		fmt.Fprintln(a.Stderr)
		return exitf(exitInterrupted, "not switched")
	}
}

// start asks for the switch, by way of authorise, and follows it.
func (a *app) start(ctx context.Context, mode string, o switchOptions, authorise func(func(*manager1.Client) error) error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	_, events, err := a.watched(watching)
	if err != nil {
		return err
	}
	var id uint32
	err = authorise(func(c *manager1.Client) (err error) {
		id, err = c.SwitchMode(ctx, manager1.SwitchRequest{
			Mode: mode, Flags: o.flags(), ConfirmWithin: o.confirm, Reason: o.reason,
		})
		return err
	})
	var done *exitError
	switch {
	case errors.As(err, &done):
		return err
	case errors.Is(err, context.Canceled):
		return exitf(exitInterrupted, "left without an answer; modectl status tells whether the switch has begun")
	case err != nil:
		return a.refused(ctx, mode, nil, o, err)
	default:
		return a.follow(ctx, events, id, mode, o)
	}
}
