package fsm_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

var update = flag.Bool("update", false, "write the golden files")

// The workstation of the design, all kinds of settings included.
func workstation(t *testing.T) *fsm.Catalog {
	t.Helper()
	mode := func(name string, pairs ...string) fsm.Mode {
		m := fsm.Mode{Name: name, Headless: name == "compute"}
		for i := 0; i < len(pairs); i += 2 {
			s := set(pairs[i], pairs[i+1])
			s.Essential = s.Kind != "vllm" || m.Headless
			m.Settings = append(m.Settings, s)
		}
		return m
	}
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes: []fsm.Mode{
			mode("desktop", "gui", "on", "audio", "on", "gpus/gpu0", "display", "vllm/main", "gpu1", "k3s", "control-plane", "tune", "off",
				"target", "moded-desktop.target", "slices/system.slice", "100", "units/fstrim.timer", "active"),
			mode("studio", "gui", "on", "audio", "realtime", "gpus/gpu0", "display", "gpus/gpu1", "none", "vllm/main", "off", "k3s", "minimal", "tune", "low-latency",
				"target", "moded-studio.target", "slices/system.slice", "20", "units/fstrim.timer", "inactive"),
			mode("compute", "gui", "off", "audio", "off", "gpus/gpu0", "compute", "gpus/gpu1", "compute", "vllm/main", "gpu0+gpu1", "k3s", "full", "tune", "off",
				"target", "moded-compute.target", "slices/system.slice", "100", "units/fstrim.timer", "active"),
		},
		Edges: []fsm.Edge{
			{Event: "enter_studio", From: "desktop", To: "studio"},
			{Event: "exit_studio", From: "studio", To: "desktop"},
			{Event: "to_compute", From: "desktop", To: "compute", Through: true, Before: []string{"backup-projects.service"}},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true, After: []string{"welcome.service"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Rest values of the toys, as design §6 has them: gui and audio are at rest
// only when they are to be off.
func workstationWorld(knobs map[string]string) *fsmtest.World {
	w := fsmtest.NewWorld(knobs)
	for kind, rest := range map[string]string{"gui": "off", "audio": "off", "gpus": "nobody", "target": "", "units": "inactive", "vllm": "off", "k3s": "off"} {
		w.Rests[kind] = rest
	}
	w.SetPeople(dev)
	return w
}

func TestGoldenPlansOfT1ToT4(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to string }{
		"T1": {"desktop", "studio"}, "T2": {"studio", "desktop"}, "T3": {"desktop", "compute"}, "T4": {"compute", "desktop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				catalog := workstation(t)
				mode, _ := catalog.Mode(c.from)
				knobs := map[string]string{"gpus/gpu1": "compute"}
				for _, s := range mode.Settings {
					knobs[s.ID()] = strings.Trim(string(s.Value), `"`)
				}
				w := workstationWorld(knobs)
				e := startWith(t, w, w.Config(catalog))
				defer stop(t, e)
				plan, err := e.Plan(t.Context(), fsm.Request{Mode: c.to})
				if err != nil {
					t.Fatal(err)
				}
				golden(t, name+".plan", render(plan))
			})
		})
	}
}

// taking is a target that finds by name what it takes along.
type taking struct{ fsm.Action }

func (taking) Bind(_ context.Context, _ string, want fsm.Value, _ fsm.Context) (fsm.Value, error) {
	return fsm.NewValue("guest of " + string(want)), nil
}

func (taking) Units(_ string, want fsm.Value) []string { return []string{string(want)} }

func TestWhatATargetTakesAlongIsManaged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		catalog := workstation(t)
		mode, _ := catalog.Mode("desktop")
		knobs := map[string]string{}
		for _, s := range mode.Settings {
			knobs[s.ID()] = strings.Trim(string(s.Value), `"`)
		}
		w := workstationWorld(knobs)
		var q fsm.Question
		w.OnAsk = func(asked fsm.Question) { q = asked }
		cfg := w.Config(catalog)
		e := startWith(t, w, cfg)
		defer stop(t, e)
		cfg.Actions["target"] = taking{cfg.Actions["target"]}
		if _, err := e.Plan(t.Context(), fsm.Request{Mode: "studio"}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(q.Units, `"guest of \"moded-studio.target\""`) || !slices.Contains(q.Units, `"moded-desktop.target"`) {
			t.Errorf("the guards are told of %q", q.Units)
		}
	})
}

