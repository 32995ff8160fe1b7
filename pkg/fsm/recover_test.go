package fsm_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// diary is an observer that writes down what it is told.
type diary struct{ lines []string }

func (d *diary) Changed(fsm.State)                 {}
func (d *diary) Started(t fsm.Transition)          { d.write("started %d", t.ID) }
func (d *diary) StepChanged(uint32, int, fsm.Step) {}
func (d *diary) Finished(t fsm.Transition)         { d.write("finished %d %s", t.ID, t.Outcome) }
func (d *diary) ModeChanged(from, to string, id uint32) {
	d.write("mode %s>%s %d", from, to, id)
}
func (d *diary) write(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// stuck makes an engine that is stuck on the way from one mode to another: the
// undo of units/a fails until the world is mended.
func stuck(t *testing.T, w *fsmtest.World, cfg fsm.Config, to string) *fsm.Engine {
	t.Helper()
	e := startWith(t, w, cfg)
	w.Break("units/c", "do")
	w.Break("units/a", "undo")
	goes(t, e, fsm.Request{Mode: to})
	if s := e.State(); s.Open == nil || s.Open.Phase != fsm.StuckPhase {
		t.Fatalf("not stuck: %+v", s)
	}
	return e
}

func TestAnAdoptionThatFindsNoModeLeavesThePlanOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := stuck(t, w, w.Config(toyCatalog(t)), "compute")
		defer stop(t, e)
		if err := e.Recover(t.Context(), fsm.RecoverAdopt); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("got %v", err)
		}
		if s := e.State(); s.Open == nil || s.Mode != fsm.Transitioning {
			t.Fatalf("the open plan was forgotten: %+v", s)
		}
		w.Mend()
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "desktop" || !maps.Equal(w.Knobs, knobsOf("desktop")) {
			t.Errorf("mode %s, world %v", e.State().Mode, w.Knobs)
		}
	})
}

func TestAnAdoptionIsToldAsWhatItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ found, told string }{
		"the mode it began in": {"desktop", "finished 1 settled"},
		"the mode it went to":  {"compute", "finished 1 settled|mode desktop>compute 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, told := newWorld("desktop"), &diary{}
				cfg := w.Config(toyCatalog(t))
				cfg.Observer = told
				e := stuck(t, w, cfg, "compute")
				defer stop(t, e)
				w.Mend()
				for id, value := range knobsOf(c.found) {
					w.Set(id, value)
				}
				told.lines = nil
				if err := e.Recover(t.Context(), fsm.RecoverAdopt); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				s := e.State()
				if got := strings.Join(told.lines, "|"); got != c.told || s.Mode != c.found || s.Last.Outcome != fsm.Settled || w.Disk().Open != nil {
					t.Errorf("told %q in %s, last %+v", got, s.Mode, s.Last)
				}
			})
		})
	}
}

func TestARecoveryThatLooksWhileAnotherBeginsGivesWay(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]fsm.RecoverHow{"adopt": fsm.RecoverAdopt, "fresh": fsm.RecoverFresh} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := stuck(t, w, w.Config(toyCatalog(t)), "compute")
				defer stop(t, e)
				w.Mend()
				w.Hangs["units/b:settled"] = true
				late := make(chan error, 1)
				go func() { late <- e.Recover(t.Context(), how) }()
				time.Sleep(time.Second)
				for _, problem := range e.State().Degraded { // readers do not wait for it
					e.Degrade(problem, true)
				}
				if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
					t.Errorf("undo: %v", err)
				}
				if err := <-late; err == nil {
					t.Error("two recoveries at once")
				}
				w.Mend()
				settle(e)
				if s := e.State(); s.Mode != "desktop" || s.Open != nil || !maps.Equal(w.Knobs, knobsOf("desktop")) {
					t.Errorf("state %+v, world %v", s, w.Knobs)
				}
			})
		})
	}
}

