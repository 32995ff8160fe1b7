package actions_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

func guiOffEnding(sessions ...fsm.Session) fsm.Value {
	return fsm.NewValue(map[string]any{"state": "off",
		"units": []string{"display-manager.service", "graphical.target"}, "sessions": sessions})
}

var eve = fsm.Session{ID: "5", UID: 1001, User: "eve", Class: "user", Type: "wayland", Scope: "session-5.scope"}

// A Do that cannot succeed says why in words that a person can act on.
func TestDoTellsWhyItFailed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind, key string
		want      fsm.Value
		prepare   func(m *actionstest.Machine)
		says      []string
	}{
		"a session that is not in the plan": {"gui", "", guiOffEnding(dev),
			func(m *actionstest.Machine) { m.Sessions = append(m.Sessions, eve) },
			[]string{"a session is there that was not in the plan", "5 of eve"}},
		"a session that neither TERM nor KILL ends": {"gui", "", guiOffEnding(dev),
			func(m *actionstest.Machine) { m.Stubborn["3"] = true },
			[]string{"cannot end the GUI: session 3 of dev is active"}},
		"a lingering manager that keeps a GPU": {"gui", "", guiOffEnding(dev),
			func(m *actionstest.Machine) { linger(m); clear(m.Audio); m.GPUs[0].Holders[0].Session = "" },
			[]string{"a GPU is still held by weston (1234, session-3.scope, dev)"}},
		"a gate that is shut": {"units", "gdm.service", `{"state":"active"}`,
			func(m *actionstest.Machine) { headless(m) },
			[]string{"cannot start gdm.service", "a condition of the unit is not met"}},
		"a unit that fails": {"units", "ai.service", aiOn,
			func(m *actionstest.Machine) { m.Units["ai.service"].Fails = true },
			[]string{"cannot start ai.service: job result failed, it is failed (exit-code)"}},
		"a service that dies right after its start": {"units", "ai.service", `{"state":"active"}`,
			func(m *actionstest.Machine) { m.Units["ai.service"].Dies = 300 * time.Millisecond },
			[]string{"it is failed (exit-code) right after its start"}},
		"a service that never becomes ready": {"units", "ai.service",
			`{"state":"active","ready":"http://127.0.0.1:8000/health","ready-timeout":"20s"}`,
			func(m *actionstest.Machine) { neverReady(m) },
			[]string{"ai.service is not ready after 20s", "connection refused"}},
		"a service that dies before it is ready": {"units", "ai.service", aiOn,
			func(m *actionstest.Machine) { neverReady(m); m.Units["ai.service"].Dies = 5 * time.Second },
			[]string{"ai.service did not become ready: it is failed (exit-code)"}},
		"a masked unit": {"units", "ai.service", aiOn,
			func(m *actionstest.Machine) { m.Units["ai.service"].Load = "masked" },
			[]string{"systemctl unmask ai.service"}},
		"a GPU that is not let go": {"gpus", "gpu0", `{"owner":"nobody","pci":"0000:01:00.0","release-timeout":"5s"}`,
			func(*actionstest.Machine) {},
			[]string{"gpu0 is still held by weston (1234, session-3.scope, dev) after 5s"}},
		"a GPU by a wrong name": {"gpus", "gpu0", `{"owner":"nobody","uuid":"GPU-9"}`,
			func(*actionstest.Machine) {}, []string{"GPU-9 does not exist on this machine"}},
		"an agent that is deaf": {"audio", "", `{"state":"off"}`,
			func(m *actionstest.Machine) { m.Deaf[1000] = true },
			[]string{"audio is not as ordered after 30s: uid 1000: audio is on"}},
		"audio that does not come back": {"audio", "", `{"state":"on"}`,
			func(m *actionstest.Machine) {
				m.Deaf[1000], m.Audio[1000], m.Orders["audio"] = true, `{"state":"off"}`, `{"state":"off"}`
			},
			[]string{"uid 1000: pipewire.socket is inactive"}},
		"audio of somebody without an agent": {"audio", "", `{"state":"off"}`,
			func(m *actionstest.Machine) { m.Stray = []uint32{1001} },
			[]string{"uid 1001: audio runs without moded-agent"}},
		"a slice that nobody is in": {"slices", "background.slice", `{"cpu-weight":10}`,
			func(*actionstest.Machine) {}, []string{"background.slice has no processes and no unit file"}},
		"an agent that cannot limit": {"user-slices", "background.slice", `{"cpu-weight":10}`,
			func(m *actionstest.Machine) { m.Deaf[1000] = true },
			[]string{"background.slice is not as ordered after 10s: uid 1000: cpu is not delegated"}},
		"CPUs of a user's slice": {"user-slices", "background.slice", `{"allowed-cpus":"0-3"}`,
			func(*actionstest.Machine) {}, []string{`a user's manager cannot keep allowed-cpus "0-3"`}},
		"a hook that fails": {"hook", "backup.service", `{}`,
			func(m *actionstest.Machine) { m.Units["backup.service"].Fails = true },
			[]string{"cannot start backup.service", "exit-code"}},
		"tuning that fails": {"tune", "", `{"state":"low-latency"}`,
			func(m *actionstest.Machine) { m.Units["moded-tune.service"].Fails = true },
			[]string{"cannot start moded-tune.service", "exit-code"}},
		"tuning of another kind": {"tune", "", `{"state":"fast"}`,
			func(*actionstest.Machine) {}, []string{`tune is off or low-latency, not "fast"`}},
		"a value of a newer version": {"units", "ai.service", `{"state":"active","moon":"full"}`,
			func(*actionstest.Machine) {}, []string{"cannot decode value", "moon"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				test.prepare(m)
				err := actions.New(m.Hands())[test.kind].Do(t.Context(), test.key, test.want)
				if err == nil {
					t.Fatal("Do succeeded")
				}
				for _, text := range test.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("error %q does not say %q", err, text)
					}
				}
			})
		})
	}
}

