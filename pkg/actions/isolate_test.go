package actions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

const isolated = `{"target":"moded-studio.target","others":["moded-compute.target","moded-desktop.target"],"isolate":true,"keep":["display-manager.service"],"gone":["fstrim.timer"]}`

// isolable is a workstation whose studio may be isolated: the target wants the
// desktop and what the system needs, and a printer's daemon is up besides.
func isolable(m *actionstest.Machine) {
	add := func(name string) *actionstest.Unit {
		u := m.Add(name, "notify", "active")
		u.InvocationID = "first-" + name
		return u
	}
	add("cups.service")
	add("ssh.service")
	add("polkit.service").Hangs.IgnoreOnIsolate = true
	add("multi-user.target").Hangs.Pulls = []string{"ssh.service"}
	m.Units["graphical.target"].Hangs.Pulls = []string{"display-manager.service", "multi-user.target"}
	m.Units["moded-studio.target"].Hangs = actions.Links{AllowIsolate: true, Pulls: []string{"graphical.target"}}
	for name, u := range m.Units {
		if strings.HasSuffix(name, ".scope") || strings.HasPrefix(name, "user@") {
			u.Hangs.IgnoreOnIsolate = true
		}
	}
}

// bind makes the step's value as a plan does.
func bind(t *testing.T, m *actionstest.Machine, want fsm.Value) fsm.Value {
	t.Helper()
	bound, err := actions.New(m.Hands())["target"].(fsm.Binder).Bind(t.Context(), "", want, fsm.Context{})
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

func doomed(t *testing.T, bound fsm.Value) string {
	t.Helper()
	var v struct{ Doomed []string }
	var loose map[string]any
	if err := bound.Decode(&loose); err != nil {
		t.Fatal(err)
	}
	list, _ := loose["doomed"].([]any)
	for _, unit := range list {
		v.Doomed = append(v.Doomed, unit.(string))
	}
	return strings.Join(v.Doomed, " ")
}

// The rules of systemd's src/core/transaction.c, one machine each.
func TestWhatAnIsolationWouldStop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(m *actionstest.Machine)
		want    string
	}{
		"what the target does not want":  {func(*actionstest.Machine) {}, "cups.service"},
		"not what opts out":              {func(m *actionstest.Machine) { m.Units["cups.service"].Hangs.IgnoreOnIsolate = true }, ""},
		"not what is down":               {func(m *actionstest.Machine) { m.Units["cups.service"].Active = "failed" }, ""},
		"not what something kept starts": {triggered("polkit.service"), ""},
		"but what something doomed does": {triggered("cups.socket"), "cups.service cups.socket"},
		"with what requires it":          {func(m *actionstest.Machine) { m.Units["cups.service"].Hangs.Drags = []string{"polkit.service"} }, "cups.service polkit.service"},
		"even when it is wanted":         {func(m *actionstest.Machine) { m.Units["cups.service"].Hangs.Drags = []string{"ssh.service"} }, "cups.service ssh.service"},
		"and what conflicts with what is wanted": {func(m *actionstest.Machine) {
			m.Units["ssh.service"].Hangs.Fights = []string{"polkit.service", "nope.service"}
		}, "cups.service polkit.service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			isolable(m)
			test.prepare(m)
			if got := doomed(t, bind(t, m, isolated)); got != test.want {
				t.Errorf("would stop %q, want %q", got, test.want)
			}
		})
	}
}

func triggered(by string) func(*actionstest.Machine) {
	return func(m *actionstest.Machine) {
		if _, ok := m.Units[by]; !ok {
			m.Add(by, "", "active")
		}
		m.Units["cups.service"].Hangs.TriggeredBy = []string{by}
	}
}

