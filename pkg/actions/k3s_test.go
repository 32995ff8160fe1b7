package actions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// k3sWant is a value as the configuration makes it, changed by what follows:
// keys and values in turn.
func k3sWant(state string, more ...any) fsm.Value {
	v := map[string]any{"state": state, "unit": "k3s.service", "drain-timeout": "1m", "start-timeout": "2m", "mark": map[string]string{}}
	for i := 0; i < len(more); i += 2 {
		v[more[i].(string)] = more[i+1]
	}
	return fsm.NewValue(v)
}

// inCluster is a node at work: a pod that ends, one of a DaemonSet, a scaled
// Deployment.
func inCluster() *actionstest.Machine {
	m := actionstest.New()
	u := m.Add(actionstest.K3sUnit, "notify", "active")
	u.Gated = true
	m.Add("moded-k3s-off.service", "oneshot", "inactive")
	weight := uint64(100)
	m.Limits[actionstest.K3sUnit] = actions.Limits{CPUWeight: &weight}
	m.Cluster.Pods = []actionstest.Pod{{Name: "train-0", Ends: 3 * time.Second}, {Name: "agent-x", Stays: true}, {Name: "coredns-y", System: true}}
	m.Cluster.Objects = map[string]*actionstest.Object{"web": {Replicas: 3}}
	return m
}

func drained(m *actionstest.Machine) {
	m.Cluster.Pods = m.Cluster.Pods[1:]
	m.Cluster.Cordoned, m.Cluster.Ours = true, true
}

func down(m *actionstest.Machine) { m.Units[actionstest.K3sUnit].Active = "inactive" }

func turnedOff(m *actionstest.Machine) {
	drained(m)
	down(m)
	m.Denied[actionstest.K3sUnit] = true
}

func released() fsm.Value {
	return actions.New(inCluster().Hands())["k3s"].(fsm.Rester).Rest("", k3sWant("full"))
}

func TestTheClusterActionConforms(t *testing.T) {
	t.Parallel()
	marked := map[string]string{"label": "compute", "taint": "compute:NoSchedule"}
	for name, test := range map[string]struct {
		want    fsm.Value
		prepare func(m *actionstest.Machine)
	}{
		"a node at work is drained":   {k3sWant("control-plane"), nil},
		"a node at work is released":  {released(), nil},
		"a drained one goes to work":  {k3sWant("full", "mark", marked, "cpu-weight", 100), drained},
		"one at work goes on, marked": {k3sWant("full", "mark", marked), nil},
		"one that somebody cordoned":  {k3sWant("control-plane"), func(m *actionstest.Machine) { m.Cluster.Cordoned = true }},
		"the same, to work":           {k3sWant("full"), func(m *actionstest.Machine) { m.Cluster.Cordoned = true }},
		"throttled":                   {k3sWant("minimal", "cpu-weight", 10), nil},
		"off":                         {k3sWant("off"), nil},
		"off, with its containers":    {k3sWant("off", "killall", "moded-k3s-off.service"), nil},
		"off, of one that is":         {k3sWant("off"), turnedOff},
		"off to work":                 {k3sWant("full", "mark", marked), turnedOff},
		"off to work, with killall":   {k3sWant("full", "killall", "moded-k3s-off.service"), turnedOff},
		"just down, to work":          {k3sWant("full"), down},
		"just down, released":         {released(), down},
		"with what is scaled to zero": {k3sWant("minimal", "scale-to-zero", "a=b"), nil},
		"with what is scaled back":    {k3sWant("full", "scale-to-zero", "a=b"), func(m *actionstest.Machine) { drained(m); zeroed(m) }},
		"without k3s":                 {k3sWant("off"), func(m *actionstest.Machine) { delete(m.Units, actionstest.K3sUnit) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsmtest.Conformance(t, func() fsmtest.Subject {
				m := inCluster()
				if test.prepare != nil {
					test.prepare(m)
				}
				return fsmtest.Subject{Action: actions.New(m.Hands())["k3s"], Want: test.want, Machine: m.String, Effects: m.Effects, Break: m.Break}
			})
		})
	}
}

func zeroed(m *actionstest.Machine) {
	m.Cluster.Objects["web"] = &actionstest.Object{Kept: new(3)}
}

func TestAPlanAdvisesOfWhatOffLeavesRunning(t *testing.T) {
	t.Parallel()
	m := inCluster()
	m.Units[actionstest.K3sUnit].Gated = false
	adviser := actions.New(m.Hands())["k3s"].(fsm.Adviser)
	codes := func(want fsm.Value) (codes []string) {
		for _, a := range adviser.Advise(t.Context(), "", want) {
			codes = append(codes, a.Code)
		}
		return codes
	}
	if got := codes(k3sWant("off")); !slices.Equal(got, []string{"no-gate", "containers-stay"}) {
		t.Errorf("without gate and killall: %q", got)
	}
	m.Units[actionstest.K3sUnit].Gated = true
	if got := codes(k3sWant("off", "killall", "moded-k3s-off.service")); len(got) != 0 {
		t.Errorf("with both: %q", got)
	}
	if got := codes(k3sWant("full")); len(got) != 0 {
		t.Errorf("full: %q", got)
	}
}

func TestAMachineThatModedNeverTouchedResemblesWhatItsUnitSays(t *testing.T) {
	t.Parallel()
	for active, like := range map[string][]fsm.Value{
		"active":   {k3sWant("full"), k3sWant("control-plane"), k3sWant("minimal")},
		"inactive": {k3sWant("off")},
	} {
		m := inCluster()
		m.Units[actionstest.K3sUnit].Active = active
		adopter := actions.New(m.Hands())["k3s"].(fsm.Adopter)
		for _, want := range []fsm.Value{k3sWant("full"), k3sWant("control-plane"), k3sWant("minimal"), k3sWant("off")} {
			if ok, err := adopter.Resembles(t.Context(), "", want); err != nil || ok != slices.Contains(like, want) {
				t.Errorf("%s, %s: %v, %v", active, want, ok, err)
			}
		}
	}
}
