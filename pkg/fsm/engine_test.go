package fsm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// The whole semantics of do and undo on one screen: what breaks, and what is
// then done in which order. Each step is a do; a name with ":undo" was taken
// back. The units are one stage: they are done side by side, and undone one
// after the other.
func TestTheOrderOfDoAndUndo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to, fail string // "knob:verb knob:verb"
		trace    string
		outcome  fsm.End
		mode     string
	}{
		"all goes well": {
			to: "studio", trace: "units/a:do units/b:do units/c:do", outcome: fsm.Settled, mode: "studio"},
		"a step fails and is undone too, with all beside it": {
			to: "studio", fail: "units/a:do", trace: "units/a:do units/b:do units/c:do units/c:undo units/b:undo units/a:undo", outcome: fsm.RolledBack, mode: "desktop"},
		"the last step fails and all are undone, newest first": {
			to: "studio", fail: "units/c:do", trace: "units/a:do units/b:do units/c:do units/c:undo units/b:undo units/a:undo",
			outcome: fsm.RolledBack, mode: "desktop"},
		"with a step that cannot be captured its stage is never begun": {
			to: "compute", fail: "units/b:capture", trace: "gui:do gui:undo", outcome: fsm.RolledBack, mode: "desktop"},
		"a step that was done but does not stay so is undone": {
			to: "studio", fail: "units/b:settled", trace: "units/a:do units/b:do units/c:do units/c:undo units/b:undo units/a:undo",
			outcome: fsm.RolledBack, mode: "desktop"},
		"an undo that fails is tried three times and then all stops": {
			to: "studio", fail: "units/c:do units/b:undo", trace: "units/a:do units/b:do units/c:do units/c:undo units/b:undo units/b:undo units/b:undo",
			outcome: fsm.Stuck, mode: "desktop"},
		"the GUI ends before the units come up, and comes back last": {
			to: "compute", fail: "units/b:do", trace: "gui:do units/a:do units/b:do units/c:do units/c:undo units/b:undo units/a:undo gui:undo",
			outcome: fsm.RolledBack, mode: "desktop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := start(t, w)
				defer stop(t, e)
				w.Steps()
				for _, f := range strings.Fields(c.fail) {
					id, verb, _ := strings.Cut(f, ":")
					w.Break(id, verb)
				}
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: c.to}); err != nil {
					t.Fatal(err)
				}
				settle(e)
				if diff := cmp.Diff(c.trace, strings.Join(inOrder(w.Steps()), " ")); diff != "" {
					t.Errorf("trace (-want +got):\n%s", diff)
				}
				last := e.State().Last
				if last.Outcome != c.outcome || last.Mode != c.mode {
					t.Errorf("outcome %s in %s, want %s in %s: %s", last.Outcome, last.Mode, c.outcome, c.mode, last.Message)
				}
			})
		})
	}
}

// inOrder puts what was done side by side into alphabetical order.
func inOrder(trace []string) []string {
	for from := 0; from < len(trace); from++ {
		to := from
		for to < len(trace) && strings.HasSuffix(trace[to], ":do") {
			to++
		}
		slices.Sort(trace[from:to])
		from = to
	}
	return trace
}

// each runs f on an engine in desktop mode with a person logged in.
func each(t *testing.T, f func(t *testing.T, w *fsmtest.World, e *fsm.Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.SetPeople(dev)
		e := start(t, w)
		defer stop(t, e)
		w.Steps()
		f(t, w, e)
	})
}

func TestAlreadyThereIsIdZeroAndNotAuthorised(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", Authorize: func(_ ctx, _ fsm.Effect) error {
			t.Error("asked for authorisation")
			return nil
		}})
		if id != 0 || err != nil {
			t.Errorf("got %d, %v", id, err)
		}
	})
}

func TestTheLawNamesTheWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := start(t, newWorld("studio"))
		defer stop(t, e)
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if !errors.Is(err, fsm.ErrNotAllowed) || !strings.Contains(err.Error(), "go through desktop") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnUnknownModeNamesTheModes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "party"})
		if !errors.Is(err, fsm.ErrUnknownMode) || !strings.Contains(err.Error(), "desktop, studio, compute") {
			t.Errorf("got %v", err)
		}
	})
}

func TestARefusalHasReasonsAnIdAndTouchesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Answers["quiet"], w.Answers["calm"] = fsm.Deny, fsm.Unknown
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		var refused *fsm.RequestError
		if !errors.As(err, &refused) || !errors.Is(err, fsm.ErrRefused) || refused.ID == 0 || len(refused.Verdicts) != 3 {
			t.Fatalf("got %v", err)
		}
		if len(w.Steps()) != 0 || w.Log()[0].Outcome != fsm.Refused || e.State().Mode != "desktop" {
			t.Error("a refusal touched the machine or was not kept")
		}
	})
}