func TestAnIsolationIsRefusedByName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(m *actionstest.Machine)
		says    string
	}{
		"fine":                 {func(*actionstest.Machine) {}, ""},
		"not allowed":          {func(m *actionstest.Machine) { m.Units["moded-studio.target"].Hangs.AllowIsolate = false }, "moded-studio.target may not be isolated: add AllowIsolate=yes"},
		"ssh would stop":       {func(m *actionstest.Machine) { m.Units["multi-user.target"].Hangs.Pulls = nil }, "isolating moded-studio.target would stop ssh.service (ssh): add"},
		"polkit would stop":    {func(m *actionstest.Machine) { m.Units["polkit.service"].Hangs = actions.Links{} }, "polkit.service (polkit)"},
		"the probe would stop": {func(m *actionstest.Machine) { m.Add("moded-probe.socket", "", "active") }, "moded-probe.socket (moded)"},
		"a timer would come back": {func(m *actionstest.Machine) {
			m.Units["multi-user.target"].Hangs.Pulls = []string{"ssh.service", "fstrim.timer"}
		}, "would start fstrim.timer, which the mode has down"},
		"wifi would stop": {func(m *actionstest.Machine) { m.Add("wpa_supplicant@wlan0.service", "simple", "active") }, "wpa_supplicant@wlan0.service (network)"},
		"the desktop would stop": {func(m *actionstest.Machine) {
			m.Units["moded-studio.target"].Hangs.Pulls = []string{"multi-user.target"}
		}, "would stop gdm.service, which the mode keeps: add Wants=gdm.service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				isolable(m)
				test.prepare(m)
				target := actions.New(m.Hands())["target"]
				err := target.(fsm.Preflighter).Preflight(t.Context(), "", bind(t, m, isolated))
				if (test.says != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("Preflight says %v, want %q", err, test.says)
				}
				// What came up since the plan was made is refused just so.
				err = target.Do(t.Context(), "", isolated)
				if (test.says != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("Do says %v, want %q", err, test.says)
				}
				if cups := m.Units["cups.service"].Active; (cups == "active") != (test.says != "") {
					t.Errorf("cups.service is %s", cups)
				}
			})
		})
	}
}

func TestAnIsolationIsUndoneByName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		isolable(m)
		m.Add("run-r1.service", "simple", "active").Hangs.Lost = true
		target := actions.New(m.Hands())["target"]
		was, err := target.Capture(t.Context(), "", isolated)
		if err != nil {
			t.Fatal(err)
		}
		do(t, m, "target", "", isolated)
		for unit, want := range map[string]string{"cups.service": "inactive", "run-r1.service": "inactive", "sync.service": "inactive",
			"moded-studio.target": "active", "lights.service": "active", "ssh.service": "active"} {
			if got := m.Units[unit].Active; got != want {
				t.Errorf("%s is %s in studio", unit, got)
			}
		}
		if err := target.Undo(t.Context(), "", was); err != nil {
			t.Fatal(err)
		}
		for unit, want := range map[string]string{"cups.service": "active", "run-r1.service": "inactive", "sync.service": "active",
			"moded-studio.target": "inactive", "lights.service": "inactive", "ssh.service": "active"} {
			if got := m.Units[unit].Active; got != want {
				t.Errorf("%s is %s after the undo", unit, got)
			}
		}
	})
}

// systemd may keep the service of a socket that it stops.
func TestASocketComesBackBeforeItsService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		isolable(m)
		triggered("cups.socket")(m)
		m.Units["cups.socket"].Hangs.Triggers = []string{"cups.service"}
		target := actions.New(m.Hands())["target"]
		was, err := target.Capture(t.Context(), "", isolated)
		if err != nil {
			t.Fatal(err)
		}
		do(t, m, "target", "", isolated)
		m.Units["cups.service"].Active, m.Units["cups.service"].InvocationID = "active", "kept"
		if err := target.Undo(t.Context(), "", was); err != nil {
			t.Fatal(err)
		}
		if s := m.Units["cups.service"]; m.Units["cups.socket"].Active != "active" || s.Active != "active" || s.InvocationID == "kept" {
			t.Errorf("cups.socket is %s, cups.service is %s, life %s", m.Units["cups.socket"].Active, s.Active, s.InvocationID)
		}
	})
}

// blind is a machine on which nobody can tell what hangs on what.
type blind struct{ actions.Units }

func TestNothingIsIsolatedBlindly(t *testing.T) {
	t.Parallel()
	m := workstation()
	hands := m.Hands()
	hands.Units = blind{hands.Units}
	target := actions.New(hands)["target"]
	if _, err := target.(fsm.Binder).Bind(t.Context(), "", isolated, fsm.Context{}); err == nil || !strings.Contains(err.Error(), "nobody can tell") {
		t.Errorf("Bind: %v", err)
	}
	if err := target.Do(t.Context(), "", compute); err != nil {
		t.Errorf("the soft way: %v", err)
	}
}

