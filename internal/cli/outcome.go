package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// end shows how a transition ended and turns it into an exit code.
func (a *app) end(r manager1.Record, o switchOptions) error {
	if a.json {
		if err := a.printJSON(fullRecord{r, factsJSON(r.Facts)}); err != nil {
			return err
		}
		return silent(outcomeCode(r.Outcome))
	}
	switch r.Outcome {
	case manager1.Settled:
		a.settled(r)
	case manager1.Refused:
		a.printRefusal(refusal{mode: r.To, id: r.ID, verdicts: r.Verdicts, flags: o.flags(), stays: r.Mode})
	case manager1.Stuck:
		a.stuck(r)
	default:
		a.rolledBack(r)
	}
	return silent(outcomeCode(r.Outcome))
}

func outcomeCode(outcome string) int {
	switch outcome {
	case manager1.Settled:
		return exitDone
	case manager1.Refused:
		return exitRefused
	case manager1.Stuck:
		return exitStuck
	default:
		return exitFailed
	}
}

func (a *app) settled(r manager1.Record) {
	a.ui.printf("%s", a.ui.paint(green, fmt.Sprintf("The machine is in %s mode (%s, transition %s).", r.Mode, took(r.DurationMS), number(r.ID))))
	if text := message(r); text != "" {
		a.ui.text("", yellow, text)
	}
	for _, s := range r.Steps {
		if s.Background && s.Status != manager1.Done {
			a.ui.text("", plain, "In the background: "+s.Summary)
		}
	}
}

// rolledBack is for everything that led back, and for ends unknown to us.
func (a *app) rolledBack(r manager1.Record) {
	what := "was rolled back"
	if r.Outcome == manager1.Cancelled {
		what = "was cancelled"
	} else if r.Outcome != manager1.RolledBack {
		what = "did not succeed"
	}
	text := fmt.Sprintf("the switch to %s %s", r.To, what)
	if m := message(r); m != "" {
		text += ": " + m
	}
	a.complain(text)
	for _, s := range r.Steps {
		if s.Error != "" && !strings.Contains(r.Message, s.Error) {
			a.ui.textTo(a.Stderr, "  step "+stepCount(s.Index, uint32(len(r.Steps)))+" "+s.Name+": ", plain, s.Error)
		}
	}
	back := fmt.Sprintf("the machine is back in %s mode; ", r.Mode)
	if len(r.Lost) > 0 {
		back += lost(r)
	} else {
		back += "nothing was lost"
	}
	a.ui.textTo(a.Stderr, "", plain, back)
	if r.Outcome == manager1.RolledBack && r.ID != 0 {
		a.ui.textTo(a.Stderr, "", plain, fmt.Sprintf("To look into it: modectl history show %d, modectl log %d", r.ID, r.ID))
	}
}

func (a *app) stuck(r manager1.Record) {
	a.complain(fmt.Sprintf("the switch to %s is stuck: %s", r.To, r.Message))
	for _, s := range r.Steps {
		if s.Error != "" {
			a.ui.textTo(a.Stderr, fmt.Sprintf("  step %d %s: ", s.Index+1, s.Name), plain, s.Error)
		}
	}
	if len(r.Lost) > 0 {
		a.ui.textTo(a.Stderr, "", plain, lost(r))
	}
	fmt.Fprint(a.Stderr, recoverHint)
}

// refused shows an error of SwitchMode with all that is known about it.
func (a *app) refused(ctx context.Context, mode string, verdicts []manager1.Verdict, o switchOptions, err error) error {
	var e *manager1.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Name {
	case manager1.ErrRefused, manager1.ErrNotAllowed:
	default:
		return err
	}
	r := manager1.Record{ID: e.ID, To: mode, Outcome: manager1.Refused, Message: e.Message, Verdicts: verdicts}
	if p, err := a.conn.Properties(ctx); err == nil {
		r.From, r.Mode = p.Mode, p.Mode
	}
	if e.ID != 0 {
		if full, err := a.conn.GetTransition(ctx, e.ID); err == nil {
			r = full
		}
	}
	if len(r.Verdicts) == 0 && !a.json {
		return err // its message names every reason
	}
	if code := refusalCode(r.Verdicts, o.flags()); code != exitRefused && !a.json {
		_ = a.end(r, o)
		return silent(code)
	}
	return a.end(r, o)
}

// readLine reads a line without reading ahead.
func readLine(r io.Reader) (string, error) {
	return bufio.NewReaderSize(r, 16).ReadString('\n')
}
