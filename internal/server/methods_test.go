package server_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

func TestASwitchReachesTheEngineAsItWasAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	id, err := r.client().SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio", Flags: 3,
		ConfirmWithin: 2 * time.Minute, Reason: "a take, mit Umlauten: äöü"})
	if err != nil || id != 7 {
		t.Fatalf("got %d, %v", id, err)
	}
	got := r.engine.asked[0]
	got.Authorize, got.UID = nil, 0
	want := fsm.Request{Mode: "studio", Override: true, SkipCountdown: true, ConfirmWithin: 2 * time.Minute,
		Reason: "a take, mit Umlauten: äöü", Trigger: "manual"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("asked %+v", got)
	}
}

func TestBadArgumentsNeverReachTheEngine(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	for name, test := range map[string]struct {
		request manager1.SwitchRequest
		want    string
	}{
		"an unknown flag":           {manager1.SwitchRequest{Mode: "studio", Flags: 8}, manager1.ErrInvalidArgument},
		"a long reason":             {manager1.SwitchRequest{Mode: "studio", Reason: strings.Repeat("ä", 129)}, manager1.ErrInvalidArgument},
		"a newline":                 {manager1.SwitchRequest{Mode: "studio", Reason: "a\nb"}, manager1.ErrInvalidArgument},
		"an escape":                 {manager1.SwitchRequest{Mode: "studio", Reason: "\x1b[2J"}, manager1.ErrInvalidArgument},
		"another direction":         {manager1.SwitchRequest{Mode: "studio", Reason: "a\u202eb"}, manager1.ErrInvalidArgument},
		"nothing to see":            {manager1.SwitchRequest{Mode: "studio", Reason: "a\u200bb"}, manager1.ErrInvalidArgument},
		"more than a day":           {manager1.SwitchRequest{Mode: "studio", ConfirmWithin: 86401 * time.Second}, manager1.ErrInvalidArgument},
		"no mode":                   {manager1.SwitchRequest{}, manager1.ErrUnknownMode},
		"a path for a mode":         {manager1.SwitchRequest{Mode: "../etc"}, manager1.ErrUnknownMode},
		"a mode with an escape":     {manager1.SwitchRequest{Mode: "studio\x1b[2J"}, manager1.ErrUnknownMode},
		"a mode of 33 characters":   {manager1.SwitchRequest{Mode: strings.Repeat("m", 33)}, manager1.ErrUnknownMode},
		"a mode in capital letters": {manager1.SwitchRequest{Mode: "Studio"}, manager1.ErrUnknownMode},
	} {
		_, err := c.SwitchMode(t.Context(), test.request)
		wantError(t, err, test.want)
		if err != nil && test.request.Mode != "" && test.want == manager1.ErrUnknownMode &&
			(strings.Contains(err.Error(), test.request.Mode) || !strings.Contains(err.Error(), "desktop, studio, compute")) {
			t.Errorf("%s: %q", name, err)
		}
	}
	if len(r.engine.asked) > 0 {
		t.Errorf("the engine was asked: %+v", r.engine.asked)
	}
	if _, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio", Reason: strings.Repeat("ä", 128)}); err != nil {
		t.Errorf("128 characters are refused: %v", err)
	}
	for _, err := range []error{
		second(c.Plan(t.Context(), "studio", 8)), c.Recover(t.Context(), 3),
	} {
		wantError(t, err, manager1.ErrInvalidArgument)
	}
	wantError(t, second(c.Plan(t.Context(), "\x1b", 0)), manager1.ErrUnknownMode)
	wantError(t, second(c.CanSwitch(t.Context(), "Ä")), manager1.ErrUnknownMode)
}

func second[T any](_ T, err error) error { return err }

func TestEachErrorOfTheEngineHasItsName(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	for _, test := range []struct {
		fail error
		want string
	}{
		{&fsm.RequestError{Kind: fsm.ErrUnknownMode, Text: "x"}, manager1.ErrUnknownMode},
		{&fsm.RequestError{Kind: fsm.ErrNotAllowed, Text: "x"}, manager1.ErrNotAllowed},
		{&fsm.RequestError{Kind: fsm.ErrBusy, Text: "x"}, manager1.ErrBusy},
		{&fsm.RequestError{Kind: fsm.ErrRefused, Text: "x"}, manager1.ErrRefused},
		{&fsm.RequestError{Kind: fsm.ErrStuck, Text: "x"}, manager1.ErrStuck},
		{&fsm.RequestError{Kind: fsm.ErrSafeMode, Text: "x"}, manager1.ErrStuck},
		{&fsm.RequestError{Kind: fsm.ErrNotFound, Text: "x"}, manager1.ErrNotFound},
		{&fsm.RequestError{Kind: fsm.ErrInvalid, Text: "x"}, manager1.ErrInvalidArgument},
		{&fsm.RequestError{Kind: fsm.ErrAccessDenied, Text: "x"}, manager1.ErrAccessDenied},
		{errors.New("open /var/lib/moded/secret: no"), manager1.ErrFailed},
		{context.DeadlineExceeded, manager1.ErrFailed},
	} {
		r.engine.mu.Lock()
		r.engine.fail = test.fail
		r.engine.mu.Unlock()
		_, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio"})
		wantError(t, err, test.want)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the caller reads %q", err)
		}
	}
}

