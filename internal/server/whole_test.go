package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// whole is a server with the real engine over a toy machine that is in desktop
// mode; one guard, load, watches the way to compute.
func whole(t *testing.T) (*fsmtest.World, *manager1.Client) {
	t.Helper()
	knob := func(kind, key, value string) fsm.Setting {
		return fsm.Setting{Kind: kind, Key: key, Value: fsm.NewValue(value), Essential: true, WhenMissing: fsm.Refuse}
	}
	catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop",
		Modes: []fsm.Mode{{Name: "desktop", Settings: []fsm.Setting{knob("units", "ai", "1"), knob("gui", "", "on")}},
			{Name: "compute", Headless: true, Settings: []fsm.Setting{knob("units", "ai", "2"), knob("gui", "", "off")}}},
		Guards: []fsm.GuardSpec{{Name: "load", Kind: "load"}},
		Edges: []fsm.Edge{{Event: "to_compute", From: "desktop", To: "compute", Through: true, Guards: []string{"load"}},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true}}})
	if err != nil {
		t.Fatal(err)
	}
	w := fsmtest.NewWorld(map[string]string{"units/ai": "1", "gui": "on"})
	w.Rests["gui"] = "off"
	b := bustest.Start(t)
	s := server.New(server.Config{Address: b.Address, Version: "1",
		Resources: func(context.Context) (*facts.Facts, error) { return &facts.Facts{}, nil }})
	cfg := w.Config(catalog)
	cfg.Observer, cfg.Notifier = s, s.Agents()
	e := fsm.New(cfg)
	if err := s.Listen(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := e.Start(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(context.WithoutCancel(t.Context())) })
	c, err := manager1.Dial(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return w, c
}

// settled waits until the machine is in a mode and nothing is open.
func settled(t *testing.T, events <-chan manager1.Event, c *manager1.Client, mode string) manager1.Properties {
	t.Helper()
	for {
		p, err := c.Properties(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.Mode == mode && !p.Transition.Open() {
			return p
		}
		if _, ok := <-events; !ok {
			t.Fatal("the daemon is gone")
		}
	}
}

func TestTheWholeWayOverTheBus(t *testing.T) {
	t.Parallel()
	w, c := whole(t)
	events, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settled(t, events, c, "desktop")
	if id, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "desktop"}); err != nil || id != 0 {
		t.Errorf("already there: %d, %v", id, err)
	}
	id, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute", Reason: "training"})
	if err != nil || id == 0 {
		t.Fatalf("got %d, %v", id, err)
	}
	p := settled(t, events, c, "compute")
	if last := p.LastTransition; last.ID != id || last.Outcome != "settled" || last.Reason != "training" || last.From != "desktop" {
		t.Errorf("last %+v", last)
	}
	if got := w.Get("units/ai"); got != "2" {
		t.Errorf("the knob is at %s", got)
	}
	full, err := c.GetTransition(t.Context(), id)
	if err != nil || len(full.Steps) == 0 || full.Steps[0].Status != "done" || full.Facts == "" {
		t.Errorf("transition %+v, %v", full, err)
	}
	if rows, err := c.Verify(t.Context()); err != nil || len(rows) != 2 || !rows[0].Settled || !rows[1].Settled {
		t.Errorf("verify %+v, %v", rows, err)
	}
}

func TestARefusalOverTheBus(t *testing.T) {
	t.Parallel()
	w, c := whole(t)
	events, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settled(t, events, c, "desktop")
	w.Answers["load"] = fsm.Deny
	plan, err := c.Plan(t.Context(), "compute", 0)
	if err != nil || plan.Allowed || len(plan.Steps) == 0 {
		t.Errorf("plan %+v, %v", plan, err)
	}
	_, err = c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	wantError(t, err, manager1.ErrRefused)
	if !strings.Contains(err.Error(), "load: load says deny") {
		t.Errorf("got %q", err)
	}
	p, err := c.Properties(t.Context())
	if err != nil || p.LastTransition.Outcome != "refused" || p.Mode != "desktop" || len(p.LastVerdicts) == 0 {
		t.Errorf("properties %+v, %v", p, err)
	}
	if _, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute", Flags: manager1.OverrideGuards}); err != nil {
		t.Errorf("override: %v", err)
	}
	settled(t, events, c, "compute")
	wantError(t, c.Recover(t.Context(), 0), manager1.ErrNotFound)
	w.SetHolds(fsm.Hold{Scope: fsm.HoldAutomatic, Who: "kdenlive", UID: alice, User: "alice"})
	timer := manager1.SwitchRequest{Mode: "desktop", Flags: manager1.Automatic, Reason: "morning"}
	if _, err := c.SwitchMode(t.Context(), timer); !manager1.Is(err, manager1.ErrRefused) || !strings.Contains(err.Error(), "holds") {
		t.Errorf("a timer's request against a hold: %v", err)
	}
	if _, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "desktop"}); err != nil {
		t.Errorf("a person's request: %v", err)
	}
	settled(t, events, c, "desktop")
}
