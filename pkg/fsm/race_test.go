package fsm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// eager is an action that calls before ahead of its methods, by name.
type eager struct {
	fsm.Action
	before func(ctx ctx, verb, key string)
}

func (a eager) Capture(ctx ctx, key string, want fsm.Value) (fsm.Snapshot, error) {
	a.before(ctx, "capture", key)
	return a.Action.Capture(ctx, key, want)
}

func (a eager) Do(ctx ctx, key string, want fsm.Value) error {
	a.before(ctx, "do", key)
	return a.Action.Do(ctx, key, want)
}

func (a eager) Settled(ctx ctx, key string, want fsm.Value) (bool, error) {
	a.before(ctx, "settled", key)
	return a.Action.Settled(ctx, key, want)
}

func (a eager) Rest(key string, want fsm.Value) fsm.Value {
	return a.Action.(fsm.Rester).Rest(key, want)
}

// bell is a host whose alarm rings when the test says so.
type bell struct {
	fsm.Host
	ring chan struct{}
}

func (b bell) Alarm(context.Context, time.Duration) <-chan struct{} { return b.ring }

func TestAConfirmationThatWasAcceptedCounts(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			cfg := w.Config(toyCatalog(t))
			b := bell{cfg.Host, make(chan struct{})}
			cfg.Host = b
			e := startWith(t, w, cfg)
			defer stop(t, e)
			id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio", ConfirmWithin: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			settle(e)
			close(b.ring)
			want := "desktop"
			if e.Confirm(id) == nil {
				want = "studio"
				if e.Cancel(t.Context(), id, 0) == nil && e.State().Mode != "studio" {
					t.Error("cancelled after it was confirmed")
				}
			}
			settle(e)
			if got := e.State().Mode; got != want {
				t.Errorf("mode %s, promised %s", got, want)
			}
		})
	}
}

func TestACancelThatWasAcceptedCounts(t *testing.T) {
	t.Parallel()
	t.Run("after the last step", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			cfg, looks := w.Config(toyCatalog(t)), 0
			var e *fsm.Engine
			cfg.Actions["units"] = eager{cfg.Actions["units"], func(_ ctx, verb, key string) {
				if verb != "settled" || key != "c" {
					return
				}
				if looks++; looks == 3 { // the plan's, the step's, the mode's
					if err := e.Cancel(t.Context(), 0, 0); err != nil {
						t.Error(err)
					}
				}
			}}
			e = startWith(t, w, cfg)
			defer stop(t, e)
			looks = 0
			goes(t, e, fsm.Request{Mode: "studio"})
			if s := e.State(); s.Mode != "desktop" || s.Last.Outcome != fsm.RolledBack {
				t.Errorf("mode %s, outcome %s", s.Mode, s.Last.Outcome)
			}
		})
	})
	t.Run("right after the countdown", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			w.SetPeople(dev)
			e := start(t, w)
			defer stop(t, e)
			w.Steps()
			before, asked := w.Saves, 0
			w.OnAsk = func(fsm.Question) {
				if asked++; asked == 2 {
					if err := e.Cancel(t.Context(), 0, 0); err != nil {
						t.Error(err)
					}
				}
			}
			goes(t, e, fsm.Request{Mode: "compute"})
			if last := e.State().Last; last.Outcome != fsm.Cancelled || w.Saves != before || len(w.Steps()) != 0 {
				t.Errorf("outcome %s: %s", last.Outcome, last.Message)
			}
		})
	})
}

func TestNobodyIsLetInBeforeItIsKnownWhereTheMachineIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("studio")
		w.Hangs["units/a:settled"] = true
		e := fsm.New(w.Config(toyCatalog(t)))
		defer stop(t, e)
		go func() { _, _ = e.Start(t.Context(), false) }()
		time.Sleep(time.Second)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("got %v", err)
		}
		time.Sleep(5 * time.Minute)
	})
}

func TestNothingBeginsOnceMoDedIsStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		stop(t, e)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrBusy) || len(w.Log()) != 0 {
			t.Errorf("got %v, log %v", err, w.Log())
		}
	})
}

func TestWhoeverLogsInWhileNobodyWasThereIsNotEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		modes := []string{"desktop", "compute"}
		cfg := w.Config(catalogOf(t, modes, fsm.Edge{Event: "go", From: "desktop", To: "compute", Before: []string{"prepare.service"}}))
		cfg.Actions["hook"] = eager{cfg.Actions["hook"], func(_ ctx, verb, _ string) {
			if verb == "capture" {
				w.SetPeople(dev)
			}
		}}
		cfg.Actions["hook"] = hook{cfg.Actions["hook"]}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "compute"})
		if s := e.State(); s.Mode != "desktop" || len(w.People) != 1 || !strings.Contains(s.Last.Message, "session appeared") {
			t.Errorf("mode %s, people %v: %s", s.Mode, w.People, s.Last.Message)
		}
	})
}

