package simulate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// books are a ledger and a history in memory.
type books struct {
	mu   sync.Mutex
	doc  *fsm.Document
	past []fsm.Transition
	next uint32
}

func (b *books) Load() (fsm.Document, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.doc == nil {
		return fsm.Document{}, false, nil
	}
	return *b.doc, true, nil
}

func (b *books) Save(_ context.Context, d fsm.Document) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doc = &d
	return nil
}

func (b *books) NextID() (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.next, nil
}

func (b *books) Append(t fsm.Transition) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.past = slices.Insert(b.past, 0, t)
	return nil
}

func (b *books) List(int) ([]fsm.Transition, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.past), nil
}

func (b *books) Get(id uint32) (fsm.Transition, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.past {
		if t.ID == id {
			return t, nil
		}
	}
	return fsm.Transition{}, fsm.ErrNotFound
}

func (b *books) SetChosen(string) error  { return nil }
func (b *books) Chosen() (string, error) { return "", nil }

// catalog is desktop and compute of the machine's own configuration.
func catalog(t *testing.T) *fsm.Catalog {
	t.Helper()
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes: []fsm.Mode{
			{Name: "desktop", Settings: settings(map[string]fsm.Value{
				"audio": `{"state":"on"}`, "gpus/gpu0": `{"owner":"display","pci":"0000:01:00.0"}`,
				"gui":                 `{"state":"on","units":["display-manager.service","graphical.target"]}`,
				"slices/system.slice": `{"cpu-weight":100}`,
				"target":              `{"others":["moded-compute.target"],"target":"moded-desktop.target"}`,
				"units/ai.service":    `{"state":"inactive"}`,
				"k3s":                 node("control-plane", "desktop"),
			})},
			{Name: "compute", Headless: true, Settings: settings(map[string]fsm.Value{
				"audio": `{"state":"off"}`, "gpus/gpu0": `{"owner":"compute","pci":"0000:01:00.0"}`,
				"gui":                 `{"state":"off","units":["display-manager.service","graphical.target"]}`,
				"slices/system.slice": `{"cpu-weight":400}`,
				"target":              `{"others":["moded-desktop.target"],"target":"moded-compute.target"}`,
				"units/ai.service":    `{"environment":{"CUDA_VISIBLE_DEVICES":"` + gpu0 + `"},"ready":"http://127.0.0.1:8000/health","state":"active"}`,
				"k3s":                 node("full", "compute"),
			})},
		},
		Edges: []fsm.Edge{
			{Event: "to_compute", From: "desktop", To: "compute", Through: true, Guards: []string{"audio", "gpu"}, Grace: 3 * time.Second},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true},
		},
		Guards: []fsm.GuardSpec{{Name: "audio", Kind: "audio", LastLook: true}, {Name: "gpu", Kind: "gpu"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const gpu0 = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"

// node is a value of the kind k3s.
func node(state, mode string) fsm.Value {
	return fsm.NewValue(map[string]any{"state": state, "unit": "k3s.service", "drain-timeout": "1m", "start-timeout": "1m", "mark": map[string]string{"label": mode}})
}

func settings(values map[string]fsm.Value) []fsm.Setting {
	var list []fsm.Setting
	for id, v := range values {
		kind, key, _ := strings.Cut(id, "/")
		list = append(list, fsm.Setting{Kind: kind, Key: key, Value: v, Essential: true, WhenMissing: fsm.Refuse})
	}
	slices.SortFunc(list, func(a, b fsm.Setting) int { return strings.Compare(a.ID(), b.ID()) })
	return list
}

// engine is one on the machine, in desktop.
func engine(t *testing.T, dir string) (*fsm.Engine, *simulate.Machine, *books) {
	t.Helper()
	m, b := machine(t, dir), &books{}
	e := fsm.New(fsm.Config{
		Catalog: catalog(t), Actions: hands(t, dir, m), Judge: guards.New(m), Sessions: m, Host: m, Ledger: b, History: b,
	})
	if boot, err := e.Start(t.Context(), true); err != nil || !boot {
		t.Fatalf("start: %v, %v", boot, err)
	}
	if err := e.Boot(t.Context(), "desktop"); err != nil {
		t.Fatal(err)
	}
	until(t, e, "desktop")
	return e, m, b
}

// until waits for the mode with nothing under way.
func until(t *testing.T, e *fsm.Engine, mode string) {
	t.Helper()
	for range 600 {
		if s := e.State(); s.Mode == mode && s.Open == nil {
			return
		}
		time.Sleep(time.Second)
	}
	s := e.State()
	t.Fatalf("mode %s, open %+v, degraded %q", s.Mode, s.Open, s.Degraded)
}

func verified(t *testing.T, e *fsm.Engine) {
	t.Helper()
	all, err := e.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		t.Errorf("does not verify: %+v", d)
	}
}

func TestTheEngineGoesToComputeAndBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, _ := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		verified(t, e)
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"}); err != nil {
			t.Fatal(err)
		}
		until(t, e, "compute")
		verified(t, e)
		if !holds(t, m, 0, "python3") || holds(t, m, 1, "python3") || classes(t, m) != "" {
			t.Error("compute is not compute")
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); err != nil {
			t.Fatal(err)
		}
		until(t, e, "desktop")
		verified(t, e)
		time.Sleep(5 * time.Second)
		if classes(t, m) != "4 greeter" || holds(t, m, 0, "python3") {
			t.Errorf("desktop is not desktop: %s", classes(t, m))
		}
	})
}

func TestTheGuardsSeeTheTakeAndTheStranger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, _ := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		command(t, m, "take start")
		command(t, m, "gpu hold gpu1 blender")
		_, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		var refused *fsm.RequestError
		if !errors.As(err, &refused) || !errors.Is(err, fsm.ErrRefused) || len(refused.Verdicts) != 2 {
			t.Fatalf("got %v", err)
		}
		for i, want := range []string{"REAPER", "blender"} {
			if v := refused.Verdicts[i]; v.Outcome != fsm.Deny || !strings.Contains(v.Summary, want) {
				t.Errorf("got %+v, want a denial about %s", v, want)
			}
		}
	})
}

func TestAFaultInAnyStepEndsInTheOldMode(t *testing.T) {
	t.Parallel()
	for _, op := range []string{
		"unit stop moded-desktop.target", "unit stop gdm.service", "gpu free gpu0", "slice set system.slice",
		"unit start ai.service", "unit ready ai.service", "unit start moded-compute.target", "once node set workstation",
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				e, m, b := engine(t, dir)
				defer func() { _ = e.Shutdown(context.Background()) }()
				command(t, m, "fail "+op)
				id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
				if err != nil {
					t.Fatal(err)
				}
				until(t, e, "desktop")
				command(t, m, "heal")
				verified(t, e)
				if past, err := b.Get(id); err != nil || past.Outcome != fsm.RolledBack || past.Message == "" {
					t.Errorf("got %s %q, %v", past.Outcome, past.Message, err)
				}
			})
		})
	}
}
