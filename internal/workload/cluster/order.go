package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// What moded writes into the cluster: on its node, and on what it scales.
const (
	annotationCordon   = "modectl.org/cordoned-by"
	annotationReplicas = "modectl.org/replicas"
	annotationFence    = "modectl.org/undone"
	labelMode          = "modectl.org/mode" // a taint's key, too
)

// maxTold is how many pods are told by name.
const maxTold = 20

var _ actions.Cluster = Nodes{}

// Node carries out an order, as far as the context reaches, and tells how the
// node is then. It keeps nothing in mind; doing it again is harmless.
func (n Nodes) Node(ctx context.Context, o actions.ClusterOrder) (actions.ClusterNode, error) {
	if o.Node == "" {
		o.Node = workload.LocalNode
	}
	name, err := nodeName(o.Node)
	if err != nil {
		return actions.ClusterNode{}, err
	}
	if err := sound(o); err != nil {
		return actions.ClusterNode{}, err
	}
	c, err := n.open()
	if err != nil {
		return actions.ClusterNode{}, err
	}
	defer c.close()
	out, err := c.carryOut(ctx, name, o)
	if err != nil {
		return actions.ClusterNode{}, saying(ctx, name, err)
	}
	return out, nil
}

// carryOut closes the node to new pods before it asks the old ones to end, and
// opens it before they may come back.
func (c *client) carryOut(ctx context.Context, name string, o actions.ClusterOrder) (actions.ClusterNode, error) {
	node, err := c.shape(ctx, name, o)
	if err != nil {
		return actions.ClusterNode{}, err
	}
	out := seen(node)
	if o.Select != "" {
		if out.Zeroed, out.Scaled, err = c.scale(ctx, o); err != nil {
			return out, err
		}
	}
	going, err := c.going(ctx, name, o.Take)
	if err != nil {
		return out, err
	}
	if o.Evict {
		if going, err = c.evict(ctx, going); err != nil {
			return out, err
		}
	}
	out.Left = len(going)
	for _, g := range going[:min(len(going), maxTold)] {
		out.Pods = append(out.Pods, actions.ClusterPod{
			Namespace: facts.Clean(g.pod.Namespace), Name: facts.Clean(g.pod.Name), Why: workload.Words(g.why), Kept: g.kept,
		})
	}
	return out, nil
}

// seen is what the node itself says.
func seen(node *corev1.Node) actions.ClusterNode {
	out := actions.ClusterNode{Name: facts.Clean(node.Name), Unschedulable: node.Spec.Unschedulable, Mark: markOf(node)}
	stamp, ours := node.Annotations[annotationCordon]
	out.Ours = ours
	if _, when, dated := strings.Cut(stamp, " "); dated {
		out.Since, _ = time.Parse(time.RFC3339, when) // of no date is of any
	}
	return out
}

// markOf reads what the node says of the mode.
func markOf(node *corev1.Node) (m actions.ClusterMark) {
	m.Label = facts.Clean(node.Labels[labelMode])
	for _, t := range node.Spec.Taints {
		if t.Key == labelMode {
			m.Taint = facts.Clean(t.Value + ":" + string(t.Effect))
		}
	}
	return m
}

// sound refuses orders that no moded gives.
func sound(o actions.ClusterOrder) error {
	switch {
	case !slices.Contains([]string{"", "on", "off"}, o.Cordon):
		return fmt.Errorf("cordon is on or off, not %s", facts.Clean(o.Cordon))
	case !slices.Contains([]string{"", "zero", "back"}, o.ScaleTo):
		return fmt.Errorf("what is scaled goes to zero or back, not %s", facts.Clean(o.ScaleTo))
	}
	if o.Select != "" {
		if _, err := selector(o.Select); err != nil {
			return err
		}
	}
	if o.Mark == nil {
		return nil
	}
	if len(validation.IsValidLabelValue(o.Mark.Label)) > 0 {
		return fmt.Errorf("%s cannot be a label", facts.Clean(o.Mark.Label))
	}
	_, err := taintOf(*o.Mark)
	return err
}

// taintOf is the taint of a mark, nil when it has none. NoExecute is none: it
// would end pods behind the back of their budgets.
func taintOf(m actions.ClusterMark) (*corev1.Taint, error) {
	if m.Taint == "" {
		return nil, nil
	}
	value, effect, _ := strings.Cut(m.Taint, ":")
	t := &corev1.Taint{Key: labelMode, Value: value, Effect: corev1.TaintEffect(effect)}
	if len(validation.IsValidLabelValue(value)) > 0 || t.Effect != corev1.TaintEffectNoSchedule && t.Effect != corev1.TaintEffectPreferNoSchedule {
		return nil, fmt.Errorf("%s is not a taint that moded sets", facts.Clean(m.Taint))
	}
	return t, nil
}

// saying says in words for people why the API server did not do it, and tells a
// silent one from one that says no.
func saying(ctx context.Context, node string, err error) error {
	if silent(ctx, err) {
		return fmt.Errorf("%w: %w", actions.ErrClusterSilent, noNode(ctx, node, err))
	}
	return noNode(ctx, node, err)
}

// silent tells whether the error is that nobody answers, or somebody who cannot
// yet. Whoever has the wrong certificate is not our API server, and no silence.
func silent(ctx context.Context, err error) bool {
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		code := int(status.ErrStatus.Code)
		return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
	}
	var wire *url.Error
	var dial *net.OpError
	return ctx.Err() != nil || errors.As(err, &dial) || errors.As(err, &wire) && (wire.Timeout() || isEOF(wire))
}