// hook does nothing when it is done.
type hook struct{ fsm.Action }

func (hook) Do(ctx, string, fsm.Value) error      { return nil }
func (hook) Undo(ctx, string, fsm.Snapshot) error { return nil }

// bound is an action that notes for which mode it was asked to bind.
type bound struct {
	fsm.Action
	mu *sync.Mutex
	to *[]string
}

func (b bound) Bind(_ ctx, _ string, want fsm.Value, c fsm.Context) (fsm.Value, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.to = append(*b.to, c.To)
	return want, nil
}

func TestWhatIsVerifiedIsBoundForItsOwnMode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		cfg := w.Config(toyCatalog(t))
		b := bound{cfg.Actions["gui"], new(sync.Mutex), new([]string)}
		cfg.Actions["gui"] = b
		e := startWith(t, w, cfg)
		defer stop(t, e)
		*b.to = nil
		goes(t, e, fsm.Request{Mode: "studio"})
		if slices.Contains(*b.to, "desktop") || len(*b.to) < 2 {
			t.Errorf("bound for %v", *b.to)
		}
	})
}

func TestAPlanMadeAnewEndsOnlyWhomTheRequestWasAuthorisedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ai := set("vllm/main", "gpu1")
		ai.Essential = false
		catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "compute",
			Modes: []fsm.Mode{{Name: "desktop", Settings: []fsm.Setting{ai}},
				{Name: "compute", Settings: []fsm.Setting{set("gui", "off"), set("vllm/main", "off")}}},
			Edges: []fsm.Edge{{Event: "down", From: "desktop", To: "compute"}, {Event: "up", From: "compute", To: "desktop"}}})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld("compute")
		w.Set("vllm/main", "off")
		w.SetPeople(dev) // on a seat of their own: no GUI of ours runs
		cfg := w.Config(catalog)
		slowAI(cfg, make(chan struct{}))
		e := startWith(t, w, cfg)
		defer stop(t, e)
		if e.State().Mode != "compute" {
			t.Fatalf("mode %s", e.State().Mode)
		}
		goes(t, e, fsm.Request{Mode: "desktop"})
		w.OnAsk = func(fsm.Question) { w.Set("gui", "on") }
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute", Authorize: func(_ ctx, effect fsm.Effect) error {
			if len(effect.Ends) != 0 {
				t.Errorf("effect %+v", effect)
			}
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if s := e.State(); len(w.People) != 1 || s.Mode != "desktop" || s.Last.Outcome != fsm.Refused {
			t.Errorf("people %v, state %+v", w.People, s)
		}
	})
}

// TestReadersMayAskAtAnyTime is for the race detector.
func TestReadersMayAskAtAnyTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		cfg := w.Config(toyCatalog(t))
		cfg.Actions["gui"] = bound{cfg.Actions["gui"], new(sync.Mutex), new([]string)}
		cfg.Actions["units"] = eager{cfg.Actions["units"], func(ctx ctx, verb, _ string) {
			fsm.Report(ctx, verb)
			time.Sleep(time.Millisecond)
		}}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		over := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() { readUntil(t, e, over) })
		}
		for _, r := range []fsm.Request{{Mode: "studio", ConfirmWithin: time.Second}, {Mode: "studio"}, {Mode: "desktop"}, {Mode: "compute"}, {Mode: "desktop"}} {
			if _, err := e.Switch(t.Context(), r); err != nil {
				t.Error(err)
			}
			settle(e)
			time.Sleep(2 * time.Second)
		}
		close(over)
		readers.Wait()
		if e.State().Mode != "desktop" {
			t.Errorf("state %+v", e.State())
		}
	})
}

func readUntil(t *testing.T, e *fsm.Engine, over <-chan struct{}) {
	t.Helper()
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		case <-time.After(time.Millisecond):
		}
		for _, mode := range modeNames {
			if _, err := e.Plan(t.Context(), fsm.Request{Mode: mode}); err != nil {
				t.Errorf("plan: %v", err)
			}
			_, _ = e.CanSwitch(t.Context(), mode)
		}
		if _, err := e.Verify(t.Context()); err != nil {
			t.Errorf("verify: %v", err)
		}
		e.Degrade("it is a test", i%2 == 0)
		if last := e.State().Last; last != nil && len(last.Steps) > 0 && last.Steps[0].Status == "" {
			t.Error("a step without a status")
		}
	}
}
