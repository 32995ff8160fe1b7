package fsm_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// catalogOf is the toy catalog with some modes and edges only.
func catalogOf(t *testing.T, modes []string, edges ...fsm.Edge) *fsm.Catalog {
	t.Helper()
	all, spec := toyCatalog(t), fsm.CatalogSpec{Default: modes[0], Edges: edges}
	for _, name := range modes {
		mode, _ := all.Mode(name)
		spec.Modes = append(spec.Modes, mode)
	}
	c, err := fsm.NewCatalog(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// restart starts the next process with another configuration.
func restart(t *testing.T, w *fsmtest.World, catalog *fsm.Catalog) *fsm.Engine {
	t.Helper()
	w.Revive()
	e := startWith(t, w, w.Config(catalog))
	settle(e)
	return e
}

func TestAnOpenPlanIsUndoneWhateverTheConfigurationSaysNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		modes []string
		edges []fsm.Edge
		mode  string
		next  string
	}{
		"the edge vanished": {
			modes: []string{"desktop", "studio", "compute"}, mode: "desktop", next: "studio",
			edges: []fsm.Edge{{Event: "enter", From: "desktop", To: "studio"}, {Event: "on", From: "studio", To: "compute"}}},
		"the mode it went to vanished": {
			modes: []string{"desktop", "studio"}, mode: "desktop", next: "studio",
			edges: []fsm.Edge{{Event: "enter", From: "desktop", To: "studio", Through: true}}},
		"the mode it began in vanished": {
			modes: []string{"studio", "compute"}, mode: fsm.Boot, next: "studio",
			edges: []fsm.Edge{{Event: "on", From: "studio", To: "compute"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := start(t, w)
				w.DieAt(10)
				goes(t, e, fsm.Request{Mode: "compute"})
				stop(t, e)
				e = restart(t, w, catalogOf(t, c.modes, c.edges...))
				defer stop(t, e)
				if s := e.State(); s.Mode != c.mode || s.Open != nil || !maps.Equal(w.Knobs, knobsOf("desktop")) {
					t.Fatalf("mode %s, world %v", s.Mode, w.Knobs)
				}
				goes(t, e, fsm.Request{Mode: c.next})
				if s := e.State(); s.Mode != c.next {
					t.Errorf("mode %s: %+v", s.Mode, s.Last)
				}
			})
		})
	}
}

func TestAnUnconfirmedModeMeetsAnotherConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		modes []string
		edges []fsm.Edge
		mode  string
	}{
		"its edge vanished and it is confirmed": {
			modes: []string{"desktop", "studio"}, edges: []fsm.Edge{{Event: "other", From: "desktop", To: "studio", Through: true}}, mode: "studio"},
		"it vanished itself and is taken back": {modes: []string{"desktop"}, mode: "desktop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				e := start(t, w)
				id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio", ConfirmWithin: 2 * time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				settle(e)
				stop(t, e)
				e = restart(t, w, catalogOf(t, c.modes, c.edges...))
				defer stop(t, e)
				if err := e.Confirm(id); (err == nil) != (c.mode == "studio") {
					t.Errorf("confirm: %v", err)
				}
				settle(e)
				if s := e.State(); s.Mode != c.mode || s.Open != nil || !maps.Equal(w.Knobs, knobsOf(c.mode)) {
					t.Errorf("state %+v, world %v", s, w.Knobs)
				}
			})
		})
	}
}
