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

// comeUp boots an engine on the world and returns once nothing moves.
func comeUp(t *testing.T, cfg fsm.Config) *fsm.Engine {
	t.Helper()
	e := fsm.New(cfg)
	boot, err := e.Start(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if boot {
		if err := e.Boot(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	settle(e)
	return e
}

func emptyWorld() *fsmtest.World {
	w := fsmtest.NewWorld(map[string]string{})
	w.Rests["gui"] = "off"
	return w
}

func TestABootThatKillsTheDaemonIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld()
		for _, tick := range []int{5, 7, 7} { // in the first touch; a crash is counted by two more
			w.Revive()
			cfg := w.Config(toyCatalog(t))
			w.DieAt(tick)
			stop(t, comeUp(t, cfg))
			if !w.Dead() {
				t.Fatal("it lives")
			}
		}
		w.Revive()
		e := comeUp(t, w.Config(toyCatalog(t)))
		defer stop(t, e)
		if s := e.State(); s.Mode != fsm.Boot || !strings.Contains(strings.Join(s.Degraded, " "), "safe mode") {
			t.Fatalf("state %+v", s)
		}
		w.Steps()
		if err := e.Recover(t.Context(), fsm.RecoverUndo); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); s.Mode != "desktop" || strings.Contains(strings.Join(w.Steps(), " "), "undo") {
			t.Errorf("state %+v", s)
		}
	})
}

func TestBootCannotBeCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld()
		e := fsm.New(w.Config(toyCatalog(t)))
		defer stop(t, e)
		if _, err := e.Start(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		w.Hangs["units/a:do"] = true
		if err := e.Boot(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := e.Cancel(t.Context(), 0, 0); !errors.Is(err, fsm.ErrNotAllowed) {
			t.Errorf("got %v", err)
		}
		w.Mend()
		settle(e)
		if e.State().Mode != "desktop" {
			t.Errorf("state %+v", e.State())
		}
	})
}

func TestBootDoesNotWaitForTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fsmtest.NewWorld(map[string]string{"vllm/main": "off"})
		w.Rests["vllm"] = "off"
		cfg, first := w.Config(withAI(t)), make(chan struct{})
		slowAI(cfg, first)
		began := time.Now()
		e := comeUp(t, cfg)
		defer stop(t, e)
		if e.State().Mode != "desktop" || time.Since(began) > time.Second {
			t.Errorf("mode %s after %s", e.State().Mode, time.Since(began))
		}
		close(first)
		synctest.Wait()
		if w.Get("vllm/main") != "gpu1" {
			t.Errorf("AI %s", w.Get("vllm/main"))
		}
	})
}

func TestAMachineWithoutALedgerComesUpAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld()
		w.Faults["ledger:save"] = errors.New("no space left on device")
		e := comeUp(t, w.Config(toyCatalog(t)))
		defer stop(t, e)
		s := e.State()
		if s.Mode != "desktop" || w.Get("gui") != "on" || !strings.Contains(strings.Join(s.Degraded, " "), "no space left") {
			t.Errorf("state %+v, world %v", s, w.Knobs)
		}
	})
}

func TestBootEndsNobodysSession(t *testing.T) {
	t.Parallel()
	for name, logind := range map[string]func(w *fsmtest.World) func(int){
		"somebody logs in while it boots": func(w *fsmtest.World) func(int) {
			return func(n int) {
				if n == 2 {
					w.SetPeople(dev)
				}
			}
		},
		"logind does not say who is there": func(w *fsmtest.World) func(int) {
			w.SetPeople(dev)
			w.Faults["sessions"] = errors.New("no answer")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := emptyWorld()
				w.Set("gui", "on")
				cfg := w.Config(catalogOf(t, []string{"compute", "desktop"}, fsm.Edge{Event: "go", From: "compute", To: "desktop"}))
				cfg.Sessions = &looking{Sessions: cfg.Sessions, then: logind(w)}
				e := comeUp(t, cfg)
				defer stop(t, e)
				if s := e.State(); len(w.People) != 1 || s.Mode != "compute" || !strings.Contains(strings.Join(s.Degraded, " "), "gui") {
					t.Errorf("people %v, state %+v", w.People, s)
				}
			})
		})
	}
}

// forgetful is a history that cannot be written.
type forgetful struct{ fsm.History }

func (forgetful) Append(fsm.Transition) error { return errors.New("read-only file system") }
func (forgetful) SetChosen(string) error      { return errors.New("read-only file system") }

func TestAHistoryThatCannotBeWrittenIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld()
		cfg := w.Config(toyCatalog(t))
		cfg.History = forgetful{cfg.History}
		e := comeUp(t, cfg)
		defer stop(t, e)
		if text := strings.Join(e.State().Degraded, "|"); text != "cannot write the history: read-only file system" {
			t.Errorf("after boot: %q", text)
		}
		goes(t, e, fsm.Request{Mode: "studio"})
		want := "cannot remember the chosen mode: read-only file system|cannot write the history: read-only file system"
		if text := strings.Join(e.State().Degraded, "|"); text != want {
			t.Errorf("after a switch: %q", text)
		}
	})
}
