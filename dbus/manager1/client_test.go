package manager1_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

func serve(t *testing.T, d *manager1test.Daemon) (*manager1.Client, string) {
	t.Helper()
	address := manager1test.Bus(t)
	d.Serve(t, address)
	return manager1.New(manager1test.Connect(t, address)), address
}

func TestEachMethodReachesTheDaemon(t *testing.T) {
	t.Parallel()
	plan := manager1.Plan{Allowed: true, Verdicts: []manager1.Verdict{verdict}, Steps: []manager1.Step{step}}
	d := &manager1test.Daemon{
		Plans:   map[string]manager1.Plan{"compute": plan},
		Modes:   []manager1.ModeInfo{{Mode: "desktop", Way: []string{}, Settings: []string{"gui on"}}},
		Holds:   []manager1.HoldInfo{{Scope: "all", Who: "w"}},
		Records: []manager1.Record{record},
		NextID:  42,
	}
	c, _ := serve(t, d)
	ctx := t.Context()
	check := func(what string, got any, err error, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", what, got, err, want)
		}
	}
	id, err := c.SwitchMode(ctx, manager1.SwitchRequest{Mode: "compute", Flags: 3, ConfirmWithin: 1500 * time.Millisecond, Reason: "r"})
	check("SwitchMode", id, err, uint32(42))
	p, err := c.Plan(ctx, "compute", 1)
	check("Plan", p, err, plan)
	can, err := c.CanSwitch(ctx, "compute")
	check("CanSwitch", can, err, "yes")
	modes, err := c.ListModes(ctx)
	check("ListModes", modes, err, d.Modes)
	holds, err := c.ListHolds(ctx)
	check("ListHolds", holds, err, d.Holds)
	one, err := c.GetTransition(ctx, 9)
	check("GetTransition", one, err, record)
	history, err := c.ListHistory(ctx, 5)
	if err != nil || len(history) != 1 || history[0].ID != 9 || len(history[0].Steps) != 0 {
		t.Errorf("ListHistory: %+v, %v", history, err)
	}
	_, err = c.Resources(ctx)
	check("Resources", 0, err, 0)
	_, err = c.Verify(ctx)
	check("Verify", 0, err, 0)
	_, err = c.Hold(ctx, manager1.HoldAll, "w", "y")
	check("Hold", 0, err, 0)
	for what, err := range map[string]error{
		"Cancel": c.Cancel(ctx, 1), "Confirm": c.Confirm(ctx, 1), "Proceed": c.Proceed(ctx, 1),
		"Recover": c.Recover(ctx, 2), "Reload": c.Reload(ctx), "Release": c.Release(ctx, 1),
	} {
		check(what, 0, err, 0)
	}
	if first := d.Calls()[0]; !reflect.DeepEqual(first.Args, []any{"compute", uint32(3), uint32(2), "r"}) {
		t.Errorf("SwitchMode was asked %v", first.Args)
	}
}

func TestOnlyCallsThatMayPromptAllowInteraction(t *testing.T) {
	t.Parallel()
	d := &manager1test.Daemon{NeedsPrompt: map[string]bool{"Reload": true}}
	c, _ := serve(t, d)
	if err := c.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Quiet().Reload(t.Context()); !manager1.Is(err, manager1.ErrInteractive) {
		t.Errorf("got %v", err)
	}
	_, _ = c.ListModes(t.Context())
	for i, want := range []dbus.Flags{
		dbus.FlagNoAutoStart | dbus.FlagAllowInteractiveAuthorization, dbus.FlagNoAutoStart, dbus.FlagNoAutoStart,
	} {
		if call := d.Calls()[i]; call.Flags != want {
			t.Errorf("%s came with flags %d, want %d", call.Method, call.Flags, want)
		}
	}
}

