package host_test

import (
	"os"
	"slices"
	"testing"

	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// The rules by which an isolation is foretold are systemd's own: here they are
// held against what a real one does.
func TestAnIsolationStopsWhatWasForetold(t *testing.T) {
	t.Parallel()
	const sleeps = "[Service]\nExecStart=sleep 1000\n"
	m := realSystemd(t, map[string]string{
		"mode.target":       "[Unit]\nAllowIsolate=yes\nWants=wanted.service asks.socket\nRequires=nested.target\nConflicts=rival.service\n",
		"nested.target":     "[Unit]\nWants=deep.service masked.service\n",
		"wanted.service":    sleeps,
		"deep.service":      "[Unit]\nPartOf=stray.service\n" + sleeps,
		"self.target":       "[Unit]\nAllowIsolate=yes\nRequires=firm.service\n",
		"firm.service":      "[Unit]\nPartOf=stray.service\nIgnoreOnIsolate=yes\n" + sleeps,
		"asks.socket":       "[Socket]\nListenStream=%t/asks\n",
		"asks.service":      sleeps,
		"knocks.socket":     "[Socket]\nListenStream=%t/knocks\n",
		"knocks.service":    sleeps,
		"stray.service":     sleeps,
		"needs.service":     "[Unit]\nIgnoreOnIsolate=yes\nRequires=stray.service\nAfter=stray.service\n" + sleeps,
		"stubborn.service":  "[Unit]\nIgnoreOnIsolate=yes\n" + sleeps,
		"rival.service":     "[Unit]\nIgnoreOnIsolate=yes\n" + sleeps,
		"lingering.service": "[Service]\nExecStart=sh -c 'trap \"sleep 2; exit 0\" TERM; while :; do sleep 0.1; done'\n",
		"finished.service":  "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n",
		"idle.service":      sleeps,
	})
	// Sockets first: one whose service runs cannot be started.
	for _, unit := range []string{"asks.socket", "knocks.socket", "wanted.service", "deep.service", "firm.service", "asks.service", "knocks.service",
		"stray.service", "needs.service", "stubborn.service", "rival.service", "lingering.service", "finished.service"} {
		job(t, "done")(m.Start(t.Context(), unit))
	}
	target := actions.New(actions.Hands{Units: m})["target"]
	binder := target.(fsm.Binder)
	if _, err := binder.Bind(t.Context(), "", `{"target":"self.target","isolate":true}`, fsm.Context{}); err == nil || !contains(err.Error(), "firm.service") {
		t.Errorf("what contradicts itself is foretold as %v", err)
	}
	if _, err := m.Isolate(t.Context(), "self.target"); err == nil {
		t.Error("systemd isolates what contradicts itself")
	}
	before := awake(t, m)
	const want = `{"target":"mode.target","isolate":true}`
	bound, err := binder.Bind(t.Context(), "", want, fsm.Context{})
	if err != nil {
		t.Fatal(err)
	}
	foretold := texts(t, bound, "doomed")
	for _, unit := range []string{"stray.service", "needs.service", "rival.service", "lingering.service", "finished.service", "knocks.socket", "knocks.service", "deep.service", "firm.service"} {
		if !slices.Contains(foretold, unit) {
			t.Errorf("%s is not foretold to stop", unit)
		}
	}
	for _, unit := range []string{"wanted.service", "asks.service", "asks.socket", "stubborn.service", "-.slice", "idle.service"} {
		if slices.Contains(foretold, unit) {
			t.Errorf("%s is foretold to stop", unit)
		}
	}
	was, err := target.Capture(t.Context(), "", want)
	if err != nil {
		t.Fatal(err)
	}
	// The user manager of this test has a basic.target of its own, which is vital
	// on a machine: ask the job itself.
	job(t, "done")(m.Isolate(t.Context(), "mode.target"))
	eventually(t, "the slow one has stopped", func() bool { return state(t, m, "lingering.service").Active == "inactive" })
	after := awake(t, m)
	stopped := slices.DeleteFunc(slices.Clone(before), func(unit string) bool { return slices.Contains(after, unit) })
	// What a doomed socket starts stops or stays as the order of a hash has it.
	chance := func(unit string) bool { return unit == "knocks.service" }
	if !slices.Equal(slices.DeleteFunc(stopped, chance), slices.DeleteFunc(slices.Clone(foretold), chance)) {
		t.Errorf("stopped  %q\nforetold %q", stopped, foretold)
	}
	if err := target.Undo(t.Context(), "", was); err != nil {
		t.Fatal(err)
	}
	again := awake(t, m)
	for _, unit := range foretold {
		if !slices.Contains(again, unit) {
			t.Errorf("%s is not back", unit)
		}
	}
}

func awake(t *testing.T, m *host.Manager) []string {
	t.Helper()
	names, err := m.Awake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// texts reads a list out of a value.
func texts(t *testing.T, v fsm.Value, key string) (out []string) {
	t.Helper()
	var loose map[string]any
	if err := v.Decode(&loose); err != nil {
		t.Fatal(err)
	}
	list, _ := loose[key].([]any)
	for _, text := range list {
		out = append(out, text.(string))
	}
	return out
}

func TestATargetIsStoppedAlone(t *testing.T) {
	t.Parallel()
	m := realSystemd(t, map[string]string{
		"old.target":   "[Unit]\nWants=both.service only.service\n",
		"new.target":   "[Unit]\nWants=both.service\n",
		"both.service": "[Unit]\nPartOf=old.target new.target\n[Service]\nExecStart=sleep 1000\n",
		"only.service": "[Unit]\nPartOf=old.target\n[Service]\nExecStart=sleep 1000\n",
	})
	job(t, "done")(m.Start(t.Context(), "old.target"))
	eventually(t, "the member is up", func() bool { return state(t, m, "only.service").Active == "active" })
	life := state(t, m, "both.service").InvocationID
	target := actions.New(actions.Hands{Units: m})["target"]
	if err := target.Do(t.Context(), "", `{"target":"new.target","others":["old.target"]}`); err != nil {
		t.Fatal(err)
	}
	for unit, want := range map[string]string{"old.target": "inactive", "only.service": "inactive", "new.target": "active", "both.service": "active"} {
		if got := state(t, m, unit).Active; got != want {
			t.Errorf("%s is %s", unit, got)
		}
	}
	if state(t, m, "both.service").InvocationID != life {
		t.Error("what both have was started again")
	}
}

// make install lays gates down for units that most machines have not.
func TestAGateIsSeenAndHurtsNobody(t *testing.T) {
	t.Parallel()
	gate, err := os.ReadFile("../../examples/gate.conf")
	if err != nil {
		t.Fatal(err)
	}
	const service = "[Service]\nExecStart=sleep 1000\n"
	m := realSystemd(t, map[string]string{
		"gated.service": service, "gated.service.d/50-moded-gate.conf": string(gate),
		"many@.service": service, "many@.service.d/50-moded-gate.conf": string(gate),
		"ghost.service.d/50-moded-gate.conf": string(gate),
		"open.service":                       service,
		"other.service":                      "[Unit]\nConditionPathExists=/run/moded/deny/%n\n" + service,
	})
	for unit, want := range map[string]bool{"gated.service": true, "many@1.service": true, "open.service": false, "other.service": false} {
		if s := state(t, m, unit); s.Gated != want || s.Load != "loaded" {
			t.Errorf("%s: %s, gated is %v", unit, s.Load, s.Gated)
		}
	}
	if s := state(t, m, "ghost.service"); s.Load != "not-found" {
		t.Errorf("a drop-in alone makes a unit: %+v", s)
	}
	job(t, "done")(m.Start(t.Context(), "gated.service"))
	if s := state(t, m, "gated.service"); s.Active != "active" {
		t.Errorf("an open gate holds: %+v", s)
	}
}
