//go:build kube

package kube_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/modectl/moded/pkg/actions"
)

func ownedBy(kind string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.OwnerReferences[0].Kind = kind }
}

func TestADrainEndsWhatItShouldAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.kubelet()
	s.pod("web", nil)
	s.pod("train", ownedBy("Job"))
	s.pod("agent", ownedBy("DaemonSet"))
	s.pod("static", func(p *corev1.Pod) { p.Annotations = map[string]string{"kubernetes.io/config.mirror": "8f3"} })
	s.pod("ended", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	s.pod("failed", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	s.pod("dns-"+s.name, func(p *corev1.Pod) { p.Namespace = "kube-system" })
	was := s.capture(s.released())
	s.do(s.released())
	if got, want := s.pods(), []string{"agent", "dns-" + s.name, "ended", "failed", "static"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if n := s.node(); !n.Spec.Unschedulable || !strings.HasPrefix(n.Annotations["modectl.org/cordoned-by"], "moded 2") {
		t.Errorf("cordon: %v %v", n.Spec.Unschedulable, n.Annotations)
	}
	s.undo(was)
	s.open("after the undo")
	s.do(s.want("control-plane", "evict", map[string]bool{"system": true}))
	if got, want := s.pods(), []string{"agent", "ended", "failed", "static"}; !slices.Equal(got, want) {
		t.Errorf("with the system's, left are %q, want %q", got, want)
	}
}

func TestABudgetIsRespectedUntilTheDeadlineAndNamedWithItsPod(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.kubelet()
	s.pod("web", nil)
	s.pod("other", nil)
	s.budget("web", 0)
	was := s.capture(s.released())
	s.fails(s.released("drain-timeout", "4s"), "cannot drain node "+s.name+" within 4s", "pod "+s.name+"/web", "web-budget")
	if got := s.pods(); !slices.Equal(got, []string{"web"}) {
		t.Errorf("left are %q", got)
	}
	if ok, err := s.action.Settled(t.Context(), "", s.released()); ok || err != nil {
		t.Errorf("settled: %v, %v", ok, err)
	}
	s.undo(was)
	s.open("after the undo")
	s.later(time.Second, func() error { s.budget("web", 1); return nil })
	s.do(s.released())
	if got := s.pods(); len(got) != 0 {
		t.Errorf("the budget allows it, and left are %q", got)
	}
}

func TestAPodThatNobodyEndsIsWaitedForAndNamed(t *testing.T) {
	t.Parallel()
	s := newScene(t) // a node that is not ready has no kubelet to end its pods
	s.pod("web", nil)
	was := s.capture(s.released())
	s.fails(s.released("drain-timeout", "4s"), "pod "+s.name+"/web (it is ending)")
	s.undo(was)
	s.open("after the undo")
}

func TestPodsThatWouldLoseSomethingAreAskedForFirst(t *testing.T) {
	t.Parallel()
	for option, change := range map[string]func(*corev1.Pod){
		"emptydir": func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		},
		"unmanaged": func(p *corev1.Pod) { p.OwnerReferences = nil },
	} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.kubelet()
			s.pod("web", nil)
			s.pod("precious", change)
			s.fails(s.released(), "pod "+s.name+"/precious", "evict-"+option)
			if got := s.pods(); !slices.Equal(got, []string{"precious", "web"}) {
				t.Errorf("left are %q", got)
			}
			s.open("before anything is touched")
			s.do(s.released("evict", map[string]bool{option: true}))
		})
	}
}

func TestACordonOfSomebodyElseIsNeitherTakenNorLifted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.kubelet()
	s.pod("web", nil)
	if err := world.Do(t.Context(), http.MethodPatch, "/api/v1/nodes/"+s.name, map[string]any{"spec": map[string]any{"unschedulable": true}}, nil); err != nil {
		t.Fatal(err)
	}
	was := s.capture(s.released())
	s.do(s.released())
	s.undo(was)
	s.do(s.want("full"))
	if n := s.node(); !n.Spec.Unschedulable || n.Annotations["modectl.org/cordoned-by"] != "" {
		t.Errorf("after drain, undo and full: %v %v", n.Spec.Unschedulable, n.Annotations)
	}
}

