package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/facts"
)

const (
	// maxPods is how many are listed, those with GPUs first; maxSeen how many
	// are looked through.
	maxPods = 1000
	maxSeen = 20000
)

// Nodes asks about nodes with the kubeconfig at a path. It is safe for use by
// several goroutines; the file is read for each question.
type Nodes struct {
	Kubeconfig string
}

// Pods returns what runs on the node, which workload.LocalNode names by the
// host's name. What cannot be seen makes all unknown, with what to do about it.
func (n Nodes) Pods(ctx context.Context, node string) facts.Pods {
	out := facts.Pods{Part: facts.Part{At: time.Now()}, Node: node}
	if err := n.fill(ctx, &out); err != nil {
		return facts.Pods{Part: facts.Part{At: out.At, Unknown: err.Error()}, Node: facts.Clean(out.Node)}
	}
	return out
}

func (n Nodes) fill(ctx context.Context, out *facts.Pods) (err error) {
	if out.Node, err = nodeName(out.Node); err != nil {
		return err
	}
	c, err := n.open()
	if err != nil {
		return err
	}
	defer c.close()
	node, err := c.node(ctx, out.Node)
	if err != nil {
		return noNode(ctx, out.Node, err)
	}
	out.Unschedulable = node.Spec.Unschedulable
	out.List, err = n.list(ctx, c, out.Node)
	return err
}

// open reads the kubeconfig and makes a client of it.
func (n Nodes) open() (*client, error) {
	raw, err := readKubeconfig(n.Kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return newClient(cfg)
}

// noNode says why a node could not be read.
func noNode(ctx context.Context, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("the cluster has no node %s: say its name in the configuration (node of [k3s])", facts.Clean(name))
	}
	return remedy(ctx, err)
}

// list returns the node's pods, those with GPUs first.
func (n Nodes) list(ctx context.Context, c *client, node string) ([]facts.Pod, error) {
	var list []facts.Pod
	err := c.pods(ctx, node, func(pods []corev1.Pod) bool {
		for i := range pods {
			list = append(list, newPod(&pods[i]))
		}
		return len(list) <= maxSeen
	})
	if err != nil {
		return nil, remedy(ctx, err)
	}
	slices.SortStableFunc(list, func(a, b facts.Pod) int { return cmp.Compare(b.GPUs, a.GPUs) })
	if len(list) > maxSeen || len(list) > maxPods && list[maxPods].GPUs > 0 {
		return nil, fmt.Errorf("there are more pods on the node than moded looks at (%d)", maxPods)
	}
	return list[:min(len(list), maxPods)], nil
}

func nodeName(asked string) (string, error) {
	if asked != workload.LocalNode {
		if len(validation.IsDNS1123Subdomain(asked)) > 0 {
			return asked, fmt.Errorf("%s is not a node's name", facts.Clean(asked))
		}
		return asked, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return asked, fmt.Errorf("cannot tell the host's name: %w", err)
	}
	host = strings.ToLower(host) // as the kubelet does
	if len(validation.IsDNS1123Subdomain(host)) > 0 {
		return host, fmt.Errorf("the host's name is not a node's: say its name in the configuration (node of [k3s])")
	}
	return host, nil
}

func newPod(p *corev1.Pod) facts.Pod {
	since := p.CreationTimestamp.Time
	if p.Status.StartTime != nil {
		since = p.Status.StartTime.Time
	}
	return facts.Pod{
		Namespace: facts.Clean(p.Namespace), Name: facts.Clean(p.Name), UID: facts.Clean(string(p.UID)),
		Phase: facts.Clean(string(p.Status.Phase)), Owner: facts.Clean(owner(p)), GPUs: gpus(&p.Spec), Since: since.UTC(),
	}
}

// owner is the kind of the pod's controller. The kubelet's own, which it runs
// from files and only shows to the API server, are the node's.
func owner(p *corev1.Pod) string {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return "Node"
	}
	for _, ref := range p.OwnerReferences {
		if ref.Controller != nil && *ref.Controller {
			return ref.Kind
		}
	}
	return ""
}