func TestAFreshPlanLooksOnceMoreBeforeItEndsTheGUI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("compute")
		cfg := w.Config(toyCatalog(t))
		looks := &looking{Sessions: cfg.Sessions}
		cfg.Sessions = looks
		e := startWith(t, w, cfg)
		defer stop(t, e)
		w.Break("units/c", "do")
		w.Faults["gui:undo"] = fsm.ErrForeignSession
		goes(t, e, fsm.Request{Mode: "desktop"})
		w.Mend()
		w.Set("gui", "on")
		looks.then = func(n int) { // the first look is the plan's
			if n == 2 {
				w.SetPeople(dev)
			}
		}
		if err := e.Recover(t.Context(), fsm.RecoverFresh); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); len(w.People) != 1 || s.Open == nil || s.Open.Phase != fsm.StuckPhase {
			t.Errorf("people %v, state %+v", w.People, s)
		}
	})
}

// looking counts the looks at who is there and calls then before each.
type looking struct {
	fsm.Sessions
	n    int
	then func(n int)
}

func (l *looking) Graphical(ctx ctx) ([]fsm.Session, error) {
	if l.then != nil {
		l.n++
		l.then(l.n)
	}
	return l.Sessions.Graphical(ctx)
}

func TestAGreeterIsNoStrangerToAFreshPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("compute")
		e := start(t, w)
		defer stop(t, e)
		w.Break("units/c", "do")
		w.Break("gui", "undo")
		goes(t, e, fsm.Request{Mode: "desktop"})
		w.Mend()
		w.Set("gui", "on")
		w.SetPeople(fsm.Session{ID: "c1", UID: 120, User: "gdm", Class: "greeter"})
		if err := e.Recover(t.Context(), fsm.RecoverFresh); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "compute" {
			t.Errorf("state %+v", e.State())
		}
	})
}

func TestRestartsWhileStuckAreNoCrashes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := stuck(t, w, w.Config(toyCatalog(t)), "studio")
		stop(t, e)
		for range 4 {
			e = restart(t, w, toyCatalog(t))
			stop(t, e)
		}
		if d := w.Disk(); d.SafeMode || d.Open == nil {
			t.Errorf("disk %+v", d)
		}
		if text := strings.Join(e.State().Degraded, " "); !strings.Contains(text, "stuck: cannot undo units/a") {
			t.Errorf("degraded %q", text)
		}
		if err := e.Cancel(t.Context(), 1, 0); !errors.Is(err, fsm.ErrStuck) {
			t.Errorf("cancel: %v", err)
		}
	})
}

func TestAShutdownDuringAFreshPlanIsNotStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := stuck(t, w, w.Config(toyCatalog(t)), "compute")
		w.Mend()
		w.Hangs["units/a:do"] = true
		if err := e.Recover(t.Context(), fsm.RecoverFresh); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop(t, e)
		w.Mend()
		e = restart(t, w, toyCatalog(t))
		defer stop(t, e)
		if s := e.State(); s.Mode != "desktop" || s.Open != nil || !maps.Equal(w.Knobs, knobsOf("desktop")) {
			t.Errorf("state %+v, world %v", s, w.Knobs)
		}
	})
}

func TestASafeModeWithoutAPlanIsSaidAndLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		cfg := w.Config(toyCatalog(t))
		if err := cfg.Ledger.Save(t.Context(), fsm.Document{Mode: "desktop", SafeMode: true}); err != nil {
			t.Fatal(err)
		}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		if text := strings.Join(e.State().Degraded, " "); !strings.Contains(text, "safe mode") {
			t.Errorf("degraded %q", text)
		}
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		if s := e.State(); slices.ContainsFunc(s.Degraded, func(d string) bool { return strings.Contains(d, "safe mode") }) {
			t.Errorf("degraded %q", s.Degraded)
		}
	})
}

func TestAShutdownOfTheMachineThatIsCalledOffLeavesAWayOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		defer stop(t, e)
		w.SetStopping(true)
		w.Break("units/b", "do")
		goes(t, e, fsm.Request{Mode: "studio"})
		w.SetStopping(false)
		w.Mend()
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"}); !errors.Is(err, fsm.ErrStuck) {
			t.Errorf("began over an open plan: %v", err)
		}
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || s.Open != nil || !maps.Equal(w.Knobs, knobsOf("desktop")) {
			t.Errorf("state %+v, world %v", s, w.Knobs)
		}
	})
}
