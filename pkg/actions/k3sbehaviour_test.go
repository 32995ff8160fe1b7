package actions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

// node is an action on a machine, and what it has said to people.
type node struct {
	*actionstest.Machine
	fsm.Action
	t        *testing.T
	cautions []string
}

// onNode runs a test in a bubble, so that a drain of minutes takes no time.
func onNode(t *testing.T, test func(n *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := inCluster()
		test(&node{Machine: m, Action: actions.New(m.Hands())["k3s"], t: t})
	})
}

func (n *node) ctx() context.Context {
	return fsm.WithCautions(n.t.Context(), func(text string) { n.cautions = append(n.cautions, text) })
}

func (n *node) capture(want fsm.Value) fsm.Snapshot {
	n.t.Helper()
	was, err := n.Capture(n.ctx(), "", want)
	if err != nil {
		n.t.Fatal(err)
	}
	return was
}

func (n *node) do(want fsm.Value) {
	n.t.Helper()
	if err := n.Do(n.ctx(), "", want); err != nil {
		n.t.Fatal(err)
	}
	if ok, err := n.Settled(n.ctx(), "", want); !ok || err != nil {
		n.t.Fatalf("settled: %v, %v", ok, err)
	}
}

// fails wants an error of Do with all of these words.
func (n *node) fails(want fsm.Value, says ...string) {
	n.t.Helper()
	err := n.Do(n.ctx(), "", want)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			n.t.Errorf("%v does not say %q", err, text)
		}
	}
}

func (n *node) undo(was fsm.Snapshot) {
	n.t.Helper()
	if err := n.Undo(n.ctx(), "", was); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) open(when string) {
	n.t.Helper()
	if n.Cluster.Cordoned || n.Cluster.Ours || n.Units[actionstest.K3sUnit].Active != "active" {
		n.t.Errorf("%s the node is not open: %s, k3s is %s", when, n.Cluster.String(), n.Units[actionstest.K3sUnit].Active)
	}
}

func TestABudgetThatHoldsAPodEndsTheDrainAtItsDeadlineAndTheUndoUncordons(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Pods[0].Budget = "the disruption budget web needs 1 healthy pods and has 1 currently"
		was, began := n.capture(released()), time.Now()
		n.fails(released(), "cannot drain node box within 1m0s", "pod default/train-0", "the disruption budget web")
		if ok, err := n.Settled(n.ctx(), "", released()); ok || err != nil {
			t.Errorf("settled: %v, %v", ok, err)
		}
		if took := time.Since(began); took < time.Minute || took > 70*time.Second {
			t.Errorf("it gave up after %s", took)
		}
		if !n.Cluster.Ours {
			t.Error("it was not cordoned while it was drained")
		}
		n.undo(was)
		n.open("after the undo")
	})
}

func TestABudgetThatLetsGoInTimeIsWaitedFor(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Pods[0].Budget = "web"
		time.AfterFunc(40*time.Second, func() { n.Look(func() { n.Cluster.Pods[0].Budget = "" }) })
		n.do(released())
		if len(n.Cluster.Pods) != 2 {
			t.Errorf("left are %+v", n.Cluster.Pods)
		}
	})
}

func TestPodsThatMayNotBeEvictedFailTheDrainBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*actionstest.Pod){
		"emptydir":  func(p *actionstest.Pod) { p.EmptyDir = true },
		"unmanaged": func(p *actionstest.Pod) { p.Unmanaged = true },
	} {
		onNode(t, func(n *node) {
			set(&n.Cluster.Pods[0])
			n.fails(released(), "cannot drain node box: pod default/train-0")
			if n.Effects() != 0 {
				t.Errorf("%s: it touched the machine", name)
			}
			n.do(k3sWant("control-plane", "evict", map[string]bool{name: true}))
		})
	}
	onNode(t, func(n *node) {
		n.do(k3sWant("control-plane", "evict", map[string]bool{"system": true}))
		if len(n.Cluster.Pods) != 1 || !n.Cluster.Pods[0].Stays {
			t.Errorf("left are %+v", n.Cluster.Pods)
		}
	})
}

