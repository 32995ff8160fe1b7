// Package notify tells a person what the daemon has to say: by a notification
// of the desktop, with buttons, and by a line on the terminals that allow it.
//
// It starts no notification service where no desktop runs, and it is no error
// when there is nobody to tell.
package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// Desktop shows notifications.
type Desktop interface {
	// Show shows n, in place of replaces unless that is 0, and returns its
	// number; ErrNobody when there is no notification service.
	Show(ctx context.Context, n manager1.Notification, replaces uint32) (uint32, error)
	Close(ctx context.Context, number uint32) error
	// Pressed has the buttons that were pressed. It may be nil.
	Pressed() <-chan Press
}

// Press is a button of a notification.
type Press struct {
	Number uint32
	Key    string
}

// ErrNobody says that no notification service runs.
var ErrNobody = errors.New("no notification service runs")

// Daemon is what buttons do.
type Daemon interface {
	Proceed(ctx context.Context, id uint32) error
	Cancel(ctx context.Context, id uint32) error
	Confirm(ctx context.Context, id uint32) error
}

// Notifier tells one notification after the other. Use New.
type Notifier struct {
	desktop Desktop // nil when there is no session bus
	daemon  Daemon
	write   func(text string, warning bool)
	log     func(event string, err error)
	queue   chan manager1.Notification
	shown   map[uint32]uint32 // number of the notification by transition
	warned  map[uint32]bool   // transitions whose grace period terminals know of
	// counting is the grace period that runs, or nil.
	counting *manager1.Notification
	presses  sync.WaitGroup
}

const (
	queueSize   = 16
	maxShown    = 32
	showTimeout = 5 * time.Second
	// pressTimeout leaves time for a password.
	pressTimeout = 2 * time.Minute
)

// New returns a Notifier. desktop may be nil; write puts a text on the user's
// terminals, a warning on all of them; log is told what did not work.
func New(desktop Desktop, daemon Daemon, write func(text string, warning bool), log func(event string, err error)) *Notifier {
	return &Notifier{
		desktop: desktop, daemon: daemon, write: write, log: log,
		queue: make(chan manager1.Notification, queueSize), shown: map[uint32]uint32{}, warned: map[uint32]bool{},
	}
}

// Notify returns at once. When too many wait, this one is dropped.
func (n *Notifier) Notify(m manager1.Notification) {
	select {
	case n.queue <- m:
	default:
		n.log("notification dropped: too many wait", nil)
	}
}

// Run tells what Notify was given until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	defer n.presses.Wait()
	var pressed <-chan Press
	if n.desktop != nil {
		pressed = n.desktop.Pressed()
	}
	for {
		select {
		case m := <-n.queue:
			n.tell(ctx, m)
		case p, open := <-pressed:
			if !open {
				pressed = nil
				continue
			}
			n.press(ctx, p)
		case <-n.reminder():
			n.remind(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (n *Notifier) tell(run context.Context, m manager1.Notification) {
	ctx, stop := context.WithTimeout(run, showTimeout)
	defer stop()
	n.count(m)
	if m.Kind == kindClosed {
		n.takeAway(ctx, m.ID)
		return
	}
	m.Summary += countdown(m)
	err := n.show(ctx, m)
	if err != nil && !errors.Is(err, ErrNobody) {
		n.log("cannot show a notification", err)
	}
	if m.Kind == kindStarted && !n.warned[m.ID] {
		return // how it ends is news enough for terminals that nobody warned
	}
	// Who works in a terminal, here or over ssh, must know that programs
	// close even when a desktop shows it, and that they do not after all.
	warning := m.Kind == kindGrace || m.Kind == kindStuck || n.warned[m.ID]
	if err != nil || warning {
		n.write(line(m), warning)
	}
	n.remember(m)
}

// remember keeps whom terminals were warned of until they know how it went on.
func (n *Notifier) remember(m manager1.Notification) {
	if m.Kind == kindStarted {
		return // it is not over
	}
	delete(n.warned, m.ID)
	if m.Kind == kindGrace && m.ID != 0 {
		if len(n.warned) >= maxShown {
			clear(n.warned)
		}
		n.warned[m.ID] = true
	}
}

func (n *Notifier) show(ctx context.Context, m manager1.Notification) error {
	if n.desktop == nil {
		return ErrNobody
	}
	if m.ID == 0 && m.Kind != kindDegraded {
		_, err := n.desktop.Show(ctx, m, 0)
		return err
	}
	number, err := n.desktop.Show(ctx, m, n.shown[m.ID])
	if err != nil {
		return err
	}
	if len(n.shown) >= maxShown {
		clear(n.shown)
	}
	n.shown[m.ID] = number
	return nil
}

func (n *Notifier) takeAway(ctx context.Context, id uint32) {
	number, ok := n.shown[id]
	if !ok {
		return
	}
	delete(n.shown, id)
	if err := n.desktop.Close(ctx, number); err != nil {
		n.log("cannot close a notification", err)
	}
}

// press does what a button of one of our notifications says, beside the others:
// the daemon may ask for a password first.
func (n *Notifier) press(run context.Context, p Press) {
	for id, number := range n.shown {
		do := n.buttonOf(p.Key)
		if number != p.Number || do == nil {
			continue
		}
		n.presses.Go(func() {
			ctx, stop := context.WithTimeout(run, pressTimeout)
			defer stop()
			if err := do(ctx, id); err != nil {
				n.log("cannot do what a button says", err)
			}
		})
	}
}

// Kinds of notifications that are more than news.
const (
	kindGrace    = "grace"
	kindStarted  = "started"
	kindStuck    = "stuck"
	kindDegraded = "degraded" // shown once, however often it changes
	kindClosed   = "closed"
)

// Keys of buttons.
const (
	keyProceed = "proceed"
	keyCancel  = "cancel"
	keyConfirm = "confirm"
)

func (n *Notifier) buttonOf(key string) func(context.Context, uint32) error {
	switch key {
	case keyProceed:
		return n.daemon.Proceed
	case keyCancel:
		return n.daemon.Cancel
	case keyConfirm:
		return n.daemon.Confirm
	default:
		return nil
	}
}

// buttons are pairs of key and label.
func buttons(kind string) []string {
	switch kind {
	case kindGrace:
		return []string{keyProceed, "Now", keyCancel, "Cancel"}
	case "awaiting-confirm":
		return []string{keyConfirm, "Keep", keyCancel, "Revert"}
	default:
		return []string{}
	}
}