func TestARefusalNamesItsIdAndEveryReason(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, _ *server.Config) {
		e.fail = &fsm.RequestError{Kind: fsm.ErrRefused, ID: 12, Text: "refused", Verdicts: []fsm.Verdict{
			{Guard: "take", Outcome: fsm.Deny, Summary: "REAPER is recording", Remedy: "stop the take", Culprits: []fsm.Culprit{{Comm: "reaper", PID: 42}}},
			{Guard: "fine", Outcome: fsm.Pass, Summary: "all is well"},
			{Guard: "load", Outcome: fsm.Unknown, Summary: "the load is\x1b high", Measured: "0.93", Limit: "0.50"}}}
		e.log = []fsm.Transition{{ID: 12, From: "desktop", To: "compute", Outcome: fsm.Refused, Mode: "desktop"}}
	})
	c := r.client()
	_, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	var e *manager1.Error
	if !errors.As(err, &e) || e.Name != manager1.ErrRefused || e.ID != 12 {
		t.Fatalf("got %#v", err)
	}
	want := "refused; the history keeps it as 12\ntake: REAPER is recording; by reaper (42); stop the take\nload: the load is high (0.93, the limit is 0.50)"
	if e.Message != want {
		t.Errorf("got  %q\nwant %q", e.Message, want)
	}
	p, err := c.Properties(t.Context())
	if err != nil || p.LastTransition.ID != 12 || p.LastTransition.Outcome != "refused" {
		t.Errorf("last %+v, %v", p.LastTransition, err)
	}
}

func TestThePlanIsShownAsTheContractSays(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, _ *server.Config) {
		ends := []fsm.Session{{ID: "3", UID: alice, User: "alice", Seat: "seat0", Type: "wayland", Class: "user"}, {ID: "c1", User: "gdm", Class: "greeter"}}
		e.plan = fsm.Plan{Allowed: false, Ends: ends, Verdicts: []fsm.Verdict{{Guard: "a", Outcome: fsm.Pass}, {Guard: "b", Outcome: fsm.Deny}},
			Steps: []fsm.Step{{Kind: "gui", Leg: fsm.Release, Stage: fsm.StageEndGUI, Summary: "end the GUI", Essential: true, Irreversible: true, Status: fsm.Pending},
				{Index: 1, Kind: "units", Key: "ai.service", Leg: fsm.Acquire, Stage: fsm.StageUnits, Status: fsm.Pending}}}
	})
	p, err := r.client().Plan(t.Context(), "compute", 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Allowed || p.Verdicts[0].Guard != "b" || p.PointOfNoReturn() != 0 ||
		!slices.Equal(p.Ends(), []string{"session 3 of alice on seat0 (wayland)"}) {
		t.Errorf("plan %+v", p)
	}
	if s := p.Steps[1]; s.Name != "units/ai.service acquire" || s.Stage != "units" || s.Phase != "acquire" || s.Index != 1 {
		t.Errorf("step %+v", s)
	}
}

func TestCancelConfirmAndProceedWantTheirTransition(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	calls := map[string]func(context.Context, uint32) error{"cancel": c.Cancel, "confirm": c.Confirm, "proceed": c.Proceed}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			wantError(t, call(t.Context(), 0), manager1.ErrNotFound)
			wantError(t, call(t.Context(), 7), manager1.ErrNotFound)
		})
	}
	r.engine.set(fsm.State{Mode: "desktop", Open: &fsm.Progress{ID: 7, Phase: fsm.StuckPhase}})
	wantError(t, c.Cancel(t.Context(), 7), manager1.ErrStuck)
	wantError(t, c.Confirm(t.Context(), 7), manager1.ErrNotFound)
	for name, phase := range map[string]fsm.Phase{"cancel": fsm.Running, "confirm": fsm.AwaitingConfirm, "proceed": fsm.Grace} {
		r.engine.set(fsm.State{Mode: "desktop", Open: &fsm.Progress{ID: 7, Phase: phase}})
		if err := calls[name](t.Context(), 7); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantError(t, calls[name](t.Context(), 8), manager1.ErrNotFound)
	}
	if got := r.engine.done(); len(got) != 3 {
		t.Errorf("the engine did %v", got)
	}
}