func TestTheNodeSaysTheMode(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := corev1.Taint{Key: "example.org/gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}
	err := world.Do(t.Context(), http.MethodPatch, "/api/v1/nodes/"+s.name, map[string]any{
		"metadata": map[string]any{"labels": map[string]string{"disk": "fast"}}, "spec": map[string]any{"taints": []corev1.Taint{other}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	says := func(label string, taints ...corev1.Taint) {
		t.Helper()
		n := s.node()
		ours := slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == "node.kubernetes.io/unschedulable" })
		if n.Labels["modectl.org/mode"] != label || n.Labels["disk"] != "fast" || !slices.EqualFunc(ours, taints, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }) {
			t.Errorf("labels %v, taints %v; want the mode %q", n.Labels, n.Spec.Taints, label)
		}
	}
	desktop := s.want("control-plane", "mark", actions.ClusterMark{Label: "desktop", Taint: "desktop:NoSchedule"})
	compute := s.want("full", "mark", actions.ClusterMark{Label: "compute"})
	s.do(desktop)
	says("desktop", other, corev1.Taint{Key: "modectl.org/mode", Value: "desktop", Effect: corev1.TaintEffectNoSchedule})
	was := s.capture(compute)
	s.do(compute)
	says("compute", other)
	s.undo(was)
	says("desktop", other, corev1.Taint{Key: "modectl.org/mode", Value: "desktop", Effect: corev1.TaintEffectNoSchedule})
	if n := s.node(); !n.Spec.Unschedulable {
		t.Error("the undo of full leaves the node open")
	}
	s.do(s.want("full"))
	says("", other)
}

func TestWhatIsLabelledRestsAtZeroAndComesBack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	label := map[string]string{"modectl.org/rests-with": s.name[max(0, len(s.name)-40):]}
	selector := "modectl.org/rests-with=" + label["modectl.org/rests-with"]
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: label}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	apps := "/apis/apps/v1/namespaces/" + s.name
	deployment := func(name string, labels map[string]string, replicas *int32) {
		s.make(apps+"/deployments", appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Spec: appsv1.DeploymentSpec{Replicas: replicas, Selector: &metav1.LabelSelector{MatchLabels: label}, Template: template}})
	}
	deployment("three", label, new(int32(3)))
	deployment("one", label, nil)
	deployment("idle", label, new(int32(0)))
	deployment("other", nil, new(int32(2)))
	s.make(apps+"/statefulsets", appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db", Labels: label},
		Spec: appsv1.StatefulSetSpec{Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: label}, Template: template}})
	replicas := func(when string, want map[string]int32) {
		t.Helper()
		var d appsv1.DeploymentList
		var f appsv1.StatefulSetList
		if err := world.Do(t.Context(), http.MethodGet, apps+"/deployments", nil, &d); err != nil {
			t.Fatal(err)
		}
		if err := world.Do(t.Context(), http.MethodGet, apps+"/statefulsets", nil, &f); err != nil {
			t.Fatal(err)
		}
		got := map[string]int32{"db": *f.Items[0].Spec.Replicas}
		for _, o := range d.Items {
			got[o.Name] = *o.Spec.Replicas
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s %s has %d replicas, want %d", when, name, got[name], want[name])
			}
		}
	}
	began := map[string]int32{"three": 3, "one": 1, "idle": 0, "other": 2, "db": 2}
	rest := map[string]int32{"three": 0, "one": 0, "idle": 0, "other": 2, "db": 0}
	was := s.capture(s.released("scale-to-zero", selector))
	s.do(s.released("scale-to-zero", selector))
	replicas("drained,", rest)
	s.undo(was)
	replicas("after the undo,", began)
	s.do(s.want("minimal", "scale-to-zero", selector))
	full := s.want("full", "scale-to-zero", selector)
	was = s.capture(full)
	s.do(full)
	replicas("in full,", began)
	s.undo(was)
	replicas("after the undo of full,", rest)
	if err := world.Do(t.Context(), http.MethodPatch, apps+"/deployments/three", map[string]any{"spec": map[string]any{"replicas": 5}}, nil); err != nil {
		t.Fatal(err)
	}
	s.do(full)
	replicas("with what somebody scaled up meanwhile,", map[string]int32{"three": 5, "one": 1, "idle": 0, "other": 2, "db": 2})
}
