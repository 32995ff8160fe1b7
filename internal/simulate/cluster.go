package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

var _ actions.Cluster = (*Machine)(nil)

// nodeState is what the cluster's API server keeps of the node.
type nodeState struct {
	Cordoned bool                `json:"cordoned,omitempty"`
	Ours     bool                `json:"ours,omitempty"`
	Since    time.Time           `json:"since,omitzero"`
	Mark     actions.ClusterMark `json:"mark,omitzero"`
	// Version counts the writes: one that was made for another does nothing.
	Version int `json:"version,omitempty"`
	// Budgets are names of pods that a PodDisruptionBudget keeps.
	Budgets []string `json:"budgets,omitempty"`
	// Ending are names of pods that were asked to end.
	Ending []string `json:"ending,omitempty"`
}

// clusterPatience is how long moded-workload would wait for the API server.
const clusterPatience = 5 * time.Second

// Node carries out an order at the API server, which is there while k3s is
// active. Nothing on this machine is scaled.
func (m *Machine) Node(ctx context.Context, o actions.ClusterOrder) (actions.ClusterNode, error) {
	patient, cancel := context.WithTimeout(ctx, max(time.Duration(float64(clusterPatience)/m.speed), 200*time.Millisecond))
	defer cancel()
	changes, version, err := m.asks(patient, o)
	if err == nil && changes {
		var out outcome
		out, err = m.perform(patient, event{Verb: nodeSet, Name: node, Cluster: &o, Version: version})
		err = errors.Join(err, out.err)
	}
	if err != nil && patient.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: no answer after %s", actions.ErrClusterSilent, clusterPatience)
	}
	if err != nil {
		return actions.ClusterNode{}, err
	}
	var seen actions.ClusterNode
	err = m.look(func(w *world) { seen = w.Work.seeNode(o.Take) })
	return seen, err
}

// asks tells whether the API server answers, whether the order would change
// anything, and of which version of the node that is said.
func (m *Machine) asks(ctx context.Context, o actions.ClusterOrder) (changes bool, version int, err error) {
	m.mu.Lock()
	err = m.advanceLocked()
	up := m.world.Units[k3s].Active == "active"
	f, met := m.strikeLocked(nodeLook + " " + node)
	changes = m.world.Work.orderLocked(o, nil) || o.Fence
	version = m.world.Work.Node.Version
	m.mu.Unlock()
	switch {
	case err != nil:
		return false, 0, err
	case !up:
		return false, 0, fmt.Errorf("%w: connection refused", actions.ErrClusterSilent)
	case met && f.Hangs:
		<-ctx.Done()
		return false, 0, ctx.Err()
	case met:
		return false, 0, fmt.Errorf("cannot ask the API server: %w", errSimulated)
	}
	return changes, version, nil
}

// nodeSetLocked carries out an order.
func (m *Machine) nodeSetLocked(e event) {
	if w := &m.world.Work; e.Cluster != nil && e.Version == w.Node.Version {
		w.Node.Version++
		m.world.Work.orderLocked(*e.Cluster, func(pod string) { m.beginLocked(event{Verb: podEnd, Name: pod}) })
	}
}

// orderLocked tells whether the order changes anything, and changes it when
// there is somebody to end pods.
func (w *work) orderLocked(o actions.ClusterOrder, end func(pod string)) (changes bool) {
	change := func(differs bool, do func()) {
		changes = changes || differs
		if differs && end != nil {
			do()
		}
	}
	n := &w.Node
	change(o.Cordon == "on" && !n.Cordoned, func() { n.Cordoned, n.Ours, n.Since = true, true, time.Now().Truncate(time.Second) })
	change(o.Cordon == "off" && n.Ours, func() { n.Cordoned, n.Ours, n.Since = false, false, time.Time{} })
	change(o.Mark != nil && *o.Mark != n.Mark, func() { n.Mark = *o.Mark })
	for _, p := range w.Pods {
		goes := o.Evict && mustGo(p, o.Take) && !slices.Contains(n.Budgets, p.Name) && !slices.Contains(n.Ending, p.Name)
		change(goes, func() { n.Ending = append(n.Ending, p.Name); end(p.Name) })
	}
	return changes
}

func mustGo(p facts.Pod, take actions.ClusterTake) bool {
	return p.Owner != "DaemonSet" && (p.Namespace != "kube-system" || take.System)
}

func (w *work) seeNode(take actions.ClusterTake) actions.ClusterNode {
	out := actions.ClusterNode{Name: node, Unschedulable: w.Node.Cordoned, Ours: w.Node.Ours, Since: w.Node.Since, Mark: w.Node.Mark}
	for _, p := range w.Pods {
		if !mustGo(p, take) {
			continue
		}
		why := "it runs"
		switch {
		case slices.Contains(w.Node.Ending, p.Name):
			why = "it is ending"
		case slices.Contains(w.Node.Budgets, p.Name):
			why = "The disruption budget " + p.Name + " needs 1 healthy pods and has 1 currently"
		}
		out.Left++
		out.Pods = append(out.Pods, actions.ClusterPod{Namespace: p.Namespace, Name: p.Name, Why: why})
	}
	return out
}

func (m *Machine) podEndedLocked(e event) {
	w := &m.world.Work
	w.Pods = slices.DeleteFunc(w.Pods, func(p facts.Pod) bool { return p.Name == e.Name })
	w.Node.Ending = slices.DeleteFunc(w.Node.Ending, func(name string) bool { return name == e.Name })
}

// budgetLocked lets a PodDisruptionBudget keep a pod, or lets it go.
func (m *Machine) budgetLocked(args []string) (string, error) {
	n := &m.world.Work.Node
	if len(args) != 2 || args[1] != "on" && args[1] != "off" {
		return "", fmt.Errorf("say budget POD on or budget POD off")
	}
	n.Budgets = slices.DeleteFunc(n.Budgets, func(name string) bool { return name == args[0] })
	if args[1] == "off" {
		return "nothing keeps default/" + args[0], nil
	}
	n.Budgets = append(n.Budgets, args[0])
	return "a disruption budget keeps default/" + args[0], nil
}