func TestWhatBothTargetsHaveIsNotTouched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		m.Units["shared.service"].InvocationID = "first"
		target := actions.New(m.Hands())["target"]
		was, err := target.Capture(t.Context(), "", studio)
		if err != nil {
			t.Fatal(err)
		}
		do(t, m, "target", "", studio)
		if err := target.Undo(t.Context(), "", was); err != nil {
			t.Fatal(err)
		}
		if u := m.Units["shared.service"]; u.Active != "active" || u.InvocationID != "first" {
			t.Errorf("shared.service is %s, life %s", u.Active, u.InvocationID)
		}
	})
}

func TestMembersOfMembersComeAlong(t *testing.T) {
	t.Parallel()
	m := workstation()
	m.Add("rack.target", "", "inactive").Members = []string{"amp.service", "moded-studio.target"}
	m.Add("amp.service", "simple", "inactive")
	m.Units["moded-studio.target"].Members = []string{"rack.target"}
	var loose map[string]any
	if err := bind(t, m, studio).Decode(&loose); err != nil {
		t.Fatal(err)
	}
	if got := loose["start"]; !slices.Equal(got.([]any), []any{"amp.service", "rack.target", "moded-studio.target"}) {
		t.Errorf("starts %v", got)
	}
}

// slowly is a machine on which a unit takes its time to stop, or never does.
type slowly struct {
	actions.Graph
	actions.Units
	m    *actionstest.Machine
	left int
}

func (s *slowly) Isolate(ctx context.Context, unit string) (string, error) {
	result, err := s.Graph.Isolate(ctx, unit)
	s.m.Units["cups.service"].Active = "deactivating"
	return result, err
}

func (s *slowly) State(ctx context.Context, unit string) (actions.UnitState, error) {
	if unit == "cups.service" && s.m.Units[unit].Active == "deactivating" {
		if s.left--; s.left == 0 {
			s.m.Units[unit].Active = "inactive"
		}
	}
	return s.Units.State(ctx, unit)
}

func TestAnIsolationIsAwaited(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		looks int
		says  string
	}{"that takes its time": {5, ""}, "that never ends": {-1, "still up 1m30s after the isolation: cups.service"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				isolable(m)
				hands := m.Hands()
				s := &slowly{hands.Units.(actions.Graph), hands.Units, m, test.looks}
				hands.Units = s
				err := actions.New(hands)["target"].Do(t.Context(), "", isolated)
				if (test.says != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("Do says %v, want %q", err, test.says)
				}
			})
		})
	}
}

func TestATargetThatRequiresWhatItStopsIsRefused(t *testing.T) {
	t.Parallel()
	m := workstation()
	isolable(m)
	m.Units["cups.service"].Hangs.Drags = []string{"ssh.service"}
	m.Units["multi-user.target"].Hangs.Needs = []string{"ssh.service"}
	m.Units["moded-studio.target"].Hangs.Needs = []string{"multi-user.target"}
	_, err := actions.New(m.Hands())["target"].(fsm.Binder).Bind(t.Context(), "", isolated, fsm.Context{})
	if err == nil || !strings.Contains(err.Error(), "it requires ssh.service") {
		t.Errorf("Bind: %v", err)
	}
}

func TestAUnitThatCannotBeReadStopsThePlan(t *testing.T) {
	t.Parallel()
	m := workstation()
	isolable(m)
	hands := m.Hands()
	hands.Units = deaf{hands.Units.(actions.Graph), hands.Units}
	_, err := actions.New(hands)["target"].(fsm.Binder).Bind(t.Context(), "", isolated, fsm.Context{})
	if !errors.Is(err, errDeaf) {
		t.Errorf("Bind: %v", err)
	}
}

var errDeaf = errors.New("PID 1 does not answer")

type deaf struct {
	actions.Graph
	actions.Units
}

func (deaf) Links(context.Context, string) (actions.Links, error) { return actions.Links{}, errDeaf }
