package actions_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

func do(t *testing.T, m *actionstest.Machine, kind, key string, want fsm.Value) {
	t.Helper()
	if err := actions.New(m.Hands())[kind].Do(t.Context(), key, want); err != nil {
		t.Fatal(err)
	}
}

func settled(t *testing.T, m *actionstest.Machine, kind, key string, want fsm.Value) bool {
	t.Helper()
	ok, err := actions.New(m.Hands())[kind].Settled(t.Context(), key, want)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestEndingTheGUIWithTheUsersManagerStaying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		linger(m)
		m.Sessions = append(m.Sessions, fsm.Session{ID: "7", UID: 1000, User: "dev", Class: "user", Type: "tty"})
		m.GPUs[0].Holders = append(m.GPUs[0].Holders, actions.DeviceHolder{PID: 1300, Comm: "gnome-shell", UID: 1000, Graphics: true})
		want := guiOffEnding(dev)
		do(t, m, "gui", "", want)
		if !settled(t, m, "gui", "", want) {
			t.Error("not settled")
		}
		if m.Desktop[1000] || len(m.GPUs[0].Holders) != 0 {
			t.Error("the desktop in the user's manager was left alone")
		}
		if len(m.Sessions) != 1 || m.Sessions[0].ID != "7" {
			t.Errorf("sessions are now %v, want the one over ssh", m.Sessions)
		}
	})
}

// shortsighted are devices that cannot be seen for so many looks.
type shortsighted struct {
	behind actions.Devices
	looks  int
}

func (s *shortsighted) Devices(ctx context.Context) ([]actions.Device, error) {
	if s.looks--; s.looks >= 0 {
		return nil, errors.New("moded-probe did not answer in time")
	}
	return s.behind.Devices(ctx)
}

func TestEndingTheGUIOutlastsALookThatSeesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		looks int
		fails bool
	}{"two looks": {2, false}, "all looks": {1 << 30, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				linger(m)
				hands := m.Hands()
				hands.Devices = &shortsighted{hands.Devices, c.looks}
				gui := actions.New(hands)["gui"]
				err := gui.Do(t.Context(), "", guiOffEnding(dev))
				if (err != nil) != c.fails || c.fails && !strings.Contains(err.Error(), "did not answer in time") {
					t.Errorf("Do: %v", err)
				}
				if ok, err := gui.Settled(t.Context(), "", guiOffEnding(dev)); ok == c.fails || (err != nil) != c.fails {
					t.Errorf("Settled: %v, %v", ok, err)
				}
			})
		})
	}
}

// hollow is a machine where a session is over only when its scope is stopped.
type hollow struct {
	actions.Units
	m *actionstest.Machine
}

func (h hollow) Stop(ctx context.Context, unit string) (string, error) {
	if unit == dev.Scope {
		h.m.Look(func() {
			h.m.Sessions = slices.DeleteFunc(h.m.Sessions, func(s fsm.Session) bool { return s.ID == dev.ID })
		})
	}
	return h.Units.Stop(ctx, unit)
}

// Seen in the VM: PID 1 kept the scope of a login screen whose last process had
// died while the scope was starting, and neither TERM nor KILL ended anything.
func TestASessionWhoseScopeIsEmptyIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		m.Stubborn[dev.ID] = true
		hands := m.Hands()
		hands.Units = hollow{hands.Units, m}
		if err := actions.New(hands)["gui"].Do(t.Context(), "", guiOffEnding(dev)); err != nil {
			t.Errorf("Do: %v", err)
		}
	})
}

func TestEndingTheGUIShutsTheGateByTheUnitsOwnName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		do(t, m, "gui", "", guiOffEnding(dev))
		if !m.Denied["gdm.service"] || m.Denied["display-manager.service"] {
			t.Errorf("gates shut: %v", m.Denied)
		}
	})
}

func TestAForeignSessionIsNeverEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		m.Sessions = append(m.Sessions, eve)
		before := m.String()
		err := actions.New(m.Hands())["gui"].Do(t.Context(), "", guiOffEnding(dev))
		if !errors.Is(err, fsm.ErrForeignSession) {
			t.Errorf("error is %v", err)
		}
		if m.String() != before || len(m.Sessions) != 2 {
			t.Error("the machine was touched")
		}
	})
}

