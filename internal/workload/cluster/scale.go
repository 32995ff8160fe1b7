package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// maxScaled bounds what a selector may find: more is a mistake.
const maxScaled = 200

// scalable is a Deployment or a StatefulSet.
type scalable struct {
	resource string
	metav1.ObjectMeta
	replicas int32
}

// selector reads KEY=VALUE. Nothing more general: a selector that finds
// everything would end everything.
func selector(text string) (labels.Selector, error) {
	key, value, ok := strings.Cut(text, "=")
	s, err := labels.ValidatedSelectorFromSet(labels.Set{key: value})
	if !ok || err != nil || value == "" {
		return nil, fmt.Errorf("%s is not a label such as modectl.org/scale=zero", facts.Clean(text))
	}
	return s, nil
}

// scale brings what the order selects to zero, or back to the replicas that
// each object remembers, and counts how they are then. Number and memory change
// in one write: whatever dies in between, the number is not lost.
func (c *client) scale(ctx context.Context, o actions.ClusterOrder) (zeroed, scaled int, err error) {
	found, err := c.scalables(ctx, o.Select)
	if err != nil {
		return 0, 0, err
	}
	for i := range found {
		s := &found[i]
		change, replicas := s.rescale(o.ScaleTo)
		if change != nil {
			if err := c.apps.Patch(types.MergePatchType).Namespace(s.Namespace).Resource(s.resource).Name(s.Name).
				MaxRetries(0).Body(change).Do(ctx).Error(); apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				replicas = s.replicas // the next call sees what became of it
			} else if err != nil {
				return 0, 0, err
			} else {
				s.remembers(o.ScaleTo == "zero")
			}
		}
		if replicas > 0 {
			scaled++
		}
		if _, remembered := s.Annotations[annotationReplicas]; remembered {
			zeroed++
		}
	}
	return zeroed, scaled, nil
}

func (s *scalable) remembers(yes bool) {
	delete(s.Annotations, annotationReplicas)
	if yes {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, annotationReplicas, "")
	}
}

// rescale is the merge patch, and the replicas that it leads to. One that
// somebody has scaled up again keeps what they gave it.
func (s *scalable) rescale(to string) (change []byte, replicas int32) {
	memory, remembered := s.Annotations[annotationReplicas]
	switch {
	case to == "zero" && s.replicas > 0:
		return s.patch(strconv.Itoa(int(s.replicas)), 0), 0
	case to == "back" && remembered:
		replicas = s.replicas
		if n, err := strconv.ParseInt(memory, 10, 32); err == nil && n > 0 && replicas == 0 {
			replicas = int32(n)
		}
		return s.patch("", replicas), replicas
	}
	return nil, s.replicas
}

func (s *scalable) patch(memory string, replicas int32) []byte {
	kept := "null"
	if memory != "" {
		kept = strconv.Quote(memory)
	}
	return fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q,"annotations":{%q:%s}},"spec":{"replicas":%d}}`,
		s.ResourceVersion, annotationReplicas, kept, replicas)
}

// scalables lists what the selector finds, in all namespaces.
func (c *client) scalables(ctx context.Context, text string) ([]scalable, error) {
	s, err := selector(text)
	if err != nil {
		return nil, err
	}
	query := metav1.ListOptions{LabelSelector: s.String(), Limit: maxScaled}
	deployments, err := of[*appsv1.DeploymentList](c.apps.Get().Resource("deployments").VersionedParams(&query, c.params).Do(ctx))
	if err != nil {
		return nil, err
	}
	sets, err := of[*appsv1.StatefulSetList](c.apps.Get().Resource("statefulsets").VersionedParams(&query, c.params).Do(ctx))
	if err != nil {
		return nil, err
	}
	if deployments.Continue != "" || sets.Continue != "" {
		return nil, errors.New("the label " + facts.Clean(text) + " is on more than moded would scale")
	}
	var out []scalable
	for _, d := range deployments.Items {
		out = append(out, scalable{"deployments", d.ObjectMeta, orOne(d.Spec.Replicas)})
	}
	for _, d := range sets.Items {
		out = append(out, scalable{"statefulsets", d.ObjectMeta, orOne(d.Spec.Replicas)})
	}
	return out, nil
}

// orOne is the API's default.
func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