func TestOverrideSkipsGuardsButNotFinalOnes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Answers["quiet"], w.Answers["law"] = fsm.Deny, fsm.Deny
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Override: true}); !errors.Is(err, fsm.ErrRefused) {
			t.Fatalf("a final guard was overridden: %v", err)
		}
		delete(w.Answers, "law")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Override: true}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "compute" || !e.State().Last.Override {
			t.Errorf("mode %s, override %v", e.State().Mode, e.State().Last.Override)
		}
	})
}

func TestDeniedAuthorisationChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		var effect fsm.Effect
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Authorize: func(_ ctx, got fsm.Effect) error {
			effect = got
			return fsm.ErrAccessDenied
		}})
		if !errors.Is(err, fsm.ErrAccessDenied) || len(w.Log()) != 0 || len(w.Steps()) != 0 {
			t.Errorf("got %v, log %v", err, w.Log())
		}
		if len(effect.Ends) != 1 || effect.Ends[0].ID != "3" {
			t.Errorf("effect was %+v", effect)
		}
	})
}

func TestAMachineThatChangedDuringThePromptIsNotClaimed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Authorize: func(ctx, fsm.Effect) error {
			_, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"})
			settle(e)
			return err
		}})
		if !errors.Is(err, fsm.ErrBusy) || e.State().Mode != "studio" {
			t.Errorf("got %v in %s", err, e.State().Mode)
		}
	})
}

func TestGraceIsAPromiseThatCancelTakesBackForFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := e.State(); s.Open.Phase != fsm.Grace || time.Until(s.Open.Deadline) != 30*time.Second || s.Mode != "desktop" {
			t.Errorf("state is %+v", s.Open)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("not busy: %v", err)
		}
		time.Sleep(29 * time.Second)
		if err := e.Cancel(t.Context(), id, 1000); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if last := e.State().Last; last.Outcome != fsm.Cancelled || len(w.Steps()) != 0 || w.Saves > 1 {
			t.Errorf("outcome %s, saves %d", last.Outcome, w.Saves)
		}
	})
}

func TestProceedEndsTheCountdown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		synctest.Wait()
		if err := e.Proceed(id); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "compute" || time.Since(began) > 5*time.Second {
			t.Errorf("mode %s after %s", e.State().Mode, time.Since(began))
		}
	})
}

func TestANewLoginDuringGraceEndsNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Override: true}); err != nil {
			t.Fatal(err)
		}
		other := dev
		other.ID, other.User, other.UID = "9", "other", 1001
		w.SetPeople(dev, other)
		settle(e)
		last := e.State().Last
		if last.Outcome != fsm.Refused && last.Outcome != fsm.Cancelled || len(w.Steps()) != 0 || !strings.Contains(last.Message, "session appeared: 9") {
			t.Errorf("outcome %s: %s", last.Outcome, last.Message)
		}
	})
}

func TestGuardsAreAskedAgainAfterGraceAndAtTheLastLook(t *testing.T) {
	t.Parallel()
	for name, deny := range map[string]int{"after grace": 2, "right before the session ends": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
				asked := 0
				w.OnAsk = func(fsm.Question) {
					if asked++; asked == deny {
						w.Answers["quiet"] = fsm.Deny
					}
				}
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"}); err != nil {
					t.Fatal(err)
				}
				settle(e)
				if len(w.People) != 1 || e.State().Mode != "desktop" {
					t.Errorf("mode %s, people %v", e.State().Mode, w.People)
				}
			})
		})
	}
}

func TestGuardsAreToldOnlyOfSessionsThatThePlanEnds(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]int{"compute": 1, "studio": 0} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
				asked := 0
				w.OnAsk = func(q fsm.Question) {
					if asked++; len(q.Ends) != want {
						t.Errorf("question %d is told that %d sessions end, not %d", asked, len(q.Ends), want)
					}
				}
				if _, err := e.Plan(t.Context(), fsm.Request{Mode: mode}); err != nil {
					t.Fatal(err)
				}
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: mode}); err != nil {
					t.Fatal(err)
				}
				settle(e)
				if asked < 2 || e.State().Mode != mode {
					t.Errorf("asked %d times, mode %s", asked, e.State().Mode)
				}
			})
		})
	}
}

func TestWhatWasLostIsSaid(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Break("units/c", "do")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", SkipCountdown: true}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		last := e.State().Last
		if len(last.Lost) != 1 || !strings.Contains(last.Message, "programs of dev (session 3) were closed and cannot be restored") {
			t.Errorf("lost %v: %s", last.Lost, last.Message)
		}
	})
}

func TestTheHistoryKeepsWhoseSessionsEnded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", SkipCountdown: true}); err != nil {
			t.Fatal(err)
		}
		settle(e)
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
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if took := time.Since(began); e.State().Last.Outcome != fsm.RolledBack || took > fsm.DefaultBound+5*time.Second {
			t.Errorf("%s after %s", e.State().Last.Outcome, took)
		}
	})
}

func TestAPanicIsAFailureLikeAnyOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Panics["units/c:do"] = true
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
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
				if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); err != nil {
					t.Fatal(err)
				}
				settle(e)
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

