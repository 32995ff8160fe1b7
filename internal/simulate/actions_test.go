package simulate_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// files is a runtime directory as the simulated machine reads it.
type files struct{ dir string }

func (f files) ReadEnv(unit string) (string, bool, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, "env", unit))
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	return string(raw), err == nil, err
}

func (f files) WriteEnv(unit, text string) error {
	return os.WriteFile(filepath.Join(f.dir, "env", unit), []byte(text), 0o600)
}

func (f files) RemoveEnv(unit string) error { return remove(filepath.Join(f.dir, "env", unit)) }

func (f files) Denied(id string) (bool, error) {
	_, err := os.Stat(filepath.Join(f.dir, "deny", id))
	return err == nil, nil
}

func (f files) Deny(id string, shut bool) error {
	file := filepath.Join(f.dir, "deny", id)
	if !shut {
		return remove(file)
	}
	return os.WriteFile(file, nil, 0o600)
}

func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func hands(t *testing.T, dir string, m *simulate.Machine) map[string]fsm.Action {
	t.Helper()
	for _, d := range []string{"env", "deny"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return actions.New(actions.Hands{
		Units: m, Slices: m, Logind: m, Agents: m, Devices: m, Cards: m, Orders: m, Files: files{dir}, Prober: m, Cluster: m, Services: m, Servers: m,
		EnvDir: simulate.EnvDir, Timing: m.Timing(),
	})
}

// shape is what of the machine an action can put back.
func shape(t *testing.T, m *simulate.Machine) string {
	t.Helper()
	text, err := m.Command("state")
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		Units map[string]struct {
			Active string
			Env    map[string]string
		}
		Slices json.RawMessage
		Users  []struct{ Slices json.RawMessage }
	}
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(w, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheActionsMoveThisMachineAndPutItBack(t *testing.T) {
	t.Parallel()
	dev := fsm.Session{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland", Scope: "session-3.scope"}
	for name, c := range map[string]struct {
		kind, key string
		want      fsm.Value
		// stays is set where undoing cannot bring everything back.
		stays bool
	}{
		"slices":      {kind: "slices", key: "system.slice", want: `{"cpu-weight":20}`},
		"user-slices": {kind: "user-slices", key: "background.slice", want: `{"cpu-weight":20}`},
		"tune":        {kind: "tune", want: `{"state":"low-latency"}`},
		"units":       {kind: "units", key: "fstrim.timer", want: `{"state":"inactive"}`},
		"ai": {kind: "units", key: "ai.service", want: `{"environment":{"CUDA_VISIBLE_DEVICES":"GPU-51aa1b22-0d5e-4a54-8f0e-3a9d0a1b2c3d"},` +
			`"ready":"http://127.0.0.1:8000/health","state":"active"}`},
		"vllm on": {kind: "vllm", key: "main", want: `{"state":"on","unit":"vllm.service","url":"http://127.0.0.1:8000","model":"qwen3-32b",` +
			`"gpus":[{"name":"gpu1","pci":"0000:02:00.0"}],"drain-timeout":"2m","ready-timeout":"2m"}`},
		"vllm off": {kind: "vllm", key: "main", want: `{"state":"off","unit":"vllm.service","url":"http://127.0.0.1:8000","drain-timeout":"2m"}`},
		"audio":    {kind: "audio", want: `{"quantum":64,"rate":48000,"state":"realtime"}`},
		"hook":     {kind: "hook", key: "backup-projects.service", want: `{}`},
		"gui": {kind: "gui", stays: true, want: fsm.NewValue(map[string]any{
			"state": "off", "units": []string{"display-manager.service", "graphical.target"}, "sessions": []fsm.Session{dev},
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := machine(t, dir)
				a := hands(t, dir, m)[c.kind]
				before := shape(t, m)
				was, err := a.Capture(t.Context(), c.key, c.want)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Do(t.Context(), c.key, c.want); err != nil {
					t.Fatal(err)
				}
				if ok, err := a.Settled(t.Context(), c.key, c.want); !ok || err != nil {
					t.Fatalf("settled: %v, %v", ok, err)
				}
				if err := a.Undo(t.Context(), c.key, was); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				if after := shape(t, m); after != before && !c.stays {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
			})
		})
	}
}

func TestTheBarrierWaitsForTheCardAndNamesWhoKeepsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, dir)
		a := hands(t, dir, m)["gpus"]
		free := fsm.Value(`{"owner":"nobody","pci":"0000:01:00.0","release-timeout":"5s"}`)
		if err := a.Do(t.Context(), "gpu0", free); err == nil {
			t.Error("the card is free while a compositor holds it")
		}
		_, _ = m.Stop(t.Context(), "display-manager.service")
		_ = m.Terminate(t.Context(), "3")
		if err := a.Do(t.Context(), "gpu0", free); err != nil {
			t.Error(err)
		}
	})
}
