package fsm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

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
				goes(t, e, fsm.Request{Mode: c.to})
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
		goes(t, e, fsm.Request{Mode: "compute", Override: true})
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
		goes(t, e, fsm.Request{Mode: "desktop", UID: 0, Override: true})
		if e.State().Mode != "desktop" {
			t.Errorf("mode %s", e.State().Mode)
		}
	})
}
