package fsm_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

func TestStepsOfAStageRunSideBySideAfterOneWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		defer stop(t, e)
		for _, unit := range []string{"units/a", "units/b", "units/c"} {
			w.Hangs[unit+":do"] = true
		}
		before := w.Saves
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if doing := w.Steps(); len(doing) != 3 {
			t.Errorf("under way: %v", doing)
		}
		if shown := e.State().Open.Steps; len(shown) != len(w.Disk().Open.Transition.Steps) || shown[0].Status != fsm.Doing {
			t.Errorf("readers are shown %+v", shown)
		}
		for _, st := range w.Disk().Open.Transition.Steps {
			if st.Status != fsm.Doing || !st.Captured {
				t.Errorf("on disk %s is %s, captured %v", st.Name(), st.Status, st.Captured)
			}
		}
		if writes := w.Saves - before; writes != 2 {
			t.Errorf("%d writes, want the plan's and one before the three steps", writes)
		}
		w.Mend()
		if err := e.Cancel(t.Context(), id, 0); err != nil {
			t.Error(err)
		}
		settle(e)
		check(t, w, "after the cancellation")
	})
}

// While one step hangs for minutes another one fails: nobody waits for the
// deadline of the first.
func TestAFailureEndsWhatRunsBesideIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		e := start(t, w)
		defer stop(t, e)
		w.Hangs["units/a:do"] = true
		w.Break("units/b", "do")
		began := time.Now()
		begins(t, e, fsm.Request{Mode: "studio"})
		synctest.Wait()
		settle(e)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		last := e.State().Last
		if last.Outcome != fsm.RolledBack || !strings.HasPrefix(last.Message, "units/b acquire: toy fault") {
			t.Errorf("%s: %s", last.Outcome, last.Message)
		}
		for _, st := range last.Steps {
			if want := "ended early, because of units/b acquire: toy fault in units/b:do"; st.Key == "a" && st.Problem != want {
				t.Errorf("%s: %q, want %q", st.Name(), st.Problem, want)
			}
		}
		check(t, w, "after the failure")
	})
}

func TestTheBarrierWaitsBesideTheLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		catalog := workstation(t)
		w := workstationWorld(map[string]string{"gui": "on", "audio": "on", "gpus/gpu0": "display", "gpus/gpu1": "compute", "vllm/main": "off",
			"k3s": "minimal", "tune": "off", "target": "moded-studio.target", "slices/system.slice": "100", "units/fstrim.timer": "inactive"})
		e := startWith(t, w, w.Config(catalog))
		defer stop(t, e)
		w.Hangs["gpus/gpu1:do"] = true
		w.SetPeople()
		if err := e.Boot(t.Context(), "studio"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		done := w.Steps()
		if !slices.Contains(done, "gpus/gpu1:do") || !slices.Contains(done, "tune:do") || !slices.Contains(done, "slices/system.slice:do") {
			t.Errorf("under way or done: %v", done)
		}
		if s := e.State(); s.Open == nil || s.Open.Step != "gpus/gpu1 release" {
			t.Errorf("progress shows %+v, want what is waited for", s.Open)
		}
		w.Mend()
		settle(e)
	})
}

// talking is a toy that says how far it is, and waits to be told to go on.
type talking struct {
	fsm.Action
	on chan struct{}
}

func (a talking) Do(ctx ctx, key string, want fsm.Value) error {
	fsm.Report(ctx, "half of "+key)
	<-a.on
	return a.Action.Do(ctx, key, want)
}

func TestWhatSeveralStepsSayIsToldWithTheirNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		cfg := w.Config(toyCatalog(t))
		on := make(chan struct{})
		cfg.Actions["units"] = talking{cfg.Actions["units"], on}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		begins(t, e, fsm.Request{Mode: "studio"})
		synctest.Wait()
		if note, want := e.State().Open.Note, "units/a: half of a; units/b: half of b; units/c: half of c"; note != want {
			t.Errorf("note %q, want %q", note, want)
		}
		on <- struct{}{}
		on <- struct{}{}
		synctest.Wait()
		if note := e.State().Open.Note; !strings.HasPrefix(note, "half of ") || strings.Contains(note, ";") {
			t.Errorf("note %q, want that of the one that is left", note)
		}
		close(on)
		settle(e)
		if got := e.State().Mode; got != "studio" {
			t.Errorf("mode %s", got)
		}
	})
}

func TestHooksRunInTheOrderInWhichTheyAreListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		catalog, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "here",
			Modes: []fsm.Mode{{Name: "here", Settings: []fsm.Setting{set("units/a", "1")}}, {Name: "there", Settings: []fsm.Setting{set("units/a", "2")}}},
			Edges: []fsm.Edge{{Event: "go", From: "here", To: "there", Before: []string{"z.service", "y.service"}}, {Event: "back", From: "there", To: "here"}}})
		if err != nil {
			t.Fatal(err)
		}
		w := fsmtest.NewWorld(map[string]string{"units/a": "1"})
		cfg := w.Config(catalog)
		cfg.Actions["hook"] = logged{log: new([]string)}
		e := startWith(t, w, cfg)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "there"})
		got := strings.Join(*cfg.Actions["hook"].(logged).log, " ")
		if want := "do z.service, done z.service, do y.service, done y.service,"; got != want || e.State().Mode != "there" {
			t.Errorf("in %s: %q, want %q", e.State().Mode, got, want)
		}
	})
}

// logged is a hook that takes a second.
type logged struct{ log *[]string }

func (l logged) Capture(ctx, string, fsm.Value) (fsm.Snapshot, error) { return "{}", nil }

func (l logged) Do(_ ctx, key string, _ fsm.Value) error {
	*l.log = append(*l.log, "do "+key+",")
	time.Sleep(time.Second)
	*l.log = append(*l.log, "done "+key+",")
	return nil
}

func (l logged) Undo(ctx, string, fsm.Snapshot) error         { return nil }
func (l logged) Settled(ctx, string, fsm.Value) (bool, error) { return true, nil }