func TestAForeignCordonIsNeverLifted(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Cordoned = true
		was := n.capture(released())
		n.do(released())
		n.undo(was)
		n.do(k3sWant("full"))
		if !n.Cluster.Cordoned || n.Cluster.Ours {
			t.Errorf("the foreign cordon: %s", n.Cluster.String())
		}
		if len(n.cautions) != 1 || !strings.Contains(n.cautions[0], "node box stays cordoned") {
			t.Errorf("people are told %q", n.cautions)
		}
	})
}

func TestAServerThatDoesNotAnswerCostsTheUnitAndNotTheRelease(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Silent = true
		if ok, err := n.Settled(n.t.Context(), "", released()); ok || !errors.Is(err, actions.ErrClusterSilent) {
			t.Errorf("settled without asking: %v, %v", ok, err)
		}
		was := n.capture(released())
		n.do(released())
		if n.Units[actionstest.K3sUnit].Active != "inactive" || n.Denied[actionstest.K3sUnit] {
			t.Error("k3s is not just stopped")
		}
		if len(n.cautions) != 1 || !strings.Contains(n.cautions[0], "k3s.service is stopped without draining its node") {
			t.Errorf("people are told %q", n.cautions)
		}
		n.undo(was)
		n.open("after the undo")
	})
}

func TestAServerThatFallsSilentInTheMiddleLeavesNoCordonBehind(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Pods[0].Ends = time.Hour
		was := n.capture(released())
		time.AfterFunc(20*time.Second, func() { n.Look(func() { n.Cluster.Silent = true }) })
		n.do(released())
		if !n.Cluster.Ours {
			t.Fatal("it was silent before the cordon")
		}
		n.Cluster.Silent, n.Cluster.SilentUntil = false, time.Now().Add(50*time.Second)
		n.undo(was)
		n.open("after the undo, which waited")
	})
}

func TestACordonMadeAfterASilentCaptureIsLiftedAndAnOlderOneIsNot(t *testing.T) {
	t.Parallel()
	for name, cordoned := range map[string]bool{"open": false, "cordoned by an earlier mode": true} {
		onNode(t, func(n *node) {
			if cordoned {
				n.Cluster.Cordoned, n.Cluster.Ours, n.Cluster.Since = true, true, time.Now().Add(-time.Hour)
			}
			n.Cluster.SilentUntil = time.Now().Add(10 * time.Second)
			was := n.capture(released())
			n.do(released())
			n.undo(was)
			if n.Cluster.Cordoned != cordoned {
				t.Errorf("%s before, and after the undo %s", name, n.Cluster.String())
			}
		})
	}
}

func TestAnUndoThatCannotAskFailsUnlessNobodyCouldBefore(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		was := n.capture(released())
		n.do(released())
		n.Cluster.Silent = true
		if err := n.Undo(n.t.Context(), "", was); !errors.Is(err, actions.ErrClusterSilent) {
			t.Errorf("the node is cordoned and Undo says %v", err)
		}
		unseen := n.capture(released())
		n.undo(unseen)
	})
}

func TestAServerThatSaysNoFailsTheStepWithTheRemedyAndStopsNothing(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.Cluster.Refuses = actionstest.ErrForbidden
		n.fails(released(), "moded-rbac.yaml")
		n.fails(k3sWant("full"), "moded-rbac.yaml")
		if n.Units[actionstest.K3sUnit].Active != "active" || n.Effects() != 0 {
			t.Error("it was stopped")
		}
		if err := n.Action.(fsm.Preflighter).Preflight(n.t.Context(), "", k3sWant("full")); !errors.Is(err, actionstest.ErrForbidden) {
			t.Errorf("preflight: %v", err)
		}
	})
}