// linger lets dev's manager stay after the last session.
func linger(m *actionstest.Machine) { m.Units["user@1000.service"].RemainAfterExit = true }

func neverReady(m *actionstest.Machine) {
	m.NotReady["http://127.0.0.1:8000/health"] = time.Now().Add(24 * time.Hour)
}

// What can be told before anything is touched is told by Preflight.
func TestPreflightTellsWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind, key string
		want      fsm.Value
		prepare   func(m *actionstest.Machine)
		missing   bool
		says      string
	}{
		"nothing":       {kind: "units", key: "ai.service", want: aiOn},
		"no such unit":  {kind: "units", key: "nope.service", want: aiOn, missing: true, says: "nope.service does not exist"},
		"no such hook":  {kind: "hook", key: "nope.service", want: `{}`, missing: true},
		"no tuning":     {kind: "tune", want: `{"state":"low-latency"}`, missing: true, prepare: func(m *actionstest.Machine) { delete(m.Units, "moded-tune.service") }},
		"no such slice": {kind: "slices", key: "kubepods.slice", want: `{"cpu-weight":10}`, missing: true},
		"no such GPU":   {kind: "gpus", key: "gpu1", want: `{"owner":"compute","pci":"0000:02:00.0"}`, missing: true},
		"no target":     {kind: "target", want: `{"target":"moded-x.target"}`, missing: true},
		"no display manager": {kind: "gui", want: guiOn, missing: true,
			prepare: func(m *actionstest.Machine) { delete(m.Units, "gdm.service") }},
		"a unit that does not read its environment": {kind: "units", key: "ai.service", want: aiOn,
			prepare: func(m *actionstest.Machine) { m.Units["ai.service"].EnvironmentFiles = nil },
			says:    "add the line EnvironmentFile=/run/moded/env/ai.service to its [Service] section"},
		"a unit that starts without its environment": {kind: "units", key: "ai.service", want: aiOn,
			prepare: func(m *actionstest.Machine) {
				m.Units["ai.service"].EnvironmentFiles = []string{"-/run/moded/env/ai.service"}
			},
			says: "without a dash"},
		"a oneshot that cannot stay": {kind: "units", key: "backup.service", want: `{"state":"active"}`, says: "RemainAfterExit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			if test.prepare != nil {
				test.prepare(m)
			}
			action, _ := actions.New(m.Hands())[test.kind].(fsm.Preflighter)
			err := action.Preflight(t.Context(), test.key, test.want)
			if errors.Is(err, fsm.ErrMissing) != test.missing {
				t.Errorf("missing is wrong for %v", err)
			}
			if (test.says != "" || test.missing) != (err != nil) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q", err, test.says)
			}
		})
	}
}

// A gate that is missing is told, and stops nothing.
func TestAGUIWithoutAGateIsAdvisedOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want  fsm.Value
		gated bool
		says  string
	}{
		"gated":    {guiOff, true, ""},
		"not":      {guiOff, false, "no-gate: gdm.service has no gate"},
		"goes on":  {guiOn, false, ""},
		"no units": {`{"state":"off","units":["nope.service","graphical.target"]}`, false, ""},
	} {
		m := workstation()
		m.Units["gdm.service"].Gated = test.gated
		var got string
		for _, a := range actions.New(m.Hands())["gui"].(fsm.Adviser).Advise(t.Context(), "", test.want) {
			got += a.Code + ": " + a.Summary
			if !strings.Contains(a.Remedy, "/etc/systemd/system/gdm.service.d/50-moded-gate.conf") {
				t.Errorf("%s: remedy is %q", name, a.Remedy)
			}
		}
		if (got == "") != (test.says == "") || !strings.HasPrefix(got, test.says) {
			t.Errorf("%s: %q, want %q", name, got, test.says)
		}
	}
}

func TestAMaskedUnitIsAsGoodAsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		unit, kind, key string
		want            fsm.Value
	}{
		"a display manager":  {"gdm.service", "gui", "", guiOn},
		"a unit":             {"ai.service", "units", "ai.service", aiOn},
		"a target of a mode": {"moded-studio.target", "target", "", studio},
		"the tuning":         {"moded-tune.service", "tune", "", `{"state":"low-latency"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			m.Units["moded-desktop.target"].Active = "inactive"
			m.Units[c.unit].Load, m.Units[c.unit].Active = "masked", "inactive"
			action := actions.New(m.Hands())[c.kind]
			settled, err := action.Settled(t.Context(), c.key, c.want)
			asked := action.(fsm.Preflighter).Preflight(t.Context(), c.key, c.want)
			for what, err := range map[string]error{"Settled": err, "Preflight": asked} {
				if !errors.Is(err, fsm.ErrMissing) || !strings.Contains(err.Error(), "systemctl unmask") || settled {
					t.Errorf("%s: %v, %v", what, settled, err)
				}
			}
			m.Units[c.unit].Active = "active" // masked while it ran: it is there, and can be stopped
			if _, err := action.Settled(t.Context(), c.key, c.want); errors.Is(err, fsm.ErrMissing) {
				t.Errorf("while it runs: %v", err)
			}
		})
	}
}