func render(p fsm.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s to %s, allowed %v\n", p.Event, p.From, p.To, p.Allowed)
	for _, st := range p.Steps {
		mark := ""
		if st.Index == p.NoReturn {
			mark = " <- point of no return"
		}
		if st.Background {
			mark = " (in the background)"
		}
		fmt.Fprintf(&b, "%2d %-13s %s -> %s%s\n", st.Index, st.Stage, st.Name(), st.Want, mark)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestAPlanTouchesNothingAndIsNeverRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		w.Answers["quiet"] = fsm.Deny
		w.Absent["units/b"] = true
		before := w.Saves
		p, err := e.Plan(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil || p.Allowed || len(p.Steps) == 0 || p.NoReturn != 0 || len(p.Ends) != 1 {
			t.Errorf("plan %+v, %v", p, err)
		}
		kinds := map[string]bool{}
		for _, v := range p.Verdicts {
			kinds[v.Kind] = true
		}
		if !kinds["preflight"] || !kinds["audio"] || len(w.Steps()) != 0 || w.Saves != before {
			t.Errorf("verdicts %+v", p.Verdicts)
		}
	})
}

func TestAPlanAgainstTheLawShowsTheLaw(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := start(t, newWorld("studio"))
		defer stop(t, e)
		p, err := e.Plan(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil || p.Allowed || p.Verdicts[0].Kind != "law" || !strings.Contains(p.Verdicts[0].Summary, "go through desktop") {
			t.Errorf("plan %+v, %v", p.Verdicts, err)
		}
	})
}

func TestAMissingThingIsSkippedOrRefusedAsTheSettingSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		missing fsm.Missing
		allowed bool
		steps   int
	}{"skip": {fsm.Skip, true, 1}, "refuse": {fsm.Refuse, false, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ghost := set("units/ghost", "1")
				ghost.WhenMissing = c.missing
				catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "here",
					Modes: []fsm.Mode{{Name: "here", Settings: []fsm.Setting{set("units/a", "1")}}, {Name: "there", Settings: []fsm.Setting{set("units/a", "2"), ghost}}},
					Edges: []fsm.Edge{{Event: "go", From: "here", To: "there"}, {Event: "back", From: "there", To: "here"}}})
				if err != nil {
					t.Fatal(err)
				}
				w := fsmtest.NewWorld(map[string]string{"units/a": "1"})
				w.Absent["units/ghost"] = true
				e := startWith(t, w, w.Config(catalog))
				defer stop(t, e)
				p, err := e.Plan(t.Context(), fsm.Request{Mode: "there"})
				if err != nil || p.Allowed != c.allowed || len(p.Steps) != c.steps {
					t.Errorf("plan %+v, %v", p, err)
				}
				_, err = e.Switch(t.Context(), fsm.Request{Mode: "there"})
				settle(e)
				if (err == nil) != c.allowed || (e.State().Mode == "there") != c.allowed {
					t.Errorf("mode %s, %v", e.State().Mode, err)
				}
			})
		})
	}
}

func TestALoginScreenIsEndedButIsNobodysLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		greeter := fsm.Session{ID: "c1", UID: 120, User: "gdm", Seat: "seat0", Class: "greeter", Type: "wayland"}
		w.SetPeople(greeter)
		e := start(t, w)
		defer stop(t, e)
		p, err := e.Plan(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil || p.NoReturn != -1 || len(p.Ends) != 1 {
			t.Errorf("no return at %d, ends %v, %v", p.NoReturn, p.Ends, err)
		}
	})
}

// advising is an action that would have something mended.
type advising struct{ fsm.Action }

func (advising) Advise(_ context.Context, key string, _ fsm.Value) []fsm.Advice {
	return []fsm.Advice{{Code: "rusty", Summary: key + " is rusty", Remedy: "oil it"}}
}