func TestOffKeepsK3sDownAndEndsItsContainers(t *testing.T) {
	t.Parallel()
	onNode(t, func(n *node) {
		n.do(k3sWant("off", "killall", "moded-k3s-off.service"))
		if !n.Denied[actionstest.K3sUnit] || !n.Cluster.Ours || len(n.Cluster.Pods) != 2 {
			t.Errorf("gate %v, %s, pods %+v", n.Denied, n.Cluster.String(), n.Cluster.Pods)
		}
	})
	for name, c := range map[string]struct {
		prepare func(n *node)
		says    string
	}{
		"containers that survive": {func(n *node) {
			n.Units[actionstest.K3sUnit].Left = []actions.Process{{PID: 77, Comm: "containerd-shim"}}
		},
			"moded-k3s-off.service has run, and 1 processes of k3s.service are left, containerd-shim (77) among them"},
		"no such unit":   {func(n *node) { delete(n.Units, "moded-k3s-off.service") }, "moded-k3s-off.service does not exist"},
		"one that fails": {func(n *node) { n.Units["moded-k3s-off.service"].Fails = true }, "job result failed"},
	} {
		onNode(t, func(n *node) {
			c.prepare(n)
			was := n.capture(k3sWant("off", "killall", "moded-k3s-off.service"))
			n.fails(k3sWant("off", "killall", "moded-k3s-off.service"), c.says)
			n.undo(was)
			n.open(name + ":")
			if n.Denied[actionstest.K3sUnit] {
				t.Errorf("%s: the gate stays shut", name)
			}
		})
	}
}

func TestStatesOfTheNodeAreToldApart(t *testing.T) {
	t.Parallel()
	full, control, minimal, off := k3sWant("full", "cpu-weight", 100), k3sWant("control-plane", "cpu-weight", 100), k3sWant("minimal", "cpu-weight", 10), k3sWant("off")
	for _, from := range []fsm.Value{full, control, minimal, off} {
		for _, to := range []fsm.Value{full, control, minimal, off} {
			onNode(t, func(n *node) {
				n.do(from)
				ok, err := n.Settled(n.t.Context(), "", to)
				if err != nil || ok != (from == to) {
					t.Errorf("in %s, %s is settled: %v, %v", from, to, ok, err)
				}
				n.do(to)
			})
		}
	}
}

func TestTheClustersStepsAreDescribedAndBounded(t *testing.T) {
	t.Parallel()
	action := actions.New(inCluster().Hands())["k3s"]
	for _, c := range []struct {
		want  fsm.Value
		says  string
		bound time.Duration
	}{
		{k3sWant("full", "mark", map[string]string{"label": "compute"}, "scale-to-zero", "a=b"),
			"open the node to the cluster's work: uncordon it, if moded cordoned it; start k3s.service if it is down; scale a=b back; label it modectl.org/mode=compute", 7 * time.Minute},
		{released(), "cordon and drain the node: cordon it and evict its pods, for 1m0s at most; those of DaemonSets stay", 7 * time.Minute},
		{k3sWant("minimal", "cpu-weight", 10, "scale-to-zero", "a=b"),
			"keep k3s to its control plane, throttled: start k3s.service if it is down; cordon it and evict its pods, for 1m0s at most; those of DaemonSets stay; scale a=b to zero; k3s.service has CPU weight 10", 7 * time.Minute},
		{k3sWant("off"), "drain the node and stop k3s.service: cordon it and evict its pods, for 1m0s at most; those of DaemonSets stay; containers that are not evicted go on: [k3s] names no killall unit", 7 * time.Minute},
		{k3sWant("off", "killall", "x.service"), "drain the node and stop k3s.service: cordon it and evict its pods, for 1m0s at most; those of DaemonSets stay; end its containers: x.service", 8*time.Minute + 30*time.Second},
	} {
		summary, details := action.(fsm.Describer).Describe("", c.want, false)
		if got := summary + ": " + strings.Join(details, "; "); got != c.says {
			t.Errorf("%q, want %q", got, c.says)
		}
		if got := action.(fsm.Bounded).Bound("", c.want); got != c.bound {
			t.Errorf("%s is bounded by %s", c.want, got)
		}
	}
	if got := action.(fsm.Manager).Units("", k3sWant("off", "killall", "x.service")); !slices.Equal(got, []string{"k3s.service", "x.service"}) {
		t.Errorf("owned are %v", got)
	}
	rest := action.(fsm.Rester)
	if off := k3sWant("off"); rest.Rest("", off) != off || rest.Rest("", released()) != released() {
		t.Error("off, or the rest, is not its own rest")
	}
	for _, broken := range []fsm.Value{`{"state":"any","unit":"k3s.service"}`, `{"state":"full"}`, `{`} {
		if err := action.Do(t.Context(), "", broken); err == nil {
			t.Errorf("%s is taken", broken)
		}
	}
}
