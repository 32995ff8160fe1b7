package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedLedgerIsSetAsideAndTheModeAdopted(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(raw []byte) []byte{
		"truncated":        func(raw []byte) []byte { return raw[:len(raw)/2] },
		"empty":            func([]byte) []byte { return nil },
		"garbage":          func([]byte) []byte { return []byte("\x00\x01\x02 not at all JSON") },
		"foreign":          func([]byte) []byte { return []byte(`{"name":"left-pad","version":"1.3.0"}`) },
		"of a later moded": func(raw []byte) []byte { return []byte(strings.Replace(string(raw), "{", `{"quantum-state":1,`, 1)) },
		"nested too deep":  func([]byte) []byte { return []byte(strings.Repeat("[", 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			p.reach("studio")
			if err := p.daemon.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(p.Runtime, "state.json")
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			p.start()
			p.settles("studio")
			p.whole("studio")
			if len(p.now.Degraded) == 0 {
				t.Error("nothing is said about it")
			}
			if aside, _ := filepath.Glob(file + "*"); len(aside) < 2 {
				t.Errorf("the damaged file was not kept: %v", aside)
			}
			p.reach("desktop")
		})
	}
}

func TestALostLedgerOnAMachineInNoModeTouchesNothing(t *testing.T) {
	t.Parallel()
	p := open(t)
	if err := p.daemon.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.Runtime, "state.json")
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	world := filepath.Join(p.Runtime, "simulated-machine.json")
	raw, err := os.ReadFile(world)
	if err != nil {
		t.Fatal(err)
	}
	odd := strings.ReplaceAll(string(raw), `"cpu-weight": 100`, `"cpu-weight": 77`)
	if err := os.WriteFile(world, []byte(odd), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settles("boot")
	if w := p.machine().Slices["system.slice"].Weight; w != 77 {
		t.Errorf("the weight became %d", w)
	}
	if !strings.Contains(strings.Join(p.now.Degraded, " "), "modectl switch") {
		t.Errorf("nobody is told what to do: %q", p.now.Degraded)
	}
	p.reach("desktop")
	p.whole("desktop")
}
