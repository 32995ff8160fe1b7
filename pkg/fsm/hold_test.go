package fsm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

var (
	holdAll       = fsm.Hold{Scope: fsm.HoldAll, Who: "ardour", Why: "a take", UID: 1000, User: "dev"}
	holdAutomatic = fsm.Hold{Scope: fsm.HoldAutomatic, Who: "kdenlive", Why: "renders", UID: 1001, User: "ann"}
)

// held finds the verdict about holds.
func held(verdicts []fsm.Verdict) (fsm.Verdict, bool) {
	i := slices.IndexFunc(verdicts, func(v fsm.Verdict) bool { return v.Kind == "holds" })
	if i < 0 {
		return fsm.Verdict{}, false
	}
	return verdicts[i], true
}

func TestWhatAHoldIsAgainst(t *testing.T) {
	t.Parallel()
	person, idle := fsm.Request{UID: 1000}, fsm.Request{UID: 0, Trigger: "idle"}
	force, root, rootForce := fsm.Request{UID: 1000, Override: true}, fsm.Request{}, fsm.Request{Override: true}
	for name, c := range map[string]struct {
		req     fsm.Request
		holds   []fsm.Hold
		refused bool
	}{
		"nobody holds, a person asks":                       {person, nil, false},
		"nobody holds, it happens by itself":                {idle, nil, false},
		"automatic, a person asks":                          {person, []fsm.Hold{holdAutomatic}, false},
		"automatic, it happens by itself":                   {idle, []fsm.Hold{holdAutomatic}, true},
		"all, the holder asks":                              {person, []fsm.Hold{holdAll}, true},
		"all, it happens by itself":                         {idle, []fsm.Hold{holdAll}, true},
		"all, root asks":                                    {root, []fsm.Hold{holdAll}, true},
		"all, somebody else overrides":                      {force, []fsm.Hold{holdAll}, true},
		"all, root overrides":                               {rootForce, []fsm.Hold{holdAll}, false},
		"two, a person asks":                                {person, []fsm.Hold{holdAutomatic, holdAll}, true},
		"two automatic, a person asks":                      {person, []fsm.Hold{holdAutomatic, holdAutomatic}, false},
		"a scope that nobody knows, a person asks":          {person, []fsm.Hold{{Scope: "new"}}, false},
		"a scope that nobody knows, it happens by itself":   {idle, []fsm.Hold{{Scope: "new"}}, true},
		"automatic, a timer asks":                           {fsm.Request{Trigger: fsm.TriggerAutomatic}, []fsm.Hold{holdAutomatic}, true},
		"nobody holds, a timer asks":                        {fsm.Request{Trigger: fsm.TriggerAutomatic}, nil, false},
		"automatic, root overrides what happens by itself":  {fsm.Request{Trigger: "idle", Override: true}, []fsm.Hold{holdAutomatic}, false},
		"automatic, others override what happens by itself": {fsm.Request{Trigger: "idle", Override: true, UID: 1}, []fsm.Hold{holdAutomatic}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				w.SetHolds(c.holds...)
				e := start(t, w)
				defer stop(t, e)
				w.Steps()
				c.req.Mode = "compute"
				_, err := e.Switch(t.Context(), c.req)
				settle(e)
				if got := errors.Is(err, fsm.ErrRefused); got != c.refused || !got && err != nil {
					t.Fatalf("refused %v: %v", got, err)
				}
				if want := map[bool]string{true: "desktop", false: "compute"}[c.refused]; e.State().Mode != want {
					t.Errorf("mode %s", e.State().Mode)
				}
				if steps := w.Steps(); c.refused && len(steps) > 0 {
					t.Errorf("touched %v", steps)
				}
			})
		})
	}
}

func TestARefusalSaysWhoHoldsAndIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.SetHolds(holdAll, holdAutomatic, fsm.Hold{Scope: fsm.HoldAll, Who: "make", Why: "builds", UID: 1002})
		e := start(t, w)
		defer stop(t, e)
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "studio", UID: 1000})
		var refused *fsm.RequestError
		if !errors.As(err, &refused) || !errors.Is(err, fsm.ErrRefused) {
			t.Fatal(err)
		}
		v, ok := held(refused.Verdicts)
		want := []fsm.Culprit{{Kind: "hold", UID: 1000, User: "dev", Client: "ardour", Detail: "a take"}, {Kind: "hold", UID: 1002, Client: "make", Detail: "builds"}}
		if !ok || v.Guard != "holds" || v.Code != "held" || v.Outcome != fsm.Deny || !slices.Equal(v.Culprits, want) {
			t.Errorf("verdict %+v", v)
		}
		if v.Summary != "dev and uid 1002 hold the mode" || !strings.Contains(v.Remedy, "ask dev") || v.Overridable {
			t.Errorf("verdict %+v", v)
		}
		if len(refused.Verdicts) != 2 { // all guards are asked all the same
			t.Errorf("verdicts %+v", refused.Verdicts)
		}
		last := w.Log()[0]
		if _, ok := held(last.Verdicts); !ok || last.Outcome != fsm.Refused || last.ID != refused.ID || len(last.Facts) == 0 {
			t.Errorf("history %+v", last)
		}
		if _, ok := held(e.State().Verdicts); !ok {
			t.Error("readers do not see it")
		}
	})
}

func TestManyHoldersAreNamedInShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		defer stop(t, e)
		var holds []fsm.Hold
		for _, user := range []string{"a", "b", "b", "c", "d", "e"} {
			holds = append(holds, fsm.Hold{Scope: fsm.HoldAll, User: user})
		}
		for n, want := range map[int]string{1: "a holds the mode", 3: "a and b hold the mode", 4: "a, b and c hold the mode", 6: "a, b, c and 2 more hold the mode"} {
			w.SetHolds(holds[:n]...)
			p, err := e.Plan(t.Context(), fsm.Request{Mode: "studio"})
			if v, _ := held(p.Verdicts); err != nil || v.Summary != want {
				t.Errorf("%d: %q, %v", n, v.Summary, err)
			}
		}
	})
}

func TestPlanShowsHoldsAndSaysWhatSwitchWould(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.SetHolds(holdAll)
		e := start(t, w)
		defer stop(t, e)
		for _, c := range []struct {
			req     fsm.Request
			allowed bool
		}{{fsm.Request{UID: 1000}, false}, {fsm.Request{UID: 1000, Override: true}, false}, {fsm.Request{}, false}, {fsm.Request{Override: true}, true}} {
			c.req.Mode = "studio"
			p, err := e.Plan(t.Context(), c.req)
			if _, ok := held(p.Verdicts); err != nil || !ok || p.Allowed != c.allowed {
				t.Errorf("%+v: %+v, %v", c.req, p.Verdicts, err)
			}
		}
		if p, err := e.Plan(t.Context(), fsm.Request{Mode: "desktop"}); err != nil || !p.Allowed || len(p.Verdicts) > 0 {
			t.Errorf("where we are: %+v, %v", p, err)
		}
		if _, err := e.CanSwitch(t.Context(), "studio"); !errors.Is(err, fsm.ErrRefused) {
			t.Errorf("CanSwitch: %v", err)
		}
		w.SetHolds(holdAutomatic)
		if effect, err := e.CanSwitch(t.Context(), "studio"); effect == nil || err != nil {
			t.Errorf("CanSwitch: %v", err)
		}
	})
}

func TestAHoldDuringTheCountdown(t *testing.T) {
	t.Parallel()
	type want struct {
		outcome fsm.End
		after   time.Duration
	}
	for name, c := range map[string]struct {
		req   fsm.Request
		holds []fsm.Hold
		want  want
	}{
		"ends at once what nobody asked for":           {fsm.Request{Trigger: "idle"}, []fsm.Hold{holdAutomatic}, want{fsm.Refused, 10 * time.Second}},
		"refuses a person at the second look":          {fsm.Request{UID: 1000}, []fsm.Hold{holdAll}, want{fsm.Refused, 30 * time.Second}},
		"lets a person pass when it is automatic":      {fsm.Request{UID: 1000}, []fsm.Hold{holdAutomatic}, want{fsm.Settled, 30 * time.Second}},
		"lets root pass who overrides":                 {fsm.Request{Override: true}, []fsm.Hold{holdAll}, want{fsm.Settled, 30 * time.Second}},
		"that is let go of again is none for a person": {fsm.Request{UID: 1000}, nil, want{fsm.Settled, 30 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				w.SetPeople(dev)
				e := start(t, w)
				defer stop(t, e)
				w.Steps()
				c.req.Mode = "compute"
				begins(t, e, c.req)
				began := time.Now()
				time.Sleep(10 * time.Second)
				if c.holds == nil {
					w.SetHolds(holdAll)
					synctest.Wait()
				}
				w.SetHolds(c.holds...)
				for e.State().Open != nil && e.State().Open.Phase == fsm.Grace {
					time.Sleep(time.Millisecond)
					synctest.Wait()
				}
				if took := time.Since(began).Truncate(time.Second); took != c.want.after {
					t.Errorf("the countdown ended after %v", took)
				}
				settle(e)
				last := e.State().Last
				if last.Outcome != c.want.outcome {
					t.Fatalf("%s: %s", last.Outcome, last.Message)
				}
				if _, ok := held(last.Verdicts); c.want.outcome == fsm.Refused && (!ok || len(w.Steps()) > 0 || len(last.Facts) == 0) {
					t.Errorf("verdicts %+v", last.Verdicts)
				}
			})
		})
	}
}