func TestUndoingTheGUIStopsBeforeASessionOfALogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		headless(m)
		gui := actions.New(m.Hands())["gui"]
		was, err := gui.Capture(t.Context(), "", guiOn)
		if err != nil {
			t.Fatal(err)
		}
		do(t, m, "gui", "", guiOn)
		m.Sessions = append(m.Sessions, fsm.Session{ID: "c1", User: "gdm", UID: 120, Class: "greeter", Type: "wayland"}, eve)
		before := m.String()
		if err := gui.Undo(t.Context(), "", was); !errors.Is(err, fsm.ErrForeignSession) {
			t.Fatalf("error is %v", err)
		}
		if m.String() != before || len(m.Sessions) != 2 {
			t.Error("the machine was touched")
		}
		m.Sessions = slices.DeleteFunc(m.Sessions, func(s fsm.Session) bool { return s.ID == eve.ID })
		if err := gui.Undo(t.Context(), "", was); err != nil {
			t.Fatal(err)
		}
		if m.Units["gdm.service"].Active != "inactive" || len(m.Sessions) != 0 {
			t.Error("the login screen was not ended")
		}
	})
}

func TestTheGUIIsNotOffWhileSomebodyIsThere(t *testing.T) {
	t.Parallel()
	m := workstation()
	headless(m)
	if !settled(t, m, "gui", "", guiOff) {
		t.Error("a headless machine is not settled")
	}
	m.Sessions = append(m.Sessions, eve)
	if settled(t, m, "gui", "", guiOff) {
		t.Error("settled with a desktop that somebody started by hand")
	}
}

func TestAUnitThatRunsHasReadItsEnvironment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		aiRuns(m)
		do(t, m, "units", "ai.service", `{"state":"active","environment":{"A":"a \"b\" $c","GPUS":"0"}}`)
		const text = "A=\"a \\\"b\\\" \\$c\"\nGPUS=\"0\"\n"
		if got := m.Units["ai.service"].Read; got != text {
			t.Errorf("ai.service read %q, want %q", got, text)
		}
	})
}

func TestWaitingReportsItsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		ctx := fsm.WithProgress(t.Context(), func(text string) { notes = append(notes, text) })
		m := workstation()
		_ = actions.New(m.Hands())["gpus"].Do(ctx, "gpu0", `{"owner":"nobody","auto":"primary"}`) // runs into its deadline
		if len(notes) == 0 || notes[0] != "waiting for gpu0: held by weston (1234, session-3.scope, dev)" {
			t.Errorf("notes are %q", notes)
		}
	})
}

func TestCancellingEndsAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		m := workstation()
		ctx = fsm.WithProgress(ctx, func(string) { cancel(errors.New("cancelled by dev")) })
		err := actions.New(m.Hands())["gpus"].Do(ctx, "gpu0", `{"owner":"nobody","auto":"primary"}`)
		if err == nil || !errors.Is(err, context.Cause(ctx)) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestGPUOwnersStandEachOther(t *testing.T) {
	t.Parallel()
	graphics := actions.DeviceHolder{PID: 1, Comm: "weston", Graphics: true}
	cuda := actions.DeviceHolder{PID: 2, Comm: "vllm", Compute: true}
	for name, test := range map[string]struct {
		want    fsm.Value
		holders []actions.DeviceHolder
		settled bool
	}{
		"display beside a compositor":           {`{"owner":"display","auto":"primary"}`, []actions.DeviceHolder{graphics}, true},
		"display beside compute":                {`{"owner":"display","auto":"primary"}`, []actions.DeviceHolder{cuda}, false},
		"compute beside compute":                {`{"owner":"compute","auto":"primary"}`, []actions.DeviceHolder{cuda}, true},
		"compute beside a compositor":           {`{"owner":"compute","auto":"primary"}`, []actions.DeviceHolder{graphics}, false},
		"none with anybody":                     {`{"owner":"none","auto":"primary"}`, []actions.DeviceHolder{graphics}, false},
		"none with nobody":                      {`{"owner":"none","auto":"primary"}`, nil, true},
		"release for a display, compositor":     {`{"owner":"nobody","but":"graphics","auto":"primary"}`, []actions.DeviceHolder{graphics}, true},
		"release for a display, both at a time": {`{"owner":"nobody","but":"graphics","auto":"primary"}`, []actions.DeviceHolder{graphics, cuda}, false},
		"others where there is one GPU":         {`{"owner":"none","auto":"others"}`, []actions.DeviceHolder{graphics}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			m.GPUs[0].Holders = test.holders
			if got := settled(t, m, "gpus", "gpu0", test.want); got != test.settled {
				t.Errorf("settled is %v", got)
			}
		})
	}
}