// Advice is about steps that will be done, and stops none of them.
func TestAdviceIsAWarningOfThePlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		cfg := w.Config(toyCatalog(t))
		cfg.Actions["units"] = advising{cfg.Actions["units"]}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		w.Set("units/b", "2")
		p, err := e.Plan(t.Context(), fsm.Request{Mode: "studio"})
		if err != nil || !p.Allowed {
			t.Fatalf("allowed is %v, %v: %v", p.Allowed, err, p.Verdicts)
		}
		var got []string
		for _, v := range p.Verdicts {
			if v.Outcome == fsm.Warn {
				got = append(got, v.Guard+": "+v.Code+": "+v.Summary+": "+v.Remedy)
			}
		}
		want := []string{"units/a: rusty: a is rusty: oil it", "units/c: rusty: c is rusty: oil it"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// guarding is an action that holds a unit while its knob stands at 1.
type guarding struct{ fsm.Action }

func (guarding) Gates(key string, want fsm.Value) []string {
	if want != fsm.NewValue("1") {
		return nil
	}
	return []string{key + ".service"}
}

// What a mode held and the next one does not speak of is nobody's again.
func TestGatesOpenOnTheWayToAModeThatDoesNotCare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop",
			Modes: []fsm.Mode{
				{Name: "desktop", Settings: []fsm.Setting{set("units/a", "1"), set("units/b", "1"), set("units/c", "1")}},
				{Name: "studio", Settings: []fsm.Setting{set("units/a", "1"), set("units/b", "2")}},
			},
			Edges: []fsm.Edge{{Event: "enter_studio", From: "desktop", To: "studio"}, {Event: "exit_studio", From: "studio", To: "desktop"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		w := fsmtest.NewWorld(map[string]string{"units/a": "1", "units/b": "1", "units/c": "1", "gate/c.service": "shut"})
		cfg := w.Config(catalog)
		cfg.Actions["units"] = guarding{cfg.Actions["units"]}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		p, err := e.Plan(t.Context(), fsm.Request{Mode: "studio"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, st := range p.Steps {
			got = append(got, st.Name())
		}
		if diff := cmp.Diff([]string{"units/b acquire", "gate/c.service acquire"}, got); diff != "" {
			t.Errorf("%s\n%v", diff, p.Verdicts)
		}
	})
}

// Design §6: root with the override flag can always reach the default mode.
func TestRootIsNotKeptFromTheDefaultModeByWhatItLacks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from string
		req  fsm.Request
		want bool
	}{
		"root with the override":    {"compute", fsm.Request{Mode: "desktop", Override: true}, true},
		"root without":              {"compute", fsm.Request{Mode: "desktop"}, false},
		"somebody else with it":     {"compute", fsm.Request{Mode: "desktop", Override: true, UID: 1000}, false},
		"root to another mode":      {"desktop", fsm.Request{Mode: "studio", Override: true}, false},
		"root where no edge leads":  {"studio", fsm.Request{Mode: "desktop", Override: true}, true},
		"root after a grace period": {"desktop", fsm.Request{Mode: "compute", Override: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(c.from)
				e := start(t, w)
				defer stop(t, e)
				w.Absent["units/b"] = true
				p, err := e.Plan(t.Context(), c.req)
				if err != nil || p.Allowed != c.want || len(p.Lacks) != 1 {
					t.Errorf("plan allowed %v, lacks %v, %v", p.Allowed, p.Lacks, err)
				}
				_, err = e.Switch(t.Context(), c.req)
				settle(e)
				s := e.State()
				if (err == nil) != c.want || (s.Mode == c.req.Mode) != c.want {
					t.Fatalf("in %s: %v", s.Mode, err)
				}
				if c.want && (w.Get("units/a") != "1" || !strings.Contains(strings.Join(s.Degraded, "; "), "units/b")) {
					t.Errorf("units/a is %s, degraded %v", w.Get("units/a"), s.Degraded)
				}
			})
		})
	}
}
