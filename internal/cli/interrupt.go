package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/modectl/moded/dbus/manager1"
)

// interrupts hands Ctrl-C to the command that takes it, and ends all others.
type interrupts struct {
	mu    sync.Mutex
	taken chan struct{} // nil: nobody takes it
}

func (i *interrupts) listen(ctx context.Context, signals <-chan os.Signal, end func()) {
	for {
		select {
		case <-signals:
			if !i.hand() {
				end()
			}
		case <-ctx.Done():
			return
		}
	}
}

func (i *interrupts) hand() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.taken == nil {
		return false
	}
	select {
	case i.taken <- struct{}{}:
	default: // one is waiting
	}
	return true
}

// take gives all that come to the caller, until release.
func (i *interrupts) take() (taken <-chan struct{}, release func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.taken = make(chan struct{}, 1)
	return i.taken, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.taken = nil
	}
}

// takeInterrupts is for a command that asks what Ctrl-C means: nil where nobody
// can be asked, and it ends the command.
func (f *follower) takeInterrupts() (taken <-chan struct{}, release func()) {
	if !f.app.InTTY || !f.app.OutTTY || f.app.json {
		return nil, func() {}
	}
	return f.app.interrupts.take()
}

// interrupted asks whether the transition is to be cancelled. What happens
// meanwhile is shown above the question. Who does not want to answer says
// Ctrl-C once more, and it goes on by itself: that is the error.
func (f *follower) interrupted() error {
	if f.answers != nil || f.show.now.Phase == manager1.PhaseUndoing {
		return f.leave(exitInterrupted, "left")
	}
	ui := f.app.ui
	ui.erase()
	if ui.live {
		fmt.Fprint(ui.out, "\r\x1b[K") // what the terminal has echoed
	} else {
		fmt.Fprintln(ui.out)
	}
	ui.text("", yellow, "Cancelling undoes what was done; "+f.beyond()+" Ctrl-C again leaves it running.")
	f.show.ask(fmt.Sprintf("Cancel transition %s? [y/N] ", number(f.id)))
	f.answers = make(chan string, 1)
	go func(answers chan<- string) {
		answer, _ := readLine(f.app.Stdin) // none is no
		answers <- answer
	}(f.answers)
	return nil
}

// beyond says what cancelling cannot bring back.
func (f *follower) beyond() string {
	if f.show.now.Past {
		return "programs that were closed stay closed."
	}
	return "no program was closed yet."
}

// answered does what the answer says, and goes on watching in any case.
func (f *follower) answered(ctx context.Context, answer string) {
	f.answers = nil
	f.show.asked()
	if !isYes(answer) {
		f.show.draw()
		return
	}
	f.app.stays = true
	err := f.app.authorised(ctx, func(c *manager1.Client) error { return c.Cancel(ctx, f.id) })
	var remote *manager1.Error
	switch {
	case err == nil:
		f.app.ui.printf("Cancelled.")
	case errors.As(err, &remote):
		f.app.complain("not cancelled: " + explain(remote))
	default:
		f.app.complain("not cancelled: " + manager1.CleanLines(err.Error()))
	}
}

// isYes takes nothing else for yes.
func isYes(answer string) bool {
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	default:
		return false
	}
}