func TestErrorsKeepTheirNames(t *testing.T) {
	t.Parallel()
	d := &manager1test.Daemon{Errors: map[string]*manager1.Error{
		"SwitchMode": {Name: manager1.ErrRefused, Message: "refused as 7:\nREAPER is\x1b recording", ID: 7},
	}}
	c, address := serve(t, d)
	_, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	want := &manager1.Error{Name: manager1.ErrRefused, Message: "refused as 7:\nREAPER is recording", ID: 7}
	if !reflect.DeepEqual(err, want) {
		t.Errorf("got %#v", err)
	}
	d.Stop()
	if _, err := c.Properties(t.Context()); !manager1.Is(err, manager1.ErrNoDaemon) {
		t.Errorf("without a daemon: %v", err)
	}
	if _, err := manager1.Dial(address + "x"); !manager1.Is(err, manager1.ErrNoDaemon) {
		t.Errorf("without a bus: %v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &manager1test.Daemon{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ListModes(ctx); err == nil || manager1.Is(err, manager1.ErrNoDaemon) {
		t.Errorf("got %v", err)
	}
}

func next(t *testing.T, events <-chan manager1.Event) manager1.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the watch ended")
		}
		return e
	case <-time.After(2 * time.Minute):
		t.Fatal("no event")
	}
	return manager1.Event{}
}

func TestWatchAsksADaemonAgainThatDidNotAnswer(t *testing.T) {
	t.Parallel()
	d := &manager1test.Daemon{Properties: manager1.Properties{Mode: "desktop"}}
	c, _ := serve(t, d)
	d.Fail("GetAll", 2, manager1.Errorf(manager1.ErrNotSupported, "not yet"))
	events, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Kind != manager1.EventVanished {
		t.Errorf("got %+v", e)
	}
	if e := next(t, events); e.Kind != manager1.EventAppeared || e.Properties.Mode != "desktop" {
		t.Errorf("got %+v", e)
	}
}

func TestWatchTellsTheStoryInOrderAndBelievesTheOwnerOnly(t *testing.T) {
	t.Parallel()
	d := &manager1test.Daemon{Properties: manager1.Properties{Mode: "desktop"}}
	c, address := serve(t, d)
	events, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Kind != manager1.EventAppeared || e.Properties.Mode != "desktop" {
		t.Errorf("got %+v", e)
	}
	liar := manager1test.Connect(t, address)
	_ = liar.Emit(manager1.Path, manager1.Interface+".ModeChanged", "desktop", "evil", uint32(1))
	forged := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(manager1.UniqueName(c)), dbus.FieldPath: dbus.MakeVariant(manager1.Path),
		dbus.FieldInterface: dbus.MakeVariant(manager1.Interface), dbus.FieldMember: dbus.MakeVariant("ModeChanged"),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf("", "", uint32(0))),
	}, Body: []any{"desktop", "evil", uint32(1)}}
	liar.Send(forged, nil)
	_ = liar.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err // the bus has passed it on
	d.Change(func(p *manager1.Properties) { p.Mode = "studio" })
	d.Emit(manager1.SignalModeChanged, "desktop", "studio", uint32(3))
	d.Emit(manager1.SignalModeChanged, "malformed")
	d.Step(3, 1, 2, "gui release", "doing")
	for _, want := range []manager1.Event{
		{Kind: manager1.EventProperties},
		{Kind: manager1.EventModeChanged, From: "desktop", To: "studio", ID: 3},
		{Kind: manager1.EventProperties},
		{Kind: manager1.EventStepChanged, ID: 3, Index: 1, Total: 2, Step: "gui release", Status: "doing"},
	} {
		got := next(t, events)
		if want.Kind == manager1.EventProperties && got.Properties.Mode != "studio" {
			t.Errorf("got %+v", got.Properties)
		}
		got.Properties = nil
		if got != want {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	}
	d.Stop()
	if e := next(t, events); e.Kind != manager1.EventVanished {
		t.Errorf("got %+v", e)
	}
	again := &manager1test.Daemon{Properties: manager1.Properties{Mode: "compute"}}
	again.Serve(t, address)
	if e := next(t, events); e.Kind != manager1.EventAppeared || e.Properties.Mode != "compute" {
		t.Errorf("got %+v", e)
	}
}