func TestReloadShowsWhatIsWrong(t *testing.T) {
	t.Parallel()
	var result error
	r := newRig(t, func(_ *engine, cfg *server.Config) { cfg.Reload = func(context.Context) error { return result } })
	c := r.client()
	if err := c.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	result = errors.New("moded.toml:3:7: no such knob")
	err := c.Reload(t.Context())
	wantError(t, err, manager1.ErrInvalidArgument)
	if err.Error() != "moded.toml:3:7: no such knob" {
		t.Errorf("got %q", err)
	}
	result = &fsm.RequestError{Kind: fsm.ErrBusy, Text: "later"}
	wantError(t, c.Reload(t.Context()), manager1.ErrBusy)
}

func TestTheListsShowCatalogHistoryAndMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, cfg *server.Config) {
		e.log = []fsm.Transition{{ID: 9, From: "compute", To: "desktop", Outcome: fsm.Stuck, Mode: "compute", Lost: []fsm.Session{{ID: "3", User: "dev"}}}, {ID: 8}}
		e.differs = []fsm.Difference{{Kind: "gui", Problem: "it is off"}}
		cfg.Resources = func(context.Context) (*facts.Facts, error) {
			return &facts.Facts{Load: facts.Load{CPUs: 8, Load1: 0.5}, GPUs: facts.GPUs{List: []facts.GPU{{PCI: "0000:01:00.0", BusyPercent: 3}}},
				Memory: facts.Memory{Part: facts.Part{Unknown: "no answer"}}}, nil
		}
	})
	c := r.client()
	modes, err := c.ListModes(t.Context())
	if err != nil || len(modes) != 3 {
		t.Fatalf("modes %+v, %v", modes, err)
	}
	if m := modes[0]; !m.Current || !m.Default || !m.Reachable || len(m.Way) > 0 || !slices.Equal(m.Settings, []string{"gui on"}) {
		t.Errorf("mode %+v", m)
	}
	if m := modes[2]; m.Current || !m.Headless || !slices.Equal(m.Way, []string{"compute"}) {
		t.Errorf("mode %+v", m)
	}
	list, err := c.ListHistory(t.Context(), 0)
	if err != nil || len(list) != 2 || list[0].ID != 9 || list[0].Mode != "transitioning" || list[0].Lost[0] != "programs of dev (session 3)" {
		t.Errorf("history %+v, %v", list, err)
	}
	if got, err := c.GetTransition(t.Context(), 0); err != nil || got.ID != 9 {
		t.Errorf("newest %+v, %v", got, err)
	}
	wantError(t, second(c.GetTransition(t.Context(), 99)), manager1.ErrNotFound)
	res, err := c.Resources(t.Context())
	if err != nil || res.CPUs != 8 || res.GPUs[0].Role != "any" || !slices.Equal(res.Unknown, []string{"memory: no answer"}) || !strings.Contains(res.Facts, `"cpus":8`) {
		t.Errorf("resources %+v, %v", res, err)
	}
	settings, err := c.Verify(t.Context())
	if err != nil || len(settings) != 1 || settings[0].Settled || settings[0].Have != "it is off" || settings[0].Want != "on" {
		t.Errorf("verify %+v, %v", settings, err)
	}
	r.engine.mu.Lock()
	r.engine.differs = []fsm.Difference{{Kind: "gui", Problem: "PID 1 does not answer", Unseen: true}}
	r.engine.mu.Unlock()
	r.engine.set(fsm.State{Mode: fsm.Transitioning, Target: "desktop"})
	settings, err = c.Verify(t.Context())
	if err != nil || len(settings) != 1 || settings[0].Settled || settings[0].Have != "" || settings[0].Error != "PID 1 does not answer" {
		t.Errorf("verify on the way to desktop, blind: %+v, %v", settings, err)
	}
	holds, err := c.ListHolds(t.Context())
	if err != nil || len(holds) != 0 {
		t.Errorf("holds %+v, %v", holds, err)
	}
	r.engine.set(fsm.State{Mode: "compute"})
	if res, err := c.Resources(t.Context()); err != nil || res.GPUs[0].Role != "compute" {
		t.Errorf("resources %+v, %v", res, err)
	}
}

