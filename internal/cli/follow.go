package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// patience is how long a daemon that left may stay away: it restarts at once,
// and undoes what it had begun.
const patience = 15 * time.Second

// follower waits for one transition and shows how it goes.
type follower struct {
	app     *app
	id      uint32
	mode    string
	options switchOptions
	show    *progress
	gone    <-chan time.Time // set while the daemon is away
	answers chan string      // set while Ctrl-C has put a question
	// confirmed is true once it need not be said that it waits for that.
	confirmed bool
}

// follow waits for a transition, or for what the options say.
func (a *app) follow(ctx context.Context, events <-chan manager1.Event, id uint32, mode string, o switchOptions) error {
	switch {
	case id == 0:
		return a.already(mode)
	case o.noWait:
		if !a.json {
			a.ui.printf("Transition %s to %s has begun.", number(id), mode)
			return nil
		}
		return a.printJSON(manager1.Record{ID: id, To: mode})
	}
	f := &follower{app: a, id: id, mode: mode, options: o, show: newProgress(a)}
	return f.loop(ctx, events)
}

func (a *app) already(mode string) error {
	if a.json {
		return a.printJSON(manager1.Record{To: mode, Mode: mode, Outcome: manager1.Settled})
	}
	a.ui.printf("The machine is in %s mode already.", mode)
	return nil
}

func (f *follower) loop(ctx context.Context, events <-chan manager1.Event) error {
	var timeout, tick <-chan time.Time
	if f.options.timeout > 0 {
		timeout = time.After(f.options.timeout)
	}
	if f.app.ui.live {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		tick = ticker.C
	}
	interrupts, release := f.takeInterrupts()
	defer release()
	for {
		select {
		case <-ctx.Done():
			return f.leave(exitInterrupted, "left")
		case <-interrupts:
			if err := f.interrupted(); err != nil {
				return err
			}
		case answer := <-f.answers:
			f.answered(ctx, answer)
		case <-timeout:
			return f.leave(exitBusy, "waited for "+f.options.timeout.String())
		case <-f.gone:
			return exitf(exitNoDaemon, "moded has not come back; journalctl -u moded tells why\nWhen it does, it undoes transition %s.", number(f.id))
		case <-tick:
			f.show.tick()
		case e, ok := <-events:
			if !ok {
				return exitf(exitNoDaemon, "the connection to the bus was lost; transition %s goes on: modectl status", number(f.id))
			}
			if done, err := f.handle(ctx, e); done {
				return err
			}
		}
	}
}

// leave ends the waiting and says how to go on.
func (f *follower) leave(code int, why string) error {
	return exitf(code, "%s; transition %s to %s goes on\nmodectl watch shows how, modectl cancel ends it.", why, number(f.id), f.mode)
}

// handle takes one event; true means that the wait is over.
func (f *follower) handle(ctx context.Context, e manager1.Event) (bool, error) {
	switch e.Kind {
	case manager1.EventVanished:
		f.vanished()
	case manager1.EventAppeared:
		return f.appeared(ctx, *e.Properties)
	case manager1.EventProperties:
		return f.properties(e.Properties.Transition)
	case manager1.EventStepChanged:
		if e.ID == f.id {
			f.show.step(e)
		}
	case manager1.EventTransitionFinished:
		if e.ID == f.id {
			return true, f.finished(ctx, manager1.Record{ID: e.ID, To: f.mode, Outcome: e.Outcome, Mode: e.Mode, Message: e.Message})
		}
	}
	return false, nil
}

func (f *follower) vanished() {
	if f.gone != nil {
		return
	}
	f.gone = time.After(patience)
	f.app.ui.erase()
	f.show.pause()
	fmt.Fprintln(f.app.Stderr, "moded has left the bus; waiting for it to come back, which undoes what had begun ...")
}

// appeared is the first event, when there is nothing to do, and comes again
// when the daemon does: the news it had are lost, the history tells.
func (f *follower) appeared(ctx context.Context, p manager1.Properties) (bool, error) {
	if f.gone == nil {
		return false, nil
	}
	f.gone = nil
	fmt.Fprintln(f.app.Stderr, "moded is back.")
	if p.Transition.ID == f.id {
		if p.Transition.Phase == manager1.PhaseStuck {
			return true, f.finished(ctx, manager1.Record{ID: f.id, To: f.mode, Outcome: manager1.Stuck, Mode: p.Mode, Message: p.Transition.Message})
		}
		return f.properties(p.Transition)
	}
	return true, f.finished(ctx, manager1.Record{
		ID: f.id, To: f.mode, Mode: p.Mode, Message: "moded has no record of it",
	})
}

func (f *follower) properties(t manager1.Progress) (bool, error) {
	if t.ID != f.id {
		return false, nil
	}
	f.show.properties(t)
	if t.Phase != manager1.PhaseAwaitingConfirm || f.confirmed {
		return false, nil
	}
	if f.app.json {
		return true, f.app.printJSON(t)
	}
	f.app.ui.printf("All steps are done. Say modectl confirm within %s to keep %s mode, or it is undone.", f.app.left(t.Deadline), f.mode)
	return true, nil
}

// finished shows the end. What the history has is better than what the signal
// said.
func (f *follower) finished(ctx context.Context, r manager1.Record) error {
	if full, err := f.app.conn.GetTransition(ctx, f.id); err == nil {
		if full.Outcome == "" { // one that is stuck is open yet
			full.Outcome, full.Mode, full.Message = r.Outcome, r.Mode, r.Message
		}
		r = full
	}
	return f.app.end(r, f.options)
}
