package main

import (
	"testing"

	"github.com/modectl/moded/pkg/fsm"
)

// latch is a lock with its present reason.
type latch struct{ why string }

func (l *latch) Hold(why string) { l.why = why }
func (l *latch) Release()        { l.why = "" }

func TestTheMachineIsKeptAwakeWhileItIsMoved(t *testing.T) {
	t.Parallel()
	for phase, held := range map[fsm.Phase]bool{fsm.Guarding: false, fsm.Grace: false, fsm.Running: true, fsm.Undoing: true,
		fsm.AwaitingConfirm: false, fsm.StuckPhase: false, "": false} {
		for _, before := range []string{"", "on the way"} {
			l := &latch{before}
			s := fsm.State{Mode: "desktop"}
			if phase != "" {
				s.Open = &fsm.Progress{From: "desktop", To: "compute", Phase: phase}
			}
			awake{l}.Changed(s)
			if want := map[bool]string{true: "on the way from desktop to compute mode"}[held]; l.why != want {
				t.Errorf("phase %q after %q: held for %q, want %q", phase, before, l.why, want)
			}
		}
	}
}
