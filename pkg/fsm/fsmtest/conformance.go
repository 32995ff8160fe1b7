package fsmtest

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/fsm"
)

// Subject is an action on a machine of its own, for Conformance.
type Subject struct {
	Action fsm.Action
	Key    string
	Want   fsm.Value
	// Machine shows, as text, all that the action moves and can put back.
	Machine func() string
	// Effects counts what was done to the machine so far; Break lets the n-th
	// effect from now fail, before or after it took place. Break(0, false)
	// mends.
	Effects func() int
	Break   func(n int, after bool)
}

// Conformance checks that an action keeps what fsm.Action promises. It calls
// setup for a fresh subject again and again, in a synctest bubble each time, so
// that waits take no time.
func Conformance(t *testing.T, setup func() Subject) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, *subject){
		"capture is read only":                     captureReads,
		"settled is read only":                     settledReads,
		"do settles":                               doSettles,
		"do twice is as good as once":              doTwice,
		"undo restores":                            undoRestores,
		"undo twice is as good as once":            undoTwice,
		"undo before do does nothing":              undoFirst,
		"do that fails half way is undone":         halfDone(setup),
		"do that failed half way can be done":      halfDoneAgain(setup),
		"undo that fails half way can be repeated": halfUndone(setup),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { check(t, &subject{setup(), t}) })
		})
	}
}

type subject struct {
	Subject
	t *testing.T
}

func (s *subject) capture() fsm.Snapshot {
	s.t.Helper()
	was, err := s.Action.Capture(s.t.Context(), s.Key, s.Want)
	if err != nil {
		s.t.Fatalf("Capture: %v", err)
	}
	if was == "" {
		s.t.Fatal("Capture returned an empty snapshot, which a ledger takes for none")
	}
	return was
}

func (s *subject) do() {
	s.t.Helper()
	if err := s.Action.Do(s.t.Context(), s.Key, s.Want); err != nil {
		s.t.Fatalf("Do: %v", err)
	}
}

func (s *subject) undo(was fsm.Snapshot) {
	s.t.Helper()
	if err := s.Action.Undo(s.t.Context(), s.Key, was); err != nil {
		s.t.Fatalf("Undo: %v", err)
	}
}

func (s *subject) settled() bool {
	s.t.Helper()
	ok, err := s.Action.Settled(s.t.Context(), s.Key, s.Want)
	if err != nil {
		s.t.Fatalf("Settled: %v", err)
	}
	return ok
}

func (s *subject) same(before, when string) {
	s.t.Helper()
	if now := s.Machine(); now != before {
		s.t.Fatalf("%s the machine differs\nbefore:\n%s\nnow:\n%s", when, before, now)
	}
}

func captureReads(t *testing.T, s *subject) {
	t.Helper()
	before, effects := s.Machine(), s.Effects()
	first := s.capture()
	if second := s.capture(); second != first {
		t.Fatalf("two captures of one state differ: %s and %s", first, second)
	}
	s.same(before, "after Capture")
	if s.Effects() != effects {
		t.Fatal("Capture touched the machine")
	}
}

func settledReads(t *testing.T, s *subject) {
	t.Helper()
	before, effects := s.Machine(), s.Effects()
	s.settled()
	s.same(before, "after Settled")
	s.do()
	after := s.Machine()
	touched := s.Effects()
	s.settled()
	s.same(after, "after Settled")
	if s.Effects() != touched || effects > touched {
		t.Fatal("Settled touched the machine")
	}
}

func doSettles(t *testing.T, s *subject) {
	t.Helper()
	s.do()
	if !s.settled() {
		t.Fatal("not settled after Do")
	}
}

func doTwice(t *testing.T, s *subject) {
	s.do()
	once := s.Machine()
	s.do()
	s.same(once, "after the second Do")
	if !s.settled() {
		t.Fatal("not settled after the second Do")
	}
}

func undoRestores(_ *testing.T, s *subject) {
	before := s.Machine()
	was := s.capture()
	s.do()
	s.undo(was)
	s.same(before, "after Undo")
}

func undoTwice(_ *testing.T, s *subject) {
	before := s.Machine()
	was := s.capture()
	s.do()
	s.undo(was)
	s.undo(was)
	s.same(before, "after the second Undo")
}

func undoFirst(_ *testing.T, s *subject) {
	before := s.Machine()
	s.undo(s.capture())
	s.same(before, "after an Undo without Do")
}

// everyBreak is a check that calls f with a fresh subject for every effect of
// Do, or of the Undo after it, that can fail.
func everyBreak(setup func() Subject, undo bool, f func(s *subject, n int, after bool)) func(*testing.T, *subject) {
	return func(t *testing.T, s *subject) {
		t.Helper()
		was := s.capture()
		start := s.Effects()
		s.do()
		if undo {
			start = s.Effects()
			s.undo(was)
		}
		for n := range s.Effects() - start {
			for _, after := range []bool{false, true} {
				f(&subject{setup(), t}, n+1, after)
			}
		}
	}
}

func halfDone(setup func() Subject) func(*testing.T, *subject) {
	return everyBreak(setup, false, func(s *subject, n int, after bool) {
		before := s.Machine()
		was := s.capture()
		s.breakDo(n, after)
		s.undo(was)
		s.same(before, fmt.Sprintf("after effect %d of Do failed (took place: %v) and Undo", n, after))
	})
}

func halfDoneAgain(setup func() Subject) func(*testing.T, *subject) {
	return everyBreak(setup, false, func(s *subject, n int, after bool) {
		s.breakDo(n, after)
		s.do()
		if !s.settled() {
			s.t.Fatalf("not settled after effect %d of Do failed (took place: %v) and Do again", n, after)
		}
	})
}

func halfUndone(setup func() Subject) func(*testing.T, *subject) {
	return everyBreak(setup, true, func(s *subject, n int, after bool) {
		before := s.Machine()
		was := s.capture()
		s.do()
		s.Break(n, after)
		_ = s.Action.Undo(s.t.Context(), s.Key, was) // what it says of its failure is its own affair
		s.Break(0, false)
		s.undo(was)
		s.same(before, fmt.Sprintf("after effect %d of Undo failed (took place: %v) and Undo again", n, after))
	})
}

// breakDo lets Do fail at its n-th effect. An action may get over it; it must
// not lie about it.
func (s *subject) breakDo(n int, after bool) {
	s.t.Helper()
	s.Break(n, after)
	err := s.Action.Do(s.t.Context(), s.Key, s.Want)
	s.Break(0, false)
	if err == nil && !s.settled() {
		s.t.Fatalf("effect %d failed (took place: %v), Do says nothing and it is not settled", n, after)
	}
}
