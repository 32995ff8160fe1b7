package main

import (
	"fmt"

	"github.com/modectl/moded/pkg/fsm"
)

// awake keeps the machine from being shut down or sent to sleep while a
// transition moves it. Before (the grace period) and after (waiting to be
// confirmed, stuck) nothing moves, and an admin must be able to reboot.
type awake struct {
	lock interface {
		Hold(why string)
		Release()
	}
}

// Changed holds the lock while steps are done or undone.
func (a awake) Changed(s fsm.State) {
	if s.Open == nil || s.Open.Phase != fsm.Running && s.Open.Phase != fsm.Undoing {
		a.lock.Release()
		return
	}
	a.lock.Hold(fmt.Sprintf("on the way from %s to %s mode", s.Open.From, s.Open.To))
}

// Started and the others are no news: Changed follows each of them.
func (awake) Started(fsm.Transition)             {}
func (awake) StepChanged(uint32, int, fsm.Step)  {}
func (awake) Finished(fsm.Transition)            {}
func (awake) ModeChanged(string, string, uint32) {}
