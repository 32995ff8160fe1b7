//go:build kube

package kube_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/test/kube/lab"
)

// scene is a node of its own in a namespace of its own, and a machine whose
// k3s.service is up; the API server is the real one. A test plays the kubelet,
// which ends pods, and the controller of disruption budgets.
type scene struct {
	*testing.T
	name    string
	machine *actionstest.Machine
	action  fsm.Action
}

func newScene(t *testing.T) *scene {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	s := &scene{T: t, name: "n-" + name[max(0, len(name)-50):], machine: actionstest.New()}
	s.machine.Add(actionstest.K3sUnit, "notify", "active").Gated = true
	hands := s.machine.Hands()
	hands.Cluster, hands.Timing = client(), quick
	s.action = actions.New(hands)["k3s"]
	s.make("/api/v1/nodes", corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.name}})
	s.make("/api/v1/namespaces", corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}})
	return s
}

// quick is how long the tests wait for what an admin waits minutes for.
var quick = actions.Timing{Cluster: 2 * time.Second, Drain: 4 * time.Second, Poll: 25 * time.Millisecond}

// want is a value of the kind, for the scene's node, changed by keys and values.
func (s *scene) want(state string, more ...any) fsm.Value {
	v := map[string]any{"state": state, "unit": actionstest.K3sUnit, "node": s.name, "drain-timeout": "1m", "start-timeout": "1m", "mark": map[string]string{}}
	for i := 0; i < len(more); i += 2 {
		v[more[i].(string)] = more[i+1]
	}
	return fsm.NewValue(v)
}

func (s *scene) released(more ...any) fsm.Value {
	return s.action.(fsm.Rester).Rest("", s.want("full", more...))
}

func (s *scene) capture(want fsm.Value) fsm.Snapshot {
	s.Helper()
	was, err := s.action.Capture(s.Context(), "", want)
	if err != nil {
		s.Fatal(err)
	}
	return was
}

// do wants the step to succeed and to be settled.
func (s *scene) do(want fsm.Value) {
	s.Helper()
	if err := s.action.Do(s.Context(), "", want); err != nil {
		s.Fatal(err)
	}
	if ok, err := s.action.Settled(s.Context(), "", want); !ok || err != nil {
		s.Fatalf("settled: %v, %v", ok, err)
	}
}

// fails wants an error with these words.
func (s *scene) fails(want fsm.Value, says ...string) {
	s.Helper()
	err := s.action.Do(s.Context(), "", want)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			s.Errorf("%v does not say %q", err, text)
		}
	}
}

func (s *scene) undo(was fsm.Snapshot) {
	s.Helper()
	if err := s.action.Undo(s.Context(), "", was); err != nil {
		s.Fatal(err)
	}
}

// make creates an object.
func (s *scene) make(path string, object any) {
	s.Helper()
	if err := world.Do(s.Context(), http.MethodPost, path, object, nil); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) node() (n corev1.Node) {
	s.Helper()
	if err := world.Do(s.Context(), http.MethodGet, "/api/v1/nodes/"+s.name, nil, &n); err != nil {
		s.Fatal(err)
	}
	return n
}

// open wants the node to take pods, with nothing of moded's on it.
func (s *scene) open(when string) {
	s.Helper()
	n := s.node()
	if _, ours := n.Annotations["modectl.org/cordoned-by"]; n.Spec.Unschedulable || ours {
		s.Errorf("%s the node is cordoned: %v, %v", when, n.Spec.Unschedulable, n.Annotations)
	}
}

// pod is one of a ReplicaSet that runs on the node, changed by f.
func (s *scene) pod(name string, f func(*corev1.Pod)) {
	s.Helper()
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name, Labels: map[string]string{"app": name},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "x", UID: "1", Controller: new(true)}}},
		Spec:   corev1.PodSpec{NodeName: s.name, TerminationGracePeriodSeconds: new(int64(30)), Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	if f != nil {
		f(&p)
	}
	path := "/api/v1/namespaces/" + p.Namespace + "/pods"
	s.make(path, p)
	if err := world.Do(s.Context(), http.MethodPatch, path+"/"+name+"/status", map[string]any{"status": p.Status}, nil); err != nil {
		s.Fatal(err)
	}
}

// pods names those of the node that are there.
func (s *scene) pods() (names []string) {
	s.Helper()
	list, err := s.list(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range list {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

func (s *scene) list(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := world.Do(ctx, http.MethodGet, "/api/v1/pods?fieldSelector=spec.nodeName%3D"+s.name, nil, &list)
	return list.Items, err
}

// kubelet ends pods that were asked to end, until the test is over.
func (s *scene) kubelet() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(30 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.endPods(ctx)
			}
		}
	}()
	s.Cleanup(func() { cancel(); <-ended })
}

func (s *scene) endPods(ctx context.Context) {
	list, _ := s.list(ctx) // an API server that is away is asked again
	for _, p := range list {
		if p.DeletionTimestamp != nil {
			_ = world.Do(ctx, http.MethodDelete, "/api/v1/namespaces/"+p.Namespace+"/pods/"+p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, nil)
		}
	}
}

// budget is a PodDisruptionBudget for the pods with a label app, of which so
// many may end.
func (s *scene) budget(app string, allowed int32) {
	s.Helper()
	path := "/apis/policy/v1/namespaces/" + s.name + "/poddisruptionbudgets"
	b := policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: app + "-budget"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}
	err := world.Do(s.Context(), http.MethodPost, path, b, &b)
	var status *lab.StatusError
	if errors.As(err, &status) && status.Code == http.StatusConflict { // it is there
		err = world.Do(s.Context(), http.MethodGet, path+"/"+app+"-budget", nil, &b)
	}
	if err != nil {
		s.Fatal(err)
	}
	b.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: b.Generation, DisruptionsAllowed: allowed, CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}
	if err := world.Do(s.Context(), http.MethodPatch, path+"/"+app+"-budget/status", map[string]any{"status": b.Status}, nil); err != nil {
		s.Fatal(err)
	}
}

// soon waits until ok, and fails the test when it never is.
func (s *scene) soon(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatal("waited in vain until ", what)
		}
	}
}

// later runs f after a while, and the test ends after it.
func (s *scene) later(after time.Duration, f func() error) {
	ended := make(chan error, 1)
	time.AfterFunc(after, func() { ended <- f() })
	s.Cleanup(func() {
		if err := <-ended; err != nil {
			s.Error(err)
		}
	})
}
