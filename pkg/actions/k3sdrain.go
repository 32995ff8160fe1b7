package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// ask gives an order to an API server that may be away for a while.
func (k k3s) ask(ctx context.Context, order ClusterOrder) (node ClusterNode, err error) {
	var last error
	ok, err := until(ctx, k.Timing.Cluster, 2*k.Timing.Poll, func() (bool, error) {
		order.Issued = time.Now()
		node, last = k.Cluster.Node(ctx, order)
		if last == nil {
			return true, nil
		}
		if !errors.Is(last, ErrClusterSilent) {
			return false, last
		}
		fsm.Report(ctx, "waiting for the cluster: "+last.Error())
		return false, nil
	})
	if err == nil && !ok {
		err = last
	}
	if err != nil {
		return node, fmt.Errorf("cannot move the node: %w", err)
	}
	return node, nil
}

// glance asks an API server twice at most, for those who cannot wait.
func (k k3s) glance(ctx context.Context, order ClusterOrder) (ClusterNode, error) {
	node, err := k.Cluster.Node(ctx, order)
	if errors.Is(err, ErrClusterSilent) && ctx.Err() == nil {
		node, err = k.Cluster.Node(ctx, order)
	}
	if err != nil {
		return node, fmt.Errorf("cannot look at the node: %w", err)
	}
	return node, nil
}

// drain cordons the node and evicts what must go, until it is gone or the time
// is over. What may not be evicted is told before anything is touched.
func (k k3s) drain(ctx context.Context, v k3sValue) error {
	node, err := k.ask(ctx, v.look())
	if err != nil {
		return err
	}
	if kept := v.kept(node); kept != "" {
		return fmt.Errorf("cannot drain node %s: %s", node.Name, kept)
	}
	limit, pass, told := k.drainLimit(v), 0, node
	ok, err := until(ctx, limit, 2*k.Timing.Poll, func() (bool, error) {
		order := v.order()
		order.Evict = pass%evictEvery == 0
		pass++
		if node, err = k.ask(ctx, order); err != nil {
			return false, err
		}
		if kept := v.kept(node); kept != "" {
			return false, fmt.Errorf("cannot drain node %s: %s", node.Name, kept)
		}
		if order.Evict || node.Left != told.Left {
			told = node // a look that evicts nothing does not know who refuses
		}
		if node.Left > 0 {
			fsm.Report(ctx, fmt.Sprintf("draining node %s: %s", node.Name, stillThere(told)))
		}
		return v.fits(node), nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("cannot drain node %s within %s: %s", node.Name, limit, stillThere(told))
	}
	return err
}

// evictEvery is how many looks come between two requests to end a pod that a
// budget protects.
const evictEvery = 8

// kept names the pods that would have to be evicted and may not be.
func (v k3sValue) kept(n ClusterNode) string {
	var names []string
	for _, p := range n.Pods {
		if p.Kept {
			names = append(names, p.describe())
		}
	}
	return strings.Join(names, "; ")
}

// stillThere names the pods that are left, and what keeps them.
func stillThere(n ClusterNode) string {
	var names []string
	for _, p := range n.Pods[:min(len(n.Pods), 5)] {
		names = append(names, p.describe())
	}
	if more := n.Left - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "no pod is left, and it is not as it should be"
	}
	return strings.Join(names, "; ")
}

func (p ClusterPod) describe() string {
	text := "pod " + p.Namespace + "/" + p.Name
	if p.Why != "" {
		text += " (" + p.Why + ")"
	}
	return text
}
