package simulate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

func TestEveryEdgeOfEveryExampleIsWalkedThereAndBack(t *testing.T) {
	t.Parallel()
	for example, c := range examples(t) {
		for pair := range pairs(c.Catalog) {
			t.Run(example+"/"+pair[0]+"-"+pair[1], func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					e, _ := settledIn(t, dir, example, c.Catalog, anyone, pair[0])
					defer func() { _ = e.Shutdown(context.Background()) }()
					walk(t, e, c.Catalog, pair[1])
					verified(t, e)
					walk(t, e, c.Catalog, pair[0])
					verified(t, e)
				})
			})
		}
	}
}

// guarded is an engine with the machine's own eyes, in a mode of the example.
func guarded(t *testing.T, dir, example, mode string) (*fsm.Engine, *simulate.Machine) {
	t.Helper()
	eyes := func(m *simulate.Machine) fsm.Judge { return guards.New(m) }
	return settledIn(t, dir, example, examples(t)[example].Catalog, eyes, mode)
}

// refused asks for a mode and says which guards refuse it.
func refused(t *testing.T, e *fsm.Engine, r fsm.Request) []string {
	t.Helper()
	_, err := e.Switch(t.Context(), r)
	var no *fsm.RequestError
	if !errors.As(err, &no) || !errors.Is(err, fsm.ErrRefused) {
		t.Fatalf("%s: got %v, want a refusal", r.Mode, err)
	}
	var names []string
	for _, v := range no.Verdicts {
		if v.Outcome == fsm.Deny || v.Outcome == fsm.Unknown {
			names = append(names, v.Guard)
		}
	}
	slices.Sort(names)
	return names
}

// goes asks for a mode that nothing refuses, and waits for it.
func goes(t *testing.T, e *fsm.Engine, mode string) {
	t.Helper()
	if _, err := e.Switch(t.Context(), fsm.Request{Mode: mode}); err != nil {
		t.Fatalf("%s: %v", mode, err)
	}
	until(t, e, mode)
	time.Sleep(time.Minute)
	verified(t, e)
}

func TestMaintenanceWaitsForPeopleAndIsNotLeftInTheMiddleOfAnUpgrade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m := guarded(t, dir, "maintenance", "desktop")
		defer func() { _ = e.Shutdown(context.Background()) }()
		command(t, m, "take start")
		command(t, m, "build start")
		if got := refused(t, e, fsm.Request{Mode: "maintenance"}); !slices.Equal(got, []string{"audio-idle", "daw-inactive", "user-jobs"}) {
			t.Errorf("refused by %v", got)
		}
		command(t, m, "logout 3")
		time.Sleep(time.Minute)
		goes(t, e, "maintenance")
		if got := classes(t, m); got != "" {
			t.Errorf("%s is at the screen", got)
		}
		command(t, m, "apt start")
		if got := refused(t, e, fsm.Request{Mode: "desktop", Override: true}); !slices.Equal(got, []string{"upgrade-over"}) {
			t.Errorf("refused by %v", got)
		}
		command(t, m, "apt stop")
		goes(t, e, "desktop")
	})
}

func TestACardIsCutIntoPartsOnlyWhileNobodyComputesOnIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m := guarded(t, dir, "gpu-partitioned", "desktop")
		defer func() { _ = e.Shutdown(context.Background()) }()
		command(t, m, "gpu hold gpu1 blender")
		if got := refused(t, e, fsm.Request{Mode: "partitioned"}); !slices.Equal(got, []string{"nobody-computes"}) {
			t.Errorf("refused by %v", got)
		}
		command(t, m, "gpu release gpu1")
		time.Sleep(time.Minute)
		goes(t, e, "partitioned")
		set := func() *facts.GPUSettings {
			return m.Look(t.Context(), guards.Needs{GPU: true}, true).GPUs.List[1].Settings
		}
		if s := set(); s.MIG != "on" || strings.Join(s.Parts, " ") != "1g.24gb 1g.24gb 2g.48gb" || s.PowerLimit != 250_000 || !*s.Persistence {
			t.Errorf("gpu1 is %+v", s)
		}
		goes(t, e, "desktop")
		if s := set(); s.MIG != "off" || len(s.Parts) > 0 || s.PowerLimit != 300_000 || *s.Persistence {
			t.Errorf("back on the desktop gpu1 is %+v", s)
		}
		goes(t, e, "studio")
		if s := set(); s.ComputeMode != "prohibited" {
			t.Errorf("in studio gpu1 is %+v", s)
		}
		// Somebody turns a knob by hand: that is told as what it is, not as what it is not.
		if err := hands(t, dir, m)["gpus"].Do(t.Context(), "gpu1", `{"owner":"any","pci":"0000:02:00.0","power-limit":"200W"}`); err != nil {
			t.Fatal(err)
		}
		if all, err := e.Verify(t.Context()); err != nil || len(all) != 1 || all[0].Problem != "power limit is 200W" {
			t.Errorf("it differs in %+v, %v", all, err)
		}
		// The driver takes nothing any more.
		goes(t, e, "desktop")
		command(t, m, "fail once gpu set gpu1")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "partitioned"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if last := e.State().Last; last.Outcome != fsm.RolledBack || !strings.Contains(last.Message, "of gpu1: the device does not support it") {
			t.Errorf("%s: %s", last.Outcome, last.Message)
		}
		if s := set(); s.MIG != "off" || s.PowerLimit != 300_000 || s.ComputeMode != "default" {
			t.Errorf("after the rollback gpu1 is %+v", s)
		}
	})
}

func TestTheRemoteDesktopWantsAFreeScreenAndKeepsWhoIsConnected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m := guarded(t, dir, "remote-only", "desktop")
		defer func() { _ = e.Shutdown(context.Background()) }()
		if got := refused(t, e, fsm.Request{Mode: "remote"}); !slices.Equal(got, []string{"screen-free"}) {
			t.Errorf("refused by %v", got)
		}
		command(t, m, "logout 3")
		time.Sleep(time.Minute)
		goes(t, e, "remote")
		if got := classes(t, m); !strings.HasSuffix(got, " greeter") {
			t.Errorf("%q is at the screen", got)
		}
		command(t, m, "login dev ssh")
		command(t, m, "job start gnome-remote-desktop-daemon 2")
		if got := refused(t, e, fsm.Request{Mode: "desktop"}); !slices.Equal(got, []string{"nobody-connected"}) {
			t.Errorf("refused by %v", got)
		}
		command(t, m, "job stop gnome-remote-desktop-daemon")
		goes(t, e, "desktop")
	})
}