func TestBootKeepsWhatSucceededAndSettlesDegraded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fsmtest.NewWorld(map[string]string{})
		w.Rests["gui"] = "off"
		w.Break("units/b", "do")
		e := fsm.New(w.Config(toyCatalog(t)))
		boot, err := e.Start(t.Context(), true)
		if err != nil || !boot || e.State().Mode != fsm.Boot {
			t.Fatalf("start: %v, %v", boot, err)
		}
		defer stop(t, e)
		if err := e.Boot(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || len(s.Degraded) == 0 || w.Get("units/c") != "1" {
			t.Errorf("state %+v, world %v", s, w.Knobs)
		}
		if strings.Contains(strings.Join(w.Steps(), " "), "undo") {
			t.Error("boot undid something")
		}
	})
}

func TestAdoptTakesTheModeThatVerifies(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"desktop", "studio", "compute"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(mode)
				e := start(t, w)
				defer stop(t, e)
				if e.State().Mode != mode || len(w.Steps()) != 0 {
					t.Errorf("adopted %s", e.State().Mode)
				}
			})
		})
	}
}

func TestAMachineInNoModeStaysInBootAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.Set("units/a", "7")
		e := start(t, w)
		defer stop(t, e)
		if s := e.State(); s.Mode != fsm.Boot || !strings.Contains(strings.Join(s.Degraded, " "), "say modectl switch desktop") {
			t.Errorf("state %+v", s)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "desktop" {
			t.Errorf("mode %s: %+v", e.State().Mode, e.State().Last)
		}
	})
}

func TestThreeCrashesInTheSameStepAreEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.DieAt(4)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		for range 3 {
			w.Revive()
			cfg := w.Config(toyCatalog(t))
			w.DieAt(3) // let it count the crash, then die in the same undo
			e = startWith(t, w, cfg)
			settle(e)
		}
		w.Revive()
		e = start(t, w)
		defer stop(t, e)
		settle(e)
		if s := e.State(); !strings.Contains(strings.Join(s.Degraded, " "), "safe mode") {
			t.Fatalf("state %+v; disk %+v", s, w.Disk().Open)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrStuck) {
			t.Errorf("got %v", err)
		}
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || s.Open != nil || w.Get("units/a") != "1" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestAShutdownOfTheMachineUndoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.Hangs["units/b:do"] = true
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.SetStopping(true)
		stop(t, e)
		if strings.Contains(strings.Join(w.Steps(), " "), "undo") || w.Disk().Open == nil {
			t.Error("it was undone while the machine shut down")
		}
	})
}

func TestSIGTERMUndoesWhatIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		w.Hangs["units/b:do"] = true
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop(t, e)
		if w.Get("units/a") != "1" || w.Disk().Open != nil || w.Disk().Mode != "desktop" {
			t.Errorf("world %v, disk %+v", w.Knobs, w.Disk())
		}
	})
}

func TestAnUnconfirmedModeOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio", ConfirmWithin: 2 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		stop(t, e)
		w.Revive()
		e = start(t, w)
		defer stop(t, e)
		if s := e.State(); s.Open == nil || s.Open.Phase != fsm.AwaitingConfirm || w.Get("units/a") != "2" {
			t.Fatalf("state %+v", s)
		}
		time.Sleep(2 * time.Minute)
		settle(e)
		if e.State().Mode != "desktop" || w.Get("units/a") != "1" {
			t.Errorf("mode %s", e.State().Mode)
		}
	})
}

func TestALedgerThatCannotBeWrittenRefusesToBegin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Faults["ledger:save"] = errors.New("no space left on device")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || len(w.Steps()) != 0 || len(s.Degraded) == 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestAtMostTwoLedgerWritesAStep(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		before := w.Saves
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if steps, saves := len(e.State().Last.Steps), w.Saves-before; steps != 3 || saves > 2*steps {
			t.Errorf("%d writes for %d steps", saves, steps)
		}
	})
}

func TestReloadNeverTakesThePresentModeAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := start(t, newWorld("studio"))
		defer stop(t, e)
		less, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop", Modes: []fsm.Mode{{Name: "desktop"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Reload(less); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("got %v", err)
		}
		if err := e.Reload(toyCatalog(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestRootWithOverrideAlwaysReachesTheDefaultMode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop",
			Modes: []fsm.Mode{{Name: "desktop", Settings: []fsm.Setting{set("units/a", "1")}}, {Name: "trap", Settings: []fsm.Setting{set("units/a", "2")}}},
			Edges: []fsm.Edge{{Event: "fall", From: "desktop", To: "trap"}}})
		if err != nil {
			t.Fatal(err)
		}
		w := fsmtest.NewWorld(map[string]string{"units/a": "2"})
		e := startWith(t, w, w.Config(catalog))
		defer stop(t, e)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", UID: 1000, Override: true}); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("a user got %v", err)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", UID: 0, Override: true}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "desktop" {
			t.Errorf("mode %s", e.State().Mode)
		}
	})
}