func TestASuspendedGPUIsFree(t *testing.T) {
	t.Parallel()
	m := workstation()
	m.GPUs[0].Suspended = true
	if !settled(t, m, "gpus", "gpu0", `{"owner":"none","auto":"primary"}`) {
		t.Error("not settled")
	}
}

func TestATargetIsBoundByName(t *testing.T) {
	t.Parallel()
	action := actions.New(workstation().Hands())["target"]
	bound, err := action.(fsm.Binder).Bind(t.Context(), "", studio, fsm.Context{})
	if err != nil {
		t.Fatal(err)
	}
	_, stop := action.(fsm.Describer).Describe("", action.(fsm.Rester).Rest("", bound), true)
	_, start := action.(fsm.Describer).Describe("", bound, false)
	if want := []string{"stop moded-desktop.target", "stop sync.service"}; !reflect.DeepEqual(stop, want) {
		t.Errorf("leaves %q, want %q", stop, want)
	}
	if want := []string{"start lights.service", "start shared.service", "start moded-studio.target"}; !reflect.DeepEqual(start, want) {
		t.Errorf("enters %q, want %q", start, want)
	}
}

func TestAnAudioOrderStandsWithNobodyThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		clear(m.Audio)
		const want = `{"state":"realtime","quantum":64,"rate":48000}`
		if settled(t, m, "audio", "", want) {
			t.Error("settled before the order was given")
		}
		do(t, m, "audio", "", want)
		if m.Orders["audio"] != want || !settled(t, m, "audio", "", want) {
			t.Error("the order does not stand")
		}
	})
}

func TestAUserWithoutPipeWireDoesNotKeepAudioFromBeingOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		m.Silent[1000], m.Audio[1000], m.Orders["audio"] = true, `{"state":"off"}`, `{"state":"off"}`
		do(t, m, "audio", "", `{"state":"on"}`)
		if !settled(t, m, "audio", "", `{"state":"on"}`) {
			t.Error("not settled")
		}
	})
}

func TestRestValuesAreTheContracts(t *testing.T) {
	t.Parallel()
	table := actions.New(workstation().Hands())
	for name, test := range map[string]struct {
		kind       string
		want, rest fsm.Value
	}{
		"gui on has none":         {"gui", guiOn, ""},
		"gui off is its own":      {"gui", guiOff, guiOff},
		"audio on has none":       {"audio", `{"state":"on"}`, ""},
		"audio off is its own":    {"audio", `{"state":"off"}`, `{"state":"off"}`},
		"inactive is its own":     {"units", `{"state":"inactive"}`, `{"state":"inactive"}`},
		"active rests inactive":   {"units", aiOn, `{"state":"inactive"}`},
		"display keeps graphics":  {"gpus", `{"owner":"display","pci":"a"}`, `{"but":"graphics","owner":"nobody","pci":"a"}`},
		"compute keeps nobody":    {"gpus", `{"owner":"compute","pci":"a"}`, `{"owner":"nobody","pci":"a"}`},
		"none is its own":         {"gpus", `{"owner":"none","pci":"a"}`, `{"owner":"none","pci":"a"}`},
		"a target knows the next": {"target", `{"target":"b","others":["a"]}`, `{"next":"b","others":["a"],"target":""}`},
	} {
		if got := table[test.kind].(fsm.Rester).Rest("", test.want); got != test.rest {
			t.Errorf("%s: got %s, want %s", name, got, test.rest)
		}
	}
}

func TestCPUListsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"": "", "0": "0", "0-3": "0-3", "3,1,2,0": "0-3", "0-1 8-9,5": "0-1,5,8-9", "2,2": "2",
	} {
		set, err := actions.ParseCPUs(list)
		if err != nil || set.String() != want {
			t.Errorf("%q reads %q, %v, want %q", list, set, err, want)
		}
		if back := actions.CPUsOf(set.Bitmap()); back.String() != want {
			t.Errorf("%q as a bitmap is %q", list, back)
		}
	}
	for _, list := range []string{"x", "3-1", "-1", "1-", "99999"} {
		if _, err := actions.ParseCPUs(list); err == nil {
			t.Errorf("%q was read", list)
		}
	}
}
