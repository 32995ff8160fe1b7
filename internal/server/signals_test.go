package server_test

import (
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// listen subscribes to all that the server says.
func (r *rig) listen() <-chan *dbus.Signal {
	r.t.Helper()
	conn := r.conn(uint32(os.Geteuid()))
	if err := conn.AddMatchSignal(dbus.WithMatchSender(manager1.BusName)); err != nil {
		r.t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 4096)
	conn.Signal(signals)
	return signals
}

func next(t *testing.T, signals <-chan *dbus.Signal) *dbus.Signal {
	t.Helper()
	for {
		select {
		case s := <-signals:
			if s.Name != "org.freedesktop.DBus.NameAcquired" {
				return s
			}
		case <-time.After(patience):
			t.Fatal("no signal came")
		}
	}
}

func TestSignalsComeInOrderAfterTheProperties(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	signals := r.listen()
	open := fsm.Transition{ID: 5, From: "desktop", To: "compute", Reason: "render"}
	step := fsm.Step{Index: 2, Kind: "gui", Leg: fsm.Release, Status: fsm.Doing}
	r.server.Changed(r.engine.set(fsm.State{Mode: "transitioning", Target: "compute", Open: &fsm.Progress{ID: 5, Phase: fsm.Running, NoReturn: -1}}))
	r.server.Started(open)
	r.server.StepChanged(5, 9, step)
	open.Outcome, open.Mode, open.Message = fsm.Settled, "compute", "done"
	r.server.Changed(r.engine.set(fsm.State{Mode: "compute"}))
	r.server.Finished(open)
	r.server.ModeChanged("desktop", "compute", 5)
	mode := "desktop"
	var got []string
	for len(got) < 4 {
		s := next(t, signals)
		if s.Name == "org.freedesktop.DBus.Properties.PropertiesChanged" {
			if v, ok := s.Body[1].(map[string]dbus.Variant)["Mode"]; ok {
				mode, _ = v.Value().(string)
			}
			continue
		}
		got = append(got, fmt.Sprint(s.Name[len(manager1.Interface)+1:], s.Body))
		if (s.Name == manager1.Interface+".ModeChanged" || s.Name == manager1.Interface+".TransitionFinished") && mode != "compute" {
			t.Errorf("%s came while Mode was %s", s.Name, mode)
		}
	}
	want := []string{"TransitionStarted[5 desktop compute render]", "StepChanged[5 2 9 gui release doing]",
		"TransitionFinished[5 settled compute done]", "ModeChanged[desktop compute 5]"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	p, err := r.client().Properties(t.Context())
	if err != nil || p.Mode != "compute" || p.LastTransition.ID != 5 || p.LastTransition.Outcome != "settled" || p.Transition.Open() {
		t.Errorf("properties %+v, %v", p, err)
	}
}

func TestManyChangesAreFewSignalsAndTheLastOneComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	signals := r.listen()
	began := time.Now()
	r.server.Changed(fsm.State{Mode: "desktop", Degraded: []string{"first"}})
	if s := next(t, signals); s.Name != "org.freedesktop.DBus.Properties.PropertiesChanged" {
		t.Fatalf("got %v", s)
	}
	for i := range 2000 {
		r.server.Changed(fsm.State{Mode: "desktop", Degraded: []string{fmt.Sprint(i)}})
	}
	count := 0
	for {
		s := next(t, signals)
		count++
		v := s.Body[1].(map[string]dbus.Variant)
		if len(v) != 1 {
			t.Errorf("changed %v", v)
		}
		if reflect.DeepEqual(v["Degraded"].Value(), []string{"1999"}) {
			break
		}
	}
	if limit := int(time.Since(began)/(100*time.Millisecond)) + 1; count > limit {
		t.Errorf("%d signals in %v", count, time.Since(began))
	}
}

// TestWhatSomebodyHasReadIsPutRight changes a property back before its signal
// was due. Who read it in between must hear of it.
func TestWhatSomebodyHasReadIsPutRight(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	signals, c := r.listen(), r.client()
	r.server.Changed(fsm.State{Mode: "desktop", Degraded: []string{"a"}})
	next(t, signals) // from here on the next one waits
	r.server.Changed(fsm.State{Mode: "desktop", Degraded: []string{"b"}})
	p, err := c.Properties(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.server.Changed(fsm.State{Mode: "desktop", Degraded: []string{"a"}})
	for seen := p.Degraded[0]; seen != "a"; {
		v := next(t, signals).Body[1].(map[string]dbus.Variant)
		if now, ok := v["Degraded"].Value().([]string); ok {
			seen = now[0]
		}
	}
}

func TestPropertiesAreThoseOfTheState(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	deadline := time.UnixMicro(1e15)
	r.server.Changed(fsm.State{Mode: "transitioning", Target: "compute", Degraded: []string{"a"},
		Verdicts: []fsm.Verdict{{Guard: "load", Outcome: fsm.Pass}},
		Open: &fsm.Progress{ID: 3, From: "desktop", To: "compute", Event: "to_compute", Phase: fsm.Grace, Step: "gui release", Index: 2, Of: 9,
			Reason: "why", UID: 7, NoReturn: 2, Past: true, Deadline: deadline, Note: "waits", Trigger: "manual",
			Started: deadline, Ends: []fsm.Session{session(alice, "user")}}})
	p, err := r.client().Properties(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := manager1.Progress{ID: 3, From: "desktop", To: "compute", Event: "to_compute", Trigger: "manual", Reason: "why", RequesterUID: 7,
		Phase: "grace", Step: "gui release", Index: 2, Of: 9, Past: true, NoReturn: 2, Ends: []string{"session 47001 of user47001"},
		Started: deadline, Deadline: deadline, Message: "waits"}
	if !reflect.DeepEqual(p.Transition, want) {
		t.Errorf("got  %+v\nwant %+v", p.Transition, want)
	}
	if p.Mode != "transitioning" || p.Target != "compute" || p.Version != "1.2.3" || len(p.Modes) != 3 || p.LastVerdicts[0].Guard != "load" || p.Degraded[0] != "a" {
		t.Errorf("properties %+v", p)
	}
	got, err := r.client().GetTransition(t.Context(), 3)
	if err == nil {
		t.Errorf("the engine has no open transition, the server %+v", got)
	}
}

func TestAnOpenTransitionShowsItsSteps(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.server.Started(fsm.Transition{ID: 3, Verdicts: []fsm.Verdict{{Guard: "memory"}}})
	r.engine.set(fsm.State{Mode: "transitioning", Open: &fsm.Progress{ID: 3, From: "desktop", To: "compute", Phase: fsm.Running, Steps: []fsm.Step{
		{Index: 0, Kind: "gui", Leg: fsm.Release, Status: fsm.Done}, {Index: 1, Kind: "audio", Leg: fsm.Release, Status: fsm.Pending},
	}}})
	got, err := r.client().GetTransition(t.Context(), 0)
	if err != nil || got.Outcome != "" || len(got.Steps) != 2 || got.Steps[0].Status != "done" || got.Steps[1].Name != "audio release" ||
		got.Steps[1].Status != "pending" || len(got.Verdicts) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}
