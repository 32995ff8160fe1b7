package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/modectl/moded/pkg/actions"
)

// conflicts is how often a change is tried whose object changes meanwhile: the
// kubelet writes to its node, too.
const conflicts = 4

// shape brings cordon and mark to where the order wants them, with one write at
// most, and returns the node.
func (c *client) shape(ctx context.Context, name string, o actions.ClusterOrder) (*corev1.Node, error) {
	var err error
	for range conflicts {
		var node *corev1.Node
		if node, err = c.node(ctx, name); err != nil {
			return nil, err
		}
		if outdated(node, o) {
			return nil, errors.New("the order is older than the undo of it")
		}
		change := reshape(node, o)
		if change == nil {
			return node, nil
		}
		if node, err = patched[*corev1.Node](ctx, c.rest.Patch(types.MergePatchType).Resource("nodes").Name(name), change); !apierrors.IsConflict(err) {
			return node, err
		}
	}
	return nil, err
}

// lifetime is longer than any order is on its way. A fence that is further in
// the order's future is of a clock that was wrong.
const lifetime = time.Minute

// outdated tells whether the order was given before the node's last fence.
func outdated(node *corev1.Node, o actions.ClusterOrder) bool {
	fence, err := time.Parse(time.RFC3339Nano, node.Annotations[annotationFence])
	if err != nil || o.Issued.IsZero() {
		return false
	}
	age := fence.Sub(o.Issued)
	return age > 0 && age < lifetime
}

// patch is a part of a JSON merge patch; nil takes a field away.
type patch = map[string]any

// reshape is the merge patch for the order, nil when there is nothing to change.
// It names the version that it was made for: a cordon by somebody else in
// between must not become ours.
func reshape(node *corev1.Node, o actions.ClusterOrder) patch {
	annotations, labels, spec := patch{}, patch{}, patch{}
	_, ours := node.Annotations[annotationCordon]
	switch {
	case o.Cordon == "on" && !node.Spec.Unschedulable:
		annotations[annotationCordon] = "moded " + time.Now().UTC().Format(time.RFC3339)
		spec["unschedulable"] = true
	case o.Cordon == "off" && ours:
		annotations[annotationCordon] = nil
		spec["unschedulable"] = nil
	}
	if o.Mark != nil && *o.Mark != markOf(node) {
		labels[labelMode] = nil
		if o.Mark.Label != "" {
			labels[labelMode] = o.Mark.Label
		}
		spec["taints"] = retaint(node.Spec.Taints, *o.Mark)
	}
	if o.Fence { // it outdates what was made for an older version of the node, too
		annotations[annotationFence] = o.Issued.UTC().Format(time.RFC3339Nano)
	}
	if len(annotations)+len(labels)+len(spec) == 0 {
		return nil
	}
	return patch{
		"metadata": patch{"resourceVersion": node.ResourceVersion, "annotations": annotations, "labels": labels},
		"spec":     spec,
	}
}

// retaint replaces the one taint that is moded's.
func retaint(taints []corev1.Taint, m actions.ClusterMark) []corev1.Taint {
	out := slices.DeleteFunc(slices.Clone(taints), func(t corev1.Taint) bool { return t.Key == labelMode })
	if t, err := taintOf(m); err == nil && t != nil {
		out = append(out, *t)
	}
	return out
}

// patched sends a merge patch and returns the object as it is then. It is not
// repeated by client-go: who asks keeps the pace.
func patched[T runtime.Object](ctx context.Context, r *rest.Request, change patch) (T, error) {
	body, err := json.Marshal(change)
	if err != nil {
		var none T
		return none, err
	}
	return of[T](r.MaxRetries(0).Body(body).Do(ctx))
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
