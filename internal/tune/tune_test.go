package tune_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/tune"
)

// tree is a machine of plain files: two CPUs with governors, one of them
// without the one that is wanted, swappiness and latency requests.
func tree(t *testing.T) (tune.Machine, func(path string) string, func(path, text string)) {
	t.Helper()
	root := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const cpufreq = "sys/devices/system/cpu/cpufreq/"
	put("proc/sys/vm/swappiness", "60\n")
	put(cpufreq+"policy0/scaling_governor", "powersave\n")
	put(cpufreq+"policy0/scaling_available_governors", "performance powersave\n")
	put(cpufreq+"policy1/scaling_governor", "powersave\n")
	put(cpufreq+"policy1/scaling_available_governors", "powersave\n")
	put(cpufreq+"policy1/energy_performance_preference", "balance_power\n")
	put(cpufreq+"policy1/energy_performance_available_preferences", "default performance balance_performance balance_power power\n")
	put("dev/cpu_dma_latency", "")
	get := func(path string) string {
		raw, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(raw))
	}
	return tune.Machine{Root: root, State: filepath.Join(root, "state.json")}, get, put
}

const (
	swappiness = "proc/sys/vm/swappiness"
	governor0  = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
	governor1  = "sys/devices/system/cpu/cpufreq/policy1/scaling_governor"
	preference = "sys/devices/system/cpu/cpufreq/policy1/energy_performance_preference"
	dmaLatency = "dev/cpu_dma_latency"
)

// held holds until look has looked, and returns the status.
func held(t *testing.T, m tune.Machine, o tune.Order, look func()) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said := ""
	err := m.Hold(ctx, o, func(status string) error {
		said = status
		look()
		cancel()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func TestKnobsAreTurnedHeldAndPutBack(t *testing.T) {
	t.Parallel()
	m, get, _ := tree(t)
	said := held(t, m, tune.Order{Latency: 20, Swappiness: 10}, func() {
		if get(swappiness) != "10" || get(governor0) != "performance" || get(governor1) != "powersave" || get(preference) != "performance" {
			t.Errorf("swappiness %s, governors %s and %s, preference %s", get(swappiness), get(governor0), get(governor1), get(preference))
		}
		if raw, err := os.ReadFile(filepath.Join(m.Root, dmaLatency)); err != nil || binary.NativeEndian.Uint32(raw) != 20 {
			t.Errorf("the latency request is %v, %v", raw, err)
		}
	})
	if said != "swappiness 10, governor performance (1 of cpufreq's policies), energy preference performance (1), wake-up within 20 µs" {
		t.Errorf("it says %q", said)
	}
	for range 2 { // ExecStopPost= runs after each end, and a second time does no harm
		if err := m.Restore(); err != nil {
			t.Fatal(err)
		}
		if get(swappiness) != "60" || get(governor0) != "powersave" || get(preference) != "balance_power" {
			t.Errorf("swappiness %s, governor %s, preference %s", get(swappiness), get(governor0), get(preference))
		}
	}
}

func TestWhatSomebodyElseTurnedStays(t *testing.T) {
	t.Parallel()
	m, get, put := tree(t)
	held(t, m, tune.Order{Swappiness: 10}, func() { put(governor0, "schedutil\n") })
	if err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	if get(governor0) != "schedutil" || get(swappiness) != "60" {
		t.Errorf("governor %s, swappiness %s", get(governor0), get(swappiness))
	}
}

func TestALowerSwappinessIsLeft(t *testing.T) {
	t.Parallel()
	m, get, put := tree(t)
	put(swappiness, "1\n")
	held(t, m, tune.Order{Swappiness: 10}, func() {})
	if get(swappiness) != "1" {
		t.Errorf("swappiness %s", get(swappiness))
	}
}

func TestALifeThatWasNotRestoredIsRestoredFirst(t *testing.T) {
	t.Parallel()
	m, get, _ := tree(t)
	held(t, m, tune.Order{Swappiness: 10}, func() {}) // killed, and nobody ran ExecStopPost=
	held(t, m, tune.Order{Swappiness: 5}, func() {})
	if err := m.Restore(); err != nil || get(swappiness) != "60" {
		t.Errorf("swappiness %s, %v", get(swappiness), err)
	}
}

func TestAMachineWithoutKnobsIsHeldAllTheSame(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	m := tune.Machine{Root: root, State: filepath.Join(root, "state")}
	if said := held(t, m, tune.Order{}, func() {}); said != "no frequency scaling to turn, this kernel takes no latency requests" {
		t.Errorf("it says %q", said)
	}
}

// daemon owns the power profiles.
type daemon struct {
	runs bool
	err  error
}

func (d daemon) Hold(context.Context) (bool, error) { return d.runs, d.err }

func TestGovernorsAreLeftToTheirDaemon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		daemon   daemon
		governor string
		says     string
	}{
		"one that runs":     {daemon{runs: true}, "powersave", "power profile performance held, "},
		"one that does not": {daemon{}, "performance", "swappiness 10"},
		"one that refuses":  {daemon{err: errors.New("no")}, "performance", "cannot hold a power profile: no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, get, _ := tree(t)
			m.Profiles = c.daemon
			said := held(t, m, tune.Order{Swappiness: 10}, func() {
				if get(governor0) != c.governor || (get(preference) == "performance") != (c.governor == "performance") {
					t.Errorf("the governor is %s, the preference %s", get(governor0), get(preference))
				}
			})
			if !strings.HasPrefix(said, c.says) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

func TestAStateFileIsNotBelievedBlindly(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{
		"damaged":            `[{"path"`,
		"of another's files": `[{"path":"etc/shadow","was":"x","set":""}]`,
		"that climbs":        `[{"path":"sys/devices/system/cpu/cpufreq/policy0/../../scaling_governor","was":"x","set":""}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, get, put := tree(t)
			put("etc/shadow", "")
			put("state.json", state)
			if err := m.Restore(); err == nil {
				t.Error("it was believed")
			}
			if get("etc/shadow") != "" {
				t.Error("a file of others was written")
			}
		})
	}
}

func TestAKnobThatDoesNotTurnIsAnError(t *testing.T) {
	t.Parallel()
	m, _, _ := tree(t)
	if err := os.Remove(filepath.Join(m.Root, governor0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(m.Root, governor0)); err != nil {
		t.Fatal(err)
	}
	err := m.Hold(t.Context(), tune.Order{Swappiness: 10}, func(string) error { t.Error("it says that it is ready"); return nil })
	if err == nil || !strings.Contains(err.Error(), `it reads ""`) {
		t.Errorf("got %v", err)
	}
	if err := m.Restore(); err != nil {
		t.Error(err)
	}
}

// intel_pstate and amd-pstate refuse another preference while the governor is
// performance: so the order of turning is part of what restores.
func TestThePreferenceIsTurnedBeforeTheGovernorAndPutBackAfterIt(t *testing.T) {
	t.Parallel()
	m, _, put := tree(t)
	const policy1 = "sys/devices/system/cpu/cpufreq/policy1/"
	put(policy1+"scaling_available_governors", "performance powersave\n")
	held(t, m, tune.Order{Swappiness: 10}, func() {})
	raw, err := os.ReadFile(m.State)
	if err != nil {
		t.Fatal(err)
	}
	first, then, found := strings.Cut(string(raw), "policy1/energy_performance_preference")
	if !found || strings.Contains(first, "policy1/scaling_governor") || !strings.Contains(then, "policy1/scaling_governor") {
		t.Errorf("the order is %s", raw)
	}
}
