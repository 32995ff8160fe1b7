package cli

import (
	"context"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// guardsWatch asks again and again, and at once when moded says that something
// has changed. One question is under way at most.
func (a *app) guardsWatch(ctx context.Context, modes []string, interval time.Duration) error {
	c, events, err := a.watched(ctx)
	if err != nil {
		return err
	}
	w := &guardWatcher{app: a, client: c, modes: modes, interval: interval, answers: make(chan guardAnswer, 1)}
	w.view = newGuardView(a, modes, interval)
	err = w.loop(ctx, events)
	w.view.end()
	return err
}

// guardWatcher is one run of guards --watch.
type guardWatcher struct {
	app      *app
	client   *manager1.Client
	modes    []string
	interval time.Duration
	view     guardView

	there   bool             // moded is on the bus
	before  string           // what of the properties changes verdicts
	asking  bool             // a question is under way
	again   bool             // something changed meanwhile
	answers chan guardAnswer // of that question
	timer   *time.Timer
	first   bool // an answer has come
}

// guardAnswer is what one round of questions came to.
type guardAnswer struct {
	all []modeGuards
	err error
}

// guardView shows what a guardWatcher learns.
type guardView interface {
	// answer is about all modes that were asked for; verdicts that do not change
	// come again and again.
	answer(all []modeGuards)
	// left and back tell of moded, failed of a question without an answer.
	left()
	back()
	failed(text string)
	// redraw is for a terminal that changed its size; end is the last call.
	redraw()
	end()
}

func (w *guardWatcher) loop(ctx context.Context, events <-chan manager1.Event) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.timer = time.NewTimer(w.interval)
	defer w.timer.Stop()
	resized := w.app.resized(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil // it was to last until interrupted
		case e, open := <-events:
			if !open {
				return w.lost(ctx)
			}
			w.event(ctx, e)
		case <-w.timer.C:
			if !w.asking { // else the answer sets it again
				w.ask(ctx)
			}
		case r := <-w.answers:
			if err := w.answered(ctx, r); err != nil {
				return err
			}
		case <-resized:
			w.view.redraw()
		}
	}
}

// resized never receives where sizes do not matter.
func (a *app) resized(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	if a.Resized == nil || !a.ui.live {
		return changed
	}
	signals := a.Resized(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return changed
}

func (w *guardWatcher) lost(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	return exitf(exitNoDaemon, "the connection to the bus was lost")
}

// event takes news from moded. Steps change no verdict by themselves.
func (w *guardWatcher) event(ctx context.Context, e manager1.Event) {
	switch e.Kind {
	case manager1.EventVanished:
		w.there = false
		w.view.left()
	case manager1.EventAppeared:
		w.there, w.before = true, relevant(*e.Properties)
		w.view.back()
		w.ask(ctx)
	case manager1.EventProperties:
		if now := relevant(*e.Properties); now != w.before {
			w.before = now
			w.ask(ctx)
		}
	}
}

// relevant is what of the properties other verdicts come with.
func relevant(p manager1.Properties) string {
	return strings.Join([]string{p.Mode, p.Target, p.Transition.Phase, number(p.Transition.ID),
		number(p.LastTransition.ID), number(p.Holds), strings.Join(p.Modes, " ")}, "\n")
}

// ask asks in the background; asked meanwhile, it asks once more afterwards.
func (w *guardWatcher) ask(ctx context.Context) {
	switch {
	case !w.there:
		return
	case w.asking:
		w.again = true
		return
	}
	w.asking = true
	go func() {
		all, err := askGuards(ctx, w.client, w.modes)
		w.answers <- guardAnswer{all, err}
	}()
}

func (w *guardWatcher) answered(ctx context.Context, r guardAnswer) error {
	w.asking = false
	w.timer.Reset(w.interval)
	switch {
	case ctx.Err() != nil:
		return nil
	case r.err == nil:
		w.first = true
		if w.there { // else it is of the one that left
			w.view.answer(r.all)
		}
	case manager1.Is(r.err, manager1.ErrNoDaemon): // the event comes, or has come
	case !w.first:
		return r.err // a mode that there is not, most likely
	default:
		w.view.failed(manager1.CleanLines(r.err.Error()))
	}
	if w.again {
		w.again = false
		w.ask(ctx)
	}
	return nil
}

// newGuardView is a table on a terminal, and lines elsewhere.
func newGuardView(a *app, modes []string, interval time.Duration) guardView {
	if a.ui.live && !a.json {
		return &guardTable{app: a, interval: interval, frame: frame{out: a.Stdout, size: a.size}}
	}
	return &guardLog{app: a, named: len(modes) == 0, last: map[guardKey]manager1.Verdict{}}
}

// size is the terminal's, as it is now if anybody knows.
func (a *app) size() (columns, rows int) {
	if a.Size == nil {
		return a.ui.width, 0
	}
	columns, rows = a.Size()
	return max(columns, 20), rows
}
