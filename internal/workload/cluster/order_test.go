package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/modectl/moded/internal/workload/cluster"
	"github.com/modectl/moded/pkg/actions"
)

// order gives one to whatever the kubeconfig leads to. What a real API server
// does with orders is the suite of test/kube's.
func order(t *testing.T, kubeconfig string, patience time.Duration, o actions.ClusterOrder) (actions.ClusterNode, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("no answer"))
	defer cancel()
	o.Node = "box"
	return cluster.Nodes{Kubeconfig: path}.Node(ctx, o)
}

func TestSilenceIsToldFromANo(t *testing.T) {
	t.Parallel()
	refuse := func(code int, reason metav1.StatusReason) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { status(w, code, reason) }
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		instead http.HandlerFunc
		silent  bool
		says    string
	}{
		"a server that hangs":      {hang, true, "no answer"},
		"one that is not up yet":   {refuse(503, metav1.StatusReasonServiceUnavailable), true, "cannot ask the API server"},
		"one that drops the call":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "no answer"},
		"a credential of old":      {refuse(401, metav1.StatusReasonUnauthorized), false, "make a new token"},
		"no role":                  {refuse(403, metav1.StatusReasonForbidden), false, "moded-rbac.yaml"},
		"no such node":             {refuse(404, metav1.StatusReasonNotFound), false, "the cluster has no node box"},
		"somebody else's web page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, false, "cannot ask the API server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &apiServer{node: named("box"), instead: c.instead}
			patience := ample
			if c.says == "no answer" {
				patience = little
			}
			_, err := order(t, s.start(t), patience, actions.ClusterOrder{Cordon: "on"})
			if err == nil || errors.Is(err, actions.ErrClusterSilent) != c.silent || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: silent %v, and want %v and %q", err, errors.Is(err, actions.ErrClusterSilent), c.silent, c.says)
			}
		})
	}
	s := &apiServer{node: named("box")}
	right := s.start(t)
	for what, kubeconfig := range map[string]string{
		"no kubeconfig":         "",
		"another's certificate": strings.Replace(right, "certificate-authority-data: ", "tls-server-name: elsewhere, certificate-authority-data: ", 1),
	} {
		if _, err := order(t, kubeconfig, ample, actions.ClusterOrder{}); err == nil || errors.Is(err, actions.ErrClusterSilent) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := order(t, right[:strings.Index(right, "https://")]+"https://127.0.0.1:1"+right[strings.Index(right, `", certificate`):], ample, actions.ClusterOrder{}); !errors.Is(err, actions.ErrClusterSilent) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestOrdersThatNoModedGivesAreRefused(t *testing.T) {
	t.Parallel()
	s := &apiServer{node: named("box"), instead: func(http.ResponseWriter, *http.Request) { t.Error("the API server was asked") }}
	kubeconfig := s.start(t)
	for name, o := range map[string]actions.ClusterOrder{
		"a cordon of its own kind":          {Cordon: "maybe"},
		"a scale of its own kind":           {Select: "a=b", ScaleTo: "ten"},
		"a selector of everything":          {Select: "!nothing", ScaleTo: "zero"},
		"one without a value":               {Select: "a=", ScaleTo: "zero"},
		"one of several":                    {Select: "a=b,c", ScaleTo: "zero"},
		"a label that is none":              {Mark: &actions.ClusterMark{Label: "a b"}},
		"a taint that evicts":               {Mark: &actions.ClusterMark{Taint: "desktop:NoExecute"}},
		"a taint without an effect":         {Mark: &actions.ClusterMark{Taint: "desktop"}},
		"a taint whose value is not a word": {Mark: &actions.ClusterMark{Taint: "a b:NoSchedule"}},
	} {
		if _, err := order(t, kubeconfig, ample, o); err == nil || errors.Is(err, actions.ErrClusterSilent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// onWrite answers all but questions.
func (s *apiServer) onWrite(do http.HandlerFunc) {
	s.instead = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			do(w, r)
			return
		}
		(&apiServer{node: s.node, pods: s.pods}).ServeHTTP(w, r)
	}
}

// One write has it all, with the version that it was made for.
func TestACordonIsOneWriteThatAnotherCordonOutdates(t *testing.T) {
	t.Parallel()
	s := &apiServer{node: named("box")}
	s.node.TypeMeta, s.node.ResourceVersion = metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, "41"
	s.node.Spec.Taints = []corev1.Taint{{Key: "other", Effect: corev1.TaintEffectNoSchedule}}
	var wrote map[string]any
	conflicts := 2
	s.onWrite(func(w http.ResponseWriter, r *http.Request) {
		if conflicts--; conflicts >= 0 {
			status(w, http.StatusConflict, metav1.StatusReasonConflict)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&wrote); err != nil {
			t.Error(err)
		}
		s.node.Spec.Unschedulable = true
		reply(w, http.StatusOK, &s.node)
	})
	n, err := order(t, s.start(t), ample, actions.ClusterOrder{Cordon: "on", Mark: &actions.ClusterMark{Label: "desktop", Taint: "desktop:NoSchedule"}})
	if err != nil || !n.Unschedulable {
		t.Fatalf("%+v, %v", n, err)
	}
	stamp, _ := wrote["metadata"].(map[string]any)["annotations"].(map[string]any)["modectl.org/cordoned-by"].(string)
	if !strings.HasPrefix(stamp, "moded 20") {
		t.Errorf("the cordon says %q", stamp)
	}
	want := map[string]any{
		"metadata": map[string]any{"resourceVersion": "41", "annotations": map[string]any{"modectl.org/cordoned-by": stamp}, "labels": map[string]any{"modectl.org/mode": "desktop"}},
		"spec": map[string]any{"unschedulable": true, "taints": []any{
			map[string]any{"key": "other", "effect": "NoSchedule"}, map[string]any{"key": "modectl.org/mode", "value": "desktop", "effect": "NoSchedule"},
		}},
	}
	if diff := cmp.Diff(want, wrote); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