func TestCanSwitchForTheDaemonsOwnUid(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	if got, err := c.CanSwitch(t.Context(), "studio"); err != nil || got != manager1.CanYes {
		t.Errorf("got %s, %v", got, err)
	}
	r.engine.mu.Lock()
	r.engine.fail = &fsm.RequestError{Kind: fsm.ErrBusy, Text: "x"}
	r.engine.mu.Unlock()
	if got, err := c.CanSwitch(t.Context(), "studio"); err != nil || got != manager1.CanNotNow {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestASecondDaemonIsToldThatTheNameIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s := server.New(server.Config{Address: r.bus.Address})
	if err := s.Listen(t.Context(), r.engine); !errors.Is(err, server.ErrNameTaken) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutABusListenFails(t *testing.T) {
	t.Parallel()
	s := server.New(server.Config{Address: "unix:path=/nonexistent/bus"})
	if err := s.Listen(t.Context(), &engine{catalog: catalog(t)}); err == nil {
		t.Error("there is no such bus")
	}
	_ = s.Close()
}

func TestIntrospectionIsTheXML(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	conn := r.bus.Connect(t)
	for path, want := range map[dbus.ObjectPath]string{manager1.Path: "what this machine is in", "/": `name="org"`, "/org/modectl": `name="Manager1"`} {
		var text string
		if err := conn.Object(manager1.BusName, path).Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&text); err != nil {
			t.Fatal(err)
		}
		if path == manager1.Path {
			want = "org.modectl.Agents1"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %s", path, text)
		}
	}
	if err := conn.Object(manager1.BusName, manager1.Path).Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
		t.Error(err)
	}
}

func TestDoneIsClosedWhenTheBusGoes(t *testing.T) {
	t.Parallel()
	var s *server.Server
	t.Run("bus", func(t *testing.T) {
		b := bustest.Start(t)
		s = server.New(server.Config{Address: b.Address})
		if err := s.Listen(t.Context(), &engine{catalog: catalog(t)}); err != nil {
			t.Fatal(err)
		}
	})
	<-s.Done()
	_ = s.Close()
}

func TestAPlanSaysHowLongItsStepsTookLastTime(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	step := func(key string, status fsm.Status, took time.Duration) fsm.Step {
		return fsm.Step{Kind: "units", Key: key, Leg: fsm.Acquire, Status: status, Began: noon, Ended: noon.Add(took)}
	}
	past := func(to string, steps ...fsm.Step) fsm.Transition {
		return fsm.Transition{From: "desktop", To: to, Steps: steps}
	}
	r := newRig(t, func(e *engine, _ *server.Config) {
		e.plan = fsm.Plan{From: "desktop", To: "compute", Allowed: true, Steps: []fsm.Step{
			{Kind: "units", Key: "a", Leg: fsm.Acquire}, {Kind: "units", Key: "b", Leg: fsm.Acquire}, {Kind: "units", Key: "c", Leg: fsm.Acquire}}}
		e.log = []fsm.Transition{
			past("studio", step("a", fsm.Done, time.Hour)),
			past("compute", step("a", fsm.Done, 2*time.Second), step("b", fsm.Failed, time.Minute)),
			past("compute", step("a", fsm.Done, 9*time.Second), step("b", fsm.Done, 5*time.Second)),
		}
	})
	planned := func(want ...uint32) {
		t.Helper()
		p, err := r.client().Plan(t.Context(), "compute", 0)
		if err != nil {
			t.Fatal(err)
		}
		var took []uint32
		for _, st := range p.Steps {
			took = append(took, st.DurationMS)
		}
		if !slices.Equal(took, want) {
			t.Errorf("durations %v, want %v", took, want)
		}
	}
	planned(2000, 5000, 0)
	planned(2000, 5000, 0)
	if n := r.engine.read.Load(); n != 2 {
		t.Errorf("the history was read %d times, want once at the start and once for all plans", n)
	}
	newest := past("compute", step("c", fsm.Done, time.Second))
	r.engine.log = append([]fsm.Transition{newest}, r.engine.log...)
	r.server.Finished(newest)
	planned(2000, 5000, 1000)
}

func TestAStuckTransitionIsToldAsTheHistoryHasIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, _ *server.Config) {
		e.log = []fsm.Transition{{ID: 9, From: "compute", To: "desktop", Outcome: fsm.Stuck, Message: "say modectl recover"}, {ID: 8}}
		e.state = fsm.State{Mode: "compute", Open: &fsm.Progress{ID: 9, From: "compute", To: "desktop", Phase: fsm.StuckPhase}}
	})
	c := r.client()
	for _, id := range []uint32{0, 9} {
		if got, err := c.GetTransition(t.Context(), id); err != nil || got.ID != 9 || got.Outcome != manager1.Stuck || got.Message != "say modectl recover" {
			t.Errorf("transition %d while it is stuck: %+v, %v", id, got, err)
		}
	}
	r.engine.set(fsm.State{Mode: "compute", Open: &fsm.Progress{ID: 9, Phase: fsm.Undoing}})
	if got, err := c.GetTransition(t.Context(), 9); err != nil || got.ID != 9 || got.Outcome != "" {
		t.Errorf("while it is undone once more: %+v, %v", got, err)
	}
	r.engine.set(fsm.State{Mode: "compute", Open: &fsm.Progress{ID: 10, Phase: fsm.StuckPhase}})
	if got, err := c.GetTransition(t.Context(), 10); err != nil || got.ID != 10 {
		t.Errorf("of one that the history has not: %+v, %v", got, err)
	}
}
