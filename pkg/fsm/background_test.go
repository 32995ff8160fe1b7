package fsm_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// withAI has a desktop and a studio, and an AI that the desktop starts after
// it has settled.
func withAI(t *testing.T) *fsm.Catalog {
	t.Helper()
	ai := func(value string) fsm.Setting {
		s := set("vllm/main", value)
		s.Essential = false
		return s
	}
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes: []fsm.Mode{
			{Name: "desktop", Settings: []fsm.Setting{set("units/a", "1"), ai("gpu1")}},
			{Name: "studio", Settings: []fsm.Setting{set("units/a", "2"), ai("off")}},
		},
		Guards: []fsm.GuardSpec{{Name: "calm", Kind: "load"}},
		Edges: []fsm.Edge{{Event: "enter", From: "desktop", To: "studio", Guards: []string{"calm"}},
			{Event: "exit", From: "studio", To: "desktop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func studioWithoutAI() *fsmtest.World {
	w := fsmtest.NewWorld(map[string]string{"units/a": "2", "vllm/main": "off"})
	w.Rests["vllm"] = "off"
	return w
}

// slowAI starts the AI only when told to, or half a second after its context
// ended.
func slowAI(cfg fsm.Config, first chan struct{}) {
	cfg.Actions["vllm"] = eager{cfg.Actions["vllm"], func(ctx ctx, verb, _ string) {
		if verb != "do" {
			return
		}
		select {
		case <-first:
		case <-ctx.Done():
			time.Sleep(500 * time.Millisecond)
			close(first)
		}
	}}
}

func TestANewPlanIsMadeOnlyWhenTheBackgroundHasCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		cfg := w.Config(withAI(t))
		slowAI(cfg, make(chan struct{}))
		e := startWith(t, w, cfg)
		defer stop(t, e)
		for _, mode := range []string{"desktop", "studio"} {
			goes(t, e, fsm.Request{Mode: mode})
		}
		time.Sleep(time.Minute)
		if e.State().Mode != "studio" || w.Get("vllm/main") != "off" {
			t.Errorf("mode %s, AI %s", e.State().Mode, w.Get("vllm/main"))
		}
	})
}

// A look at the machine that began while the AI was starting is over only when
// the AI is there: what it saw first is no drift.
func TestALookFromBeforeTheBackgroundHasComeTellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		cfg := w.Config(withAI(t))
		first := make(chan struct{})
		slowAI(cfg, first)
		troubles := &troubles{}
		cfg.Observer = troubles
		var slow atomic.Bool
		looks := make(chan struct{})
		cfg.Actions["units"] = eager{cfg.Actions["units"], func(_ ctx, verb, _ string) {
			if slow.Load() && verb == "settled" {
				<-looks
			}
		}}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		slow.Store(true)
		if err := e.Reload(withAI(t)); err != nil { // it looks for drift
			t.Fatal(err)
		}
		synctest.Wait()
		close(first)
		synctest.Wait()
		close(looks)
		synctest.Wait()
		if e.State().Mode != "desktop" || w.Get("vllm/main") != "gpu1" || len(troubles.told) > 0 {
			t.Errorf("in %s with AI %s it was told: %q", e.State().Mode, w.Get("vllm/main"), troubles.told)
		}
	})
}

// What ends in the background is told, though the transition is over.
func TestHowABackgroundStepEndsIsTold(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]string{"": "vllm/main acquire done 2 of 2 in 1s ", "do": "vllm/main acquire failed 2 of 2 in 1s toy fault in vllm/main:do"} {
		synctest.Test(t, func(t *testing.T) {
			w := studioWithoutAI()
			cfg := w.Config(withAI(t))
			cfg.Actions["vllm"] = eager{cfg.Actions["vllm"], func(_ ctx, verb, _ string) {
				if verb == "do" {
					time.Sleep(time.Second)
				}
			}}
			if verb != "" {
				w.Break("vllm/main", verb)
			}
			told := &troubles{}
			cfg.Observer = told
			e := startWith(t, w, cfg)
			defer stop(t, e)
			goes(t, e, fsm.Request{Mode: "desktop"})
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(told.late) != 1 || told.late[0] != want {
				t.Errorf("told %q, want %q", told.late, want)
			}
		})
	}
}

