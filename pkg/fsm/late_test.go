package fsm_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// late makes some looks at a setting take 20 s and see nothing, as on a machine
// that is busy with what has just begun. The first is the plan's, the second the
// step's own, the third the mode's.
func late(t *testing.T, blind ...int) *fsm.State {
	t.Helper()
	w := newWorld("desktop")
	cfg := w.Config(toyCatalog(t))
	var looks atomic.Int32
	cfg.Actions["units"] = eager{cfg.Actions["units"], func(_ ctx, verb, key string) {
		if verb != "settled" || key != "c" {
			return
		}
		w.Mend()
		if slices.Contains(blind, int(looks.Add(1))) {
			time.Sleep(20 * time.Second)
			w.Break("units/c", "settled")
		}
	}}
	e := startWith(t, w, cfg)
	defer stop(t, e)
	looks.Store(0)
	goes(t, e, fsm.Request{Mode: "studio"})
	s := e.State()
	return &s
}

func TestOneLookThatSawNothingThrowsNothingAway(t *testing.T) {
	t.Parallel()
	for name, blind := range map[string][]int{
		"the step's own":               {2},
		"the mode's":                   {3},
		"two of each in a row":         {2, 3, 5, 6},
		"the mode's, with one between": {3, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if s := late(t, blind...); s.Mode != "studio" || s.Last.Outcome != fsm.Settled {
					t.Errorf("mode %s, outcome %s: %s", s.Mode, s.Last.Outcome, s.Last.Message)
				}
			})
		})
	}
}

func TestWhatIsNeverSeenIsRolledBack(t *testing.T) {
	t.Parallel()
	for name, blind := range map[string][]int{"the step's own": {2, 3, 4}, "the mode's": {3, 4, 5}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := late(t, blind...)
				if s.Mode != "desktop" || s.Last.Outcome != fsm.RolledBack || !strings.Contains(s.Last.Message, "units/c") {
					t.Errorf("mode %s, outcome %s: %s", s.Mode, s.Last.Outcome, s.Last.Message)
				}
			})
		})
	}
}

func TestEyesThatAreLateAtAnAdoptionAreAskedAgain(t *testing.T) {
	t.Parallel()
	for blind, want := range map[int]string{0: "desktop", 2: "desktop", 3: fsm.Boot} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			cfg := w.Config(toyCatalog(t))
			var looks atomic.Int32
			cfg.Actions["units"] = eager{cfg.Actions["units"], func(_ ctx, verb, key string) {
				if verb != "settled" || key != "c" {
					return
				}
				w.Mend()
				if int(looks.Add(1)) <= blind {
					w.Break("units/c", "settled")
				}
			}}
			e := startWith(t, w, cfg)
			defer stop(t, e)
			if s := e.State(); s.Mode != want {
				t.Errorf("after %d looks that saw nothing: mode %s, want %s (%q)", blind, s.Mode, want, s.Degraded)
			}
		})
	}
}
