package fsm_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// set states an essential knob; id is "kind/key".
func set(id, value string) fsm.Setting {
	kind, key, _ := strings.Cut(id, "/")
	return fsm.Setting{Kind: kind, Key: key, Value: fsm.NewValue(value), Essential: true, WhenMissing: fsm.Refuse}
}

// toyCatalog has desktop and studio with a direct edge each way, and compute
// behind a through-edge.
func toyCatalog(t *testing.T) *fsm.Catalog {
	t.Helper()
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes: []fsm.Mode{
			{Name: "desktop", Settings: []fsm.Setting{set("units/a", "1"), set("units/b", "1"), set("units/c", "1"), set("gui", "on")}},
			{Name: "studio", Settings: []fsm.Setting{set("units/a", "2"), set("units/b", "2"), set("units/c", "2"), set("gui", "on")}},
			{Name: "compute", Headless: true, Settings: []fsm.Setting{set("units/a", "3"), set("units/b", "3"), set("units/c", "3"), set("gui", "off")}},
		},
		Guards: []fsm.GuardSpec{{Name: "quiet", Kind: "audio", LastLook: true}, {Name: "calm", Kind: "load"}, {Name: "law", Kind: "unit", Final: true}},
		Edges: []fsm.Edge{
			{Event: "enter_studio", From: "desktop", To: "studio", Guards: []string{"calm"}},
			{Event: "exit_studio", From: "studio", To: "desktop"},
			{Event: "enforced_exit", From: "studio", To: "desktop", Triggers: []string{"pipewire-gone"}},
			{Event: "to_compute", From: "desktop", To: "compute", Through: true, Grace: 30 * time.Second, Guards: []string{"quiet", "calm", "law"}, Triggers: []string{"manual", "idle"}},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func knobsOf(mode string) map[string]string {
	switch mode {
	case "studio":
		return map[string]string{"units/a": "2", "units/b": "2", "units/c": "2", "gui": "on"}
	case "compute":
		return map[string]string{"units/a": "3", "units/b": "3", "units/c": "3", "gui": "off"}
	}
	return map[string]string{"units/a": "1", "units/b": "1", "units/c": "1", "gui": "on"}
}

func newWorld(mode string) *fsmtest.World {
	w := fsmtest.NewWorld(knobsOf(mode))
	w.Rests["gui"] = "off"
	return w
}

var dev = fsm.Session{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland"}

// start runs an engine on the world until the test ends, adopting what is there.
func start(t *testing.T, w *fsmtest.World) *fsm.Engine {
	t.Helper()
	return startWith(t, w, w.Config(toyCatalog(t)))
}

func startWith(t *testing.T, _ *fsmtest.World, cfg fsm.Config) *fsm.Engine {
	t.Helper()
	e := fsm.New(cfg)
	if _, err := e.Start(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return e
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

// begins makes a request that is not refused.
func begins(t *testing.T, e *fsm.Engine, req fsm.Request) {
	t.Helper()
	if _, err := e.Switch(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// goes makes it and settles, wherever that is.
func goes(t *testing.T, e *fsm.Engine, req fsm.Request) {
	t.Helper()
	begins(t, e, req)
	settle(e)
}

// settle waits until nothing moves any more.
func settle(e *fsm.Engine) {
	for range 5000 {
		synctest.Wait()
		s := e.State()
		if s.Open == nil || s.Open.Phase == fsm.StuckPhase || s.Open.Phase == fsm.AwaitingConfirm {
			return
		}
		time.Sleep(time.Second)
	}
}

func stop(t *testing.T, e *fsm.Engine) {
	t.Helper()
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
