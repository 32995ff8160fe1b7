package e2e_test

import (
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
)

// hangs are the operations in which each step of the simulated machine is
// caught. Steps that only look are caught when they begin.
var hangs = map[string]string{
	"target release":              "unit stop moded-FROM.target",
	"target acquire":              "unit start moded-TO.target",
	"gui release":                 "session end 3",
	"gui acquire":                 "unit start gdm.service",
	"units/ai.service release":    "unit stop ai.service",
	"units/ai.service acquire":    "unit start ai.service",
	"slices/system.slice acquire": "slice set system.slice",
	"gpus/gpu0 release":           "gpu free gpu0",
}

// caught is the operation in which the first of the steps hangs, or one after it: the
// daemon gets no further, however late it is killed.
func caught(steps []manager1.Step) string {
	for _, s := range steps {
		if op, ok := hangs[s.Name]; ok {
			return op
		}
	}
	return ""
}

func TestADaemonKilledInAnyStepComesBackToWhereItBegan(t *testing.T) {
	t.Parallel()
	for _, way := range [][2]string{{"desktop", "compute"}, {"compute", "desktop"}} {
		t.Run(way[0]+" to "+way[1], func(t *testing.T) {
			t.Parallel()
			p := open(t)
			if way[0] != "desktop" {
				p.reach(way[0])
			}
			plan, err := p.client.Plan(t.Context(), way[1], 0)
			if err != nil || !plan.Allowed || len(plan.Steps) < 6 {
				t.Fatalf("no plan: %v, %+v", err, plan)
			}
			for i, s := range plan.Steps {
				t.Run(strings.ReplaceAll(s.Name, "/", " "), func(t *testing.T) {
					t.Parallel()
					crashIn(t, way[0], way[1], plan.Steps[i:], plan.PointOfNoReturn())
				})
			}
		})
	}
}

// crashIn kills the daemon while the first of the steps is under way, and looks what
// the next one makes of it.
func crashIn(t *testing.T, from, to string, steps []manager1.Step, noReturn int) {
	t.Helper()
	step := steps[0]
	p := open(t)
	if from != "desktop" {
		p.reach(from)
	}
	p.simulate("hang once " + strings.NewReplacer("FROM", from, "TO", to).Replace(caught(steps)))
	id := p.request(to)
	p.await(step.Name, func(e manager1.Event) bool {
		return e.Kind == manager1.EventStepChanged && e.Index == step.Index && e.Status == manager1.Doing
	})
	p.crash()
	p.settles(from)
	r, err := p.client.GetTransition(t.Context(), id)
	if err != nil || r.Outcome != manager1.RolledBack || r.Message == "" {
		t.Errorf("transition %d: %v, %s %q; want rolled-back with a reason", id, err, r.Outcome, r.Message)
	}
	p.whole(from)
	if from == "desktop" && int(step.Index) < noReturn && !p.machine().has("3") {
		t.Error("a session was lost before the point of no return")
	}
}

func TestThreeCrashesInOneStepMakeItSafe(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.simulate("hang unit stop fstrim.timer")
	p.simulate("hang unit start fstrim.timer")
	p.request("studio")
	at := func(status string) func(manager1.Event) bool {
		return func(e manager1.Event) bool {
			return e.Properties != nil && (strings.HasPrefix(e.Properties.Transition.Step, "units/fstrim.timer") && e.Properties.Transition.Phase == status ||
				len(e.Properties.Degraded) > 0)
		}
	}
	p.await("the step", at(manager1.PhaseRunning))
	for crashes := 1; len(p.now.Degraded) == 0; crashes++ {
		if crashes > 5 {
			t.Fatalf("no safe mode after five crashes: %+v", p.now)
		}
		p.crash()
		p.await("the undo, or safe mode", at(manager1.PhaseUndoing))
	}
	if !strings.Contains(strings.Join(p.now.Degraded, " "), "safe mode") {
		t.Errorf("got %q", p.now.Degraded)
	}
	p.modectl(0, "status")
	p.simulate("heal")
	p.modectl(0, "recover")
	p.settles("desktop")
	p.whole("desktop")
}

func TestAStopHalfWayIsUndoneBeforeTheDaemonEnds(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.simulate("hang once slice set system.slice")
	id := p.request("studio")
	p.await("the step", func(e manager1.Event) bool {
		return e.Kind == manager1.EventStepChanged && strings.HasPrefix(e.Step, "slices") && e.Status == manager1.Doing
	})
	if err := p.daemon.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	p.start()
	p.settles("desktop")
	p.whole("desktop")
	if r, err := p.client.GetTransition(t.Context(), id); err != nil || r.Outcome == manager1.Settled {
		t.Errorf("got %s, %v", r.Outcome, err)
	}
}

func TestARestartKeepsTheMode(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, mode := range []string{"studio", "desktop", "compute"} {
		p.reach(mode)
		if err := p.daemon.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		p.start()
		p.settles(mode)
		p.whole(mode)
	}
}
