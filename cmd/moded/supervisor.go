package main

import (
	"context"
	"fmt"
	"time"

	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/pkg/fsm"
)

// supervisor tells systemd how it goes. Without systemd it says nothing; that
// systemd does not listen is no reason to fail.
type supervisor struct {
	host.Notify
	// said is what Changed said last, which the engine calls one at a time.
	said *string
}

func (s supervisor) ready(mode string) { _ = s.Ready("in " + mode + " mode") }

// extend asks for more time until ctx ends, so that a rollback is not killed.
func (s supervisor) extend(ctx context.Context) {
	const by, every = 30 * time.Second, 10 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		_ = s.Extend(by)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// feed tells systemd that the engine answers. alive must return: an engine
// whose lock is never free again is killed and recovered.
func (s supervisor) feed(ctx context.Context, alive func()) {
	_ = s.Watchdog(ctx, func() bool {
		alive()
		return true
	})
}

// Changed puts the mode into systemctl status. PID 1 tells everybody of each word
// that we say there, so steps are left to modectl status.
func (s supervisor) Changed(state fsm.State) {
	text := "in " + state.Mode + " mode"
	if state.Open != nil {
		text = fmt.Sprintf("%s: %s to %s", state.Open.Phase, state.Open.From, state.Open.To)
	}
	if text == *s.said {
		return
	}
	*s.said = text
	_ = s.Status(text)
}

// Started and the others have nothing for systemd.
func (supervisor) Started(fsm.Transition)             {}
func (supervisor) StepChanged(uint32, int, fsm.Step)  {}
func (supervisor) Finished(fsm.Transition)            {}
func (supervisor) ModeChanged(string, string, uint32) {}
