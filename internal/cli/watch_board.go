package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// board is watch on a terminal: what status --resources says, drawn in place,
// with the steps of the transition that is under way, or came last and failed.
// What passed and what went well is brief: the machine as it is now is below it.
type board struct {
	app      *app
	interval time.Duration
	frame    frame

	there bool
	gone  time.Time // when moded left
	now   manager1.Properties
	steps []string // of the newest transition, as they came
	id    uint32

	machine *manager1.Resources
	trouble string
	looking bool // a look is under way
	looks   chan look
}

// look is what one call of Resources came to.
type look struct {
	r   manager1.Resources
	err error
}

func (a *app) watchBoard(ctx context.Context, c *manager1.Client, events <-chan manager1.Event, interval time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &board{app: a, interval: interval, frame: frame{out: a.Stdout, size: a.size}, looks: make(chan look, 1)}
	defer b.frame.leave()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var again <-chan time.Time // never, where nobody wants to see the machine
	if interval > 0 {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		again = ticker.C
	}
	resized := a.resized(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil // it was to last until interrupted
		case e, open := <-events:
			if !open {
				return watchEnded(ctx)
			}
			b.event(e)
			if e.Kind == manager1.EventAppeared {
				b.look(ctx, c)
			}
		case <-again:
			b.look(ctx, c)
		case l := <-b.looks:
			b.looked(l)
		case <-second.C:
			if !b.now.Transition.Open() {
				continue // nothing counts down
			}
		case <-resized:
		}
		b.draw()
	}
}

// look asks in the background, once at a time.
func (b *board) look(ctx context.Context, c *manager1.Client) {
	if b.interval == 0 || !b.there || b.looking {
		return
	}
	b.looking = true
	go func() {
		r, err := c.Resources(ctx)
		b.looks <- look{r, err}
	}()
}

func (b *board) looked(l look) {
	b.looking, b.trouble = false, ""
	switch {
	case l.err == nil && b.there:
		b.machine = &l.r
	case l.err != nil && !manager1.Is(l.err, manager1.ErrNoDaemon):
		b.trouble = manager1.CleanLines(l.err.Error())
	}
}

func (b *board) event(e manager1.Event) {
	switch e.Kind {
	case manager1.EventVanished:
		b.there, b.gone, b.machine = false, b.app.Now(), nil
	case manager1.EventAppeared, manager1.EventProperties:
		b.there, b.now = true, *e.Properties
	case manager1.EventTransitionStarted:
		b.id, b.steps = e.ID, nil
	case manager1.EventStepChanged:
		b.step(e)
	}
}

// step keeps one line for each step, in the order in which they began.
func (b *board) step(e manager1.Event) {
	if e.ID != b.id {
		b.id, b.steps = e.ID, nil
	}
	line := b.app.ui.paint(statusStyle(e.Status), pad(e.Status, len(manager1.Undoing))) + "  " + e.Step
	if i := slices.IndexFunc(b.steps, func(s string) bool { return strings.HasSuffix(s, "  "+e.Step) }); i >= 0 {
		b.steps[i] = line
		return
	}
	b.steps = append(b.steps, line)
}

// draw writes the whole at once, so that nothing flickers.
func (b *board) draw() {
	page, text := b.app.page()
	page.brief = true
	ui := page.ui
	if !b.there {
		ui.text("", yellow, gone(b.gone))
		b.frame.draw(text.String())
		return
	}
	ui.text("", dim, b.heading())
	page.printStatus(b.now)
	if t := b.now.Transition; t.Open() && t.Of > 0 {
		ui.printf("%s%s", statusHead, bar(int(t.Index), int(t.Of), ui.width-len(statusHead), ui.arrow == "→"))
	}
	if last := b.now.LastTransition; last.ID != b.id || last.Outcome != manager1.Settled {
		for _, line := range b.steps {
			ui.printf("%s%s", statusHead, line)
		}
	}
	if b.trouble != "" {
		ui.text(head("Unknown"), yellow, b.trouble)
	}
	if b.machine != nil {
		page.printResources(*b.machine)
	}
	b.frame.draw(text.String())
}

func (b *board) heading() string {
	line := "modectl watch, " + b.app.Now().Format("15:04:05")
	if b.interval > 0 {
		line += fmt.Sprintf("; the machine is looked at every %s", seconds(b.interval))
	}
	return line + "; Ctrl-C ends"
}

// bar shows how many of the steps are over.
func bar(done, of, width int, wide bool) string {
	count := fmt.Sprintf(" %d of %d", done, of)
	cells := min(max(width-len(count)-1, 4), 40)
	full := cells * done / max(of, 1)
	on, off := "#", "."
	if wide {
		on, off = "█", "░"
	}
	return strings.Repeat(on, full) + strings.Repeat(off, cells-full) + count
}