// TestAHoldBeforeTheFirstSessionEnds takes a hold while steps before the point
// of no return run: nobody's session ends, and what was done is undone.
func TestAHoldBeforeTheFirstSessionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.SetPeople(dev)
		catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop",
			Modes: []fsm.Mode{
				{Name: "desktop", Settings: []fsm.Setting{set("vllm/a", "any"), set("gui", "on")}},
				{Name: "compute", Headless: true, Settings: []fsm.Setting{set("vllm/a", "off"), set("gui", "off")}}},
			Edges: []fsm.Edge{{Event: "to_compute", From: "desktop", To: "compute", Through: true}}})
		if err != nil {
			t.Fatal(err)
		}
		w.Set("vllm/a", "any")
		w.Rests["vllm"] = "off"
		cfg := w.Config(catalog)
		cfg.Actions["vllm"] = eager{cfg.Actions["vllm"], func(_ ctx, verb, _ string) {
			if verb == "do" {
				w.SetHolds(holdAll)
			}
		}}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "compute", UID: 1000})
		last := e.State().Last
		if _, ok := held(last.Verdicts); last.Outcome != fsm.RolledBack || !ok || len(last.Lost) > 0 || w.Get("gui") != "on" || w.Get("vllm/a") != "any" {
			t.Errorf("%s: %s (gui %s, vllm %s)", last.Outcome, last.Message, w.Get("gui"), w.Get("vllm/a"))
		}
	})
}

// TestHoldsStopNoWayBack has everybody hold everything, and lets the engine do
// what is no request.
func TestHoldsStopNoWayBack(t *testing.T) {
	t.Parallel()
	hold := func(w *fsmtest.World) { w.SetHolds(holdAll, holdAutomatic) }
	t.Run("a rollback", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			e := start(t, w)
			defer stop(t, e)
			w.Hangs["units/c:do"] = true
			id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			hold(w)
			if err := e.Cancel(t.Context(), id, 0); err != nil {
				t.Fatal(err)
			}
			settle(e)
			check(t, w, "rolled back")
			if last := e.State().Last; last.Outcome != fsm.RolledBack || e.State().Mode != "desktop" {
				t.Errorf("%s: %s", last.Outcome, last.Message)
			}
		})
	})
	t.Run("expiry, and the way back on request", func(t *testing.T) {
		t.Parallel()
		for _, ask := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := start(t, w)
				defer stop(t, e)
				goes(t, e, fsm.Request{Mode: "studio", ConfirmWithin: time.Minute, UID: 1000})
				hold(w)
				if effect, err := e.CanSwitch(t.Context(), "desktop"); err != nil || effect == nil || !effect.Revert {
					t.Errorf("CanSwitch: %+v, %v", effect, err)
				}
				if ask {
					if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop", UID: 1000}); err != nil {
						t.Error(err)
					}
				} else {
					time.Sleep(2 * time.Minute)
				}
				settle(e)
				check(t, w, "reverted")
				if e.State().Mode != "desktop" {
					t.Errorf("mode %s", e.State().Mode)
				}
			})
		}
	})
	t.Run("a recovery after a crash", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("desktop")
			e := start(t, w)
			w.DieAt(8)
			goes(t, e, fsm.Request{Mode: "studio"})
			stop(t, e)
			w.Revive()
			hold(w)
			e = start(t, w)
			defer stop(t, e)
			settle(e)
			check(t, w, "recovered")
			if e.State().Mode != "desktop" || !slices.ContainsFunc(w.Log(), func(tr fsm.Transition) bool { return tr.Outcome == fsm.RolledBack }) {
				t.Errorf("mode %s, %+v", e.State().Mode, w.Log())
			}
		})
	})
	for name, how := range map[string]fsm.RecoverHow{"undo": fsm.RecoverUndo, "fresh": fsm.RecoverFresh} {
		t.Run("recover by "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := start(t, w)
				defer stop(t, e)
				w.Break("units/b", "do")
				w.Break("units/a", "undo")
				goes(t, e, fsm.Request{Mode: "studio"})
				w.Mend()
				hold(w)
				if err := e.Recover(t.Context(), how); err != nil {
					t.Fatal(err)
				}
				settle(e)
				check(t, w, "recovered")
				if e.State().Mode != "desktop" || e.State().Open != nil {
					t.Errorf("%+v", e.State())
				}
			})
		})
	}
	t.Run("boot", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("studio")
			hold(w)
			e := fsm.New(w.Config(toyCatalog(t)))
			defer stop(t, e)
			if boot, err := e.Start(t.Context(), true); err != nil || !boot {
				t.Fatal(boot, err)
			}
			if err := e.Boot(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			settle(e)
			if e.State().Mode != "desktop" {
				t.Errorf("mode %s", e.State().Mode)
			}
		})
	})
}