// troubles keeps what was ever in Degraded, and what ended in the background.
type troubles struct {
	diary
	told, late []string
}

func (d *troubles) StepEndedLate(_ uint32, total int, s fsm.Step) {
	d.late = append(d.late, fmt.Sprintf("%s %s %d of %d in %s %s", s.Name(), s.Status, s.Index+1, total, s.Ended.Sub(s.Began), s.Problem))
}

func (d *troubles) Changed(s fsm.State) { d.told = append(d.told, s.Degraded...) }

func TestARefusedRequestLeavesTheBackgroundAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		cfg, first := w.Config(withAI(t)), make(chan struct{})
		slowAI(cfg, first)
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		w.Answers["calm"] = fsm.Deny
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrRefused) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		select {
		case <-first:
			t.Fatal("the background was ended")
		default:
		}
		close(first)
		synctest.Wait()
		if w.Get("vllm/main") != "gpu1" {
			t.Errorf("AI %s", w.Get("vllm/main"))
		}
	})
}

func TestTheBackgroundComesAfterALateConfirmationToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		e := startWith(t, w, w.Config(withAI(t)))
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", ConfirmWithin: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		settle(e)
		stop(t, e)
		e = restart(t, w, withAI(t))
		defer stop(t, e)
		if err := e.Confirm(id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e.State().Mode != "desktop" || w.Get("vllm/main") != "gpu1" {
			t.Errorf("mode %s, AI %s", e.State().Mode, w.Get("vllm/main"))
		}
	})
}

func TestABackgroundThatDoesNotStayIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		cfg := w.Config(withAI(t))
		cfg.Actions["vllm"] = hook{cfg.Actions["vllm"]} // says done and does nothing
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		if text := strings.Join(e.State().Degraded, " "); !strings.Contains(text, "did not stay so") {
			t.Errorf("degraded %q", text)
		}
	})
}

func TestAStepThatIsNotEssentialOnlyDegrades(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		e := startWith(t, w, w.Config(withAI(t)))
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		w.Break("vllm/main", "do")
		goes(t, e, fsm.Request{Mode: "studio"})
		s := e.State()
		if s.Mode != "studio" || !strings.Contains(strings.Join(s.Degraded, " "), "vllm/main") || !strings.Contains(s.Last.Message, "vllm/main") {
			t.Errorf("mode %s, degraded %q: %s", s.Mode, s.Degraded, s.Last.Message)
		}
	})
}

func TestAPlanIsMadeAgainOnlyWhenItDidNotSeeWhatTheBackgroundDid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ over, twice bool }{
		"it had come to its end":                  {over: true},
		"it went on while the first one was made": {twice: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := studioWithoutAI()
				cfg, first := w.Config(withAI(t)), make(chan struct{})
				slowAI(cfg, first)
				var looks atomic.Int32
				cfg.Actions["units"] = eager{cfg.Actions["units"], func(_ ctx, verb, _ string) {
					if verb == "settled" {
						looks.Add(1)
					}
				}}
				e := startWith(t, w, cfg)
				defer stop(t, e)
				var counts []int32
				for _, mode := range []string{"desktop", "studio"} {
					looks.Store(0)
					goes(t, e, fsm.Request{Mode: mode})
					counts = append(counts, looks.Load())
					if mode == "desktop" && c.over {
						close(first)
						synctest.Wait()
					}
				}
				// The way to the desktop has no background behind it.
				if again := counts[1] > counts[0]; again != c.twice {
					t.Errorf("looked %d times on the way there, %d times back", counts[0], counts[1])
				}
			})
		})
	}
}
