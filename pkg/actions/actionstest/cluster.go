package actionstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/actions"
)

// K3sUnit is the unit whose end takes the API server along.
const K3sUnit = "k3s.service"

// Cluster is what the machine's API server knows.
type Cluster struct {
	// Silent lets it give no answer, until a time or for good; Refuses lets it
	// answer no.
	Silent      bool
	SilentUntil time.Time
	Refuses     error
	// Cordoned and Ours are the node's, Mark what it says of the mode.
	Cordoned bool
	Ours     bool
	Since    time.Time
	Mark     actions.ClusterMark
	// Pods are those of the node, Objects what a selector finds.
	Pods    []Pod
	Objects map[string]*Object
}

// Pod is one on the node. Stays are those that a drain leaves alone. A Budget
// refuses eviction; Ends is how long the pod takes when it may go.
type Pod struct {
	Name      string
	Stays     bool
	Budget    string
	EmptyDir  bool
	Unmanaged bool
	System    bool
	Ends      time.Duration
	endsAt    time.Time
}

// Object is a Deployment; Kept is what it had before it was scaled to zero.
type Object struct {
	Replicas int
	Kept     *int
}

type clusterHands struct{ m *Machine }

// Node implements actions.Cluster. An order that changes nothing is no effect.
func (h clusterHands) Node(_ context.Context, o actions.ClusterOrder) (actions.ClusterNode, error) {
	if err := h.answers(); err != nil {
		return actions.ClusterNode{}, err
	}
	h.m.mu.Lock()
	changes := h.m.Cluster.carryOut(o, false)
	h.m.mu.Unlock()
	if changes {
		if err := h.m.effect(func() error { h.m.Cluster.carryOut(o, true); return nil }); err != nil {
			return actions.ClusterNode{}, err
		}
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.Cluster.seen(o), nil
}

func (h clusterHands) answers() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	c := &h.m.Cluster
	if u, ok := h.m.Units[K3sUnit]; !ok || u.Active != "active" {
		return fmt.Errorf("%w: connection refused", actions.ErrClusterSilent)
	}
	if c.Silent || time.Now().Before(c.SilentUntil) {
		return fmt.Errorf("%w after 5s", actions.ErrClusterSilent)
	}
	return c.Refuses
}

// carryOut tells whether the order changes anything, and changes it for real.
func (c *Cluster) carryOut(o actions.ClusterOrder, real bool) (changes bool) {
	change := func(differs bool, do func()) {
		if differs {
			changes = true
			if real {
				do()
			}
		}
	}
	change(o.Cordon == "on" && !c.Cordoned, func() { c.Cordoned, c.Ours, c.Since = true, true, time.Now().Truncate(time.Second) })
	change(o.Cordon == "off" && c.Ours, func() { c.Cordoned, c.Ours, c.Since = false, false, time.Time{} })
	change(o.Mark != nil && *o.Mark != c.Mark, func() { c.Mark = *o.Mark })
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		d := c.Objects[name]
		change(o.Select != "" && o.ScaleTo == "zero" && d.Replicas > 0, func() { d.Kept, d.Replicas = new(d.Replicas), 0 })
		change(o.Select != "" && o.ScaleTo == "back" && d.Kept != nil, func() { d.Replicas, d.Kept = *d.Kept, nil })
	}
	for i := range c.Pods {
		p := &c.Pods[i]
		change(o.Evict && p.evictable(o.Take), func() { p.endsAt = time.Now().Add(p.Ends) })
	}
	return changes
}

func (p *Pod) spared(take actions.ClusterTake) bool {
	return p.Stays || p.System && !take.System
}

func (p *Pod) kept(take actions.ClusterTake) bool {
	return p.EmptyDir && !take.EmptyDir || p.Unmanaged && !take.Unmanaged
}

func (p *Pod) evictable(take actions.ClusterTake) bool {
	return !p.spared(take) && !p.kept(take) && p.Budget == "" && p.endsAt.IsZero()
}

func (c *Cluster) seen(o actions.ClusterOrder) actions.ClusterNode {
	n := actions.ClusterNode{Name: "box", Unschedulable: c.Cordoned, Ours: c.Ours, Since: c.Since, Mark: c.Mark}
	c.Pods = slices.DeleteFunc(c.Pods, func(p Pod) bool { return !p.endsAt.IsZero() && !time.Now().Before(p.endsAt) })
	for i := range c.Pods {
		p := &c.Pods[i]
		if p.spared(o.Take) {
			continue
		}
		why := "running"
		if !p.endsAt.IsZero() {
			why = "ending"
		} else if p.Budget != "" {
			why = p.Budget
		}
		n.Left++
		n.Pods = append(n.Pods, actions.ClusterPod{Namespace: "default", Name: p.Name, Why: why, Kept: p.kept(o.Take)})
	}
	for _, d := range c.Objects {
		if o.Select != "" && d.Kept != nil {
			n.Zeroed++
		}
		if o.Select != "" && d.Replicas > 0 {
			n.Scaled++
		}
	}
	return n
}

// String shows what can be put back: not the pods.
func (c *Cluster) String() string {
	text := fmt.Sprintf("node cordoned=%v ours=%v mark=%+v", c.Cordoned, c.Ours, c.Mark)
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		text += fmt.Sprintf(" %s=%d kept=%v", name, c.Objects[name].Replicas, c.Objects[name].Kept != nil)
	}
	return text
}

// ErrForbidden is what an API server says to those without a role.
var ErrForbidden = errors.New("the API server forbids it: apply examples/kubernetes/moded-rbac.yaml")
