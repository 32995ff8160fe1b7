package fsm_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

func TestWhatWasLostIsSaid(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Break("units/c", "do")
		goes(t, e, fsm.Request{Mode: "compute", SkipCountdown: true})
		last := e.State().Last
		if len(last.Lost) != 1 || !strings.Contains(last.Message, "programs of dev (session 3) were closed and cannot be restored") {
			t.Errorf("lost %v: %s", last.Lost, last.Message)
		}
	})
}

func TestTheHistoryKeepsWhoseSessionsEnded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		goes(t, e, fsm.Request{Mode: "compute", SkipCountdown: true})
		if last := e.State().Last; last.Outcome != fsm.Settled || len(last.Ends) != 1 || last.Ends[0].ID != "3" || len(last.Lost) > 0 {
			t.Errorf("%s: ends %v, lost %v", last.Outcome, last.Ends, last.Lost)
		}
	})
}

func TestAThroughEdgeReadsTransitioningUntilItIsUndone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Hangs["units/a:do"] = true
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", SkipCountdown: true})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := e.State(); s.Mode != fsm.Transitioning || s.Target != "compute" || !s.Open.Past {
			t.Errorf("state %+v, open %+v", s, s.Open)
		}
		if err := e.Cancel(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || s.Target != "" || s.Last.Outcome != fsm.RolledBack {
			t.Errorf("state %+v", s)
		}
	})
}

func TestAStepThatHangsIsLeftAtItsDeadline(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Hangs["units/b:do"] = true
		began := time.Now()
		goes(t, e, fsm.Request{Mode: "studio"})
		if took := time.Since(began); e.State().Last.Outcome != fsm.RolledBack || took > fsm.DefaultBound+5*time.Second {
			t.Errorf("%s after %s", e.State().Last.Outcome, took)
		}
	})
}

func TestAPanicIsAFailureLikeAnyOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Panics["units/c:do"] = true
		goes(t, e, fsm.Request{Mode: "studio"})
		if e.State().Last.Outcome != fsm.RolledBack || w.Get("units/c") != "1" {
			t.Errorf("%+v", e.State().Last)
		}
	})
}

func TestConfirmOrRevert(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act  func(t *testing.T, e *fsm.Engine, id uint32)
		mode string
	}{
		"nobody confirms": {func(*testing.T, *fsm.Engine, uint32) {}, "desktop"},
		"confirmed": {func(t *testing.T, e *fsm.Engine, id uint32) {
			t.Helper()
			if err := e.Confirm(id); err != nil {
				t.Error(err)
			}
		}, "studio"},
		"the reverse is the way back": {func(t *testing.T, e *fsm.Engine, id uint32) {
			t.Helper()
			got, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", UID: 0, Authorize: func(ctx, fsm.Effect) error {
				t.Error("the owner was asked")
				return nil
			}})
			if err != nil || got != id {
				t.Errorf("got %d, %v", got, err)
			}
		}, "desktop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
				id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio", ConfirmWithin: 2 * time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				settle(e)
				if s := e.State(); s.Open == nil || s.Open.Phase != fsm.AwaitingConfirm {
					t.Fatalf("state %+v", s)
				}
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"}); !errors.Is(err, fsm.ErrBusy) {
					t.Errorf("not busy: %v", err)
				}
				c.act(t, e, id)
				time.Sleep(3 * time.Minute)
				settle(e)
				if e.State().Mode != c.mode {
					t.Errorf("mode %s: %s", e.State().Mode, e.State().Last.Message)
				}
			})
		})
	}
}

func TestAForeignSessionMakesARollbackStuckAndRecoverMendsIt(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]fsm.RecoverHow{"undo again": fsm.RecoverUndo, "a fresh plan": fsm.RecoverFresh} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("compute")
				e := start(t, w)
				defer stop(t, e)
				w.Break("units/c", "do")
				w.Faults["gui:undo"] = fsm.ErrForeignSession
				// The units come after the GUI on the way to the desktop.
				goes(t, e, fsm.Request{Mode: "desktop"})
				if s := e.State(); s.Open == nil || s.Open.Phase != fsm.StuckPhase || s.Mode != fsm.Transitioning || len(s.Degraded) == 0 {
					t.Fatalf("not stuck: %+v", s)
				}
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); !errors.Is(err, fsm.ErrStuck) {
					t.Errorf("got %v", err)
				}
				w.Mend()
				if err := e.Recover(t.Context(), how); err != nil {
					t.Fatal(err)
				}
				settle(e)
				if s := e.State(); s.Mode != "compute" || s.Open != nil {
					t.Errorf("state %+v", s)
				}
			})
		})
	}
}

func TestALedgerThatCannotBeWrittenRefusesToBegin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Faults["ledger:save"] = errors.New("no space left on device")
		goes(t, e, fsm.Request{Mode: "studio"})
		if s := e.State(); s.Mode != "desktop" || len(w.Steps()) != 0 || len(s.Degraded) == 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestAtMostTwoLedgerWritesAStep(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		before := w.Saves
		goes(t, e, fsm.Request{Mode: "studio"})
		if steps, saves := len(e.State().Last.Steps), w.Saves-before; steps != 3 || saves > 2*steps {
			t.Errorf("%d writes for %d steps", saves, steps)
		}
	})
}
