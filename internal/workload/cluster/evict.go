package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/modectl/moded/pkg/actions"
)

// evictReserve is the end of a call's time in which no more eviction is begun:
// who asks wants to hear of those that were.
const evictReserve = 2 * time.Second

// going is a pod that must go, and why it has not.
type going struct {
	pod  *corev1.Pod
	why  string
	kept bool
}

// going lists what a drain would end: the node's pods but for those that the
// node itself, a DaemonSet or, unless they are asked for, the cluster runs.
func (c *client) going(ctx context.Context, node string, take actions.ClusterTake) ([]going, error) {
	var out []going
	err := c.pods(ctx, node, func(pods []corev1.Pod) bool {
		for i := range pods {
			if pod := &pods[i]; !spared(pod, take) {
				why, kept := reason(pod, take)
				out = append(out, going{pod, why, kept})
			}
		}
		return len(out) <= maxSeen
	})
	if err == nil && len(out) > maxSeen {
		err = fmt.Errorf("there are more pods on the node than moded looks at (%d)", maxSeen)
	}
	return out, err
}

// spared tells whether a drain leaves the pod alone: it would be there again at
// once, or the cluster lives on it.
func spared(pod *corev1.Pod, take actions.ClusterTake) bool {
	switch owner(pod) {
	case "Node", "DaemonSet":
		return true
	}
	return pod.Namespace == metav1.NamespaceSystem && !take.System
}

// reason says why a pod is still there, and whether it will not be asked to end.
func reason(pod *corev1.Pod, take actions.ClusterTake) (why string, kept bool) {
	emptyDir := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil })
	switch {
	case pod.DeletionTimestamp != nil:
		return "it is ending", false
	case owner(pod) == "" && !take.Unmanaged:
		return "it has no controller that would bring it back: say evict-unmanaged in [k3s], or end it", true
	case emptyDir && !take.EmptyDir:
		return "it would lose the data of its emptyDir: say evict-emptydir in [k3s], or end it", true
	}
	return "it runs", false
}

// evict asks once for the end of each pod, and returns those that are left.
func (c *client) evict(ctx context.Context, pods []going) ([]going, error) {
	var left []going
	for _, g := range pods {
		if !g.kept && g.pod.DeletionTimestamp == nil && timeFor(ctx) {
			gone, why, err := c.evictOne(ctx, g.pod)
			if err != nil {
				return nil, err
			}
			if gone {
				continue
			}
			g.why = why
		}
		left = append(left, g)
	}
	return left, nil
}

func timeFor(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return !bounded || time.Until(deadline) > evictReserve
}

// evictOne is one request of policy/v1, for this very pod and not for another
// that has its name by now.
func (c *client) evictOne(ctx context.Context, pod *corev1.Pod) (gone bool, why string, err error) {
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))},
	}
	err = c.rest.Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("eviction").
		MaxRetries(0).Body(eviction).Do(ctx).Error()
	switch {
	case err == nil:
		return false, "it is ending", nil
	case apierrors.IsNotFound(err):
		return true, "", nil
	case apierrors.IsTooManyRequests(err):
		return false, budget(err), nil
	case apierrors.IsConflict(err):
		return false, "it has changed meanwhile", nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return false, "its namespace is ending", nil
	case apierrors.IsInternalError(err):
		return false, err.Error(), nil // several budgets for one pod, for example
	}
	return false, "", err
}

// budget says which PodDisruptionBudget refuses, in the API server's words.
func budget(err error) string {
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Details != nil {
		for _, cause := range status.ErrStatus.Details.Causes {
			if cause.Type == policyv1.DisruptionBudgetCause {
				return cause.Message
			}
		}
	}
	return err.Error()
}
