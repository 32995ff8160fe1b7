package cluster_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/modectl/moded/internal/workload/cluster"
	"github.com/modectl/moded/pkg/facts"
)

const token = "s3cret"

// apiServer speaks the API's JSON for one node, in pages, as real ones do.
type apiServer struct {
	node corev1.Node
	pods []corev1.Pod
	// instead answers in place of everything else.
	instead http.HandlerFunc
	// binary lets it speak protobuf to those who take it, as real ones do.
	binary bool
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		status(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	case s.instead != nil:
		s.instead(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/api/v1/nodes/"+s.node.Name:
		s.node.TypeMeta = metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}
		s.reply(w, r, &s.node)
	case r.Method == http.MethodGet && r.URL.Path == "/api/v1/pods":
		s.list(w, r)
	default:
		status(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	}
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	want := "spec.nodeName=" + s.node.Name + ",status.phase!=Succeeded,status.phase!=Failed"
	if got := r.FormValue("fieldSelector"); got != want {
		status(w, http.StatusBadRequest, metav1.StatusReason("the selector is "+got))
		return
	}
	from, _ := strconv.Atoi(r.FormValue("continue")) // empty is the beginning
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit < 1 {
		status(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	}
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
	list.Items = s.pods[from:min(from+limit, len(s.pods))]
	if from+limit < len(s.pods) {
		list.Continue = strconv.Itoa(from + limit)
	}
	s.reply(w, r, &list)
}

func (s *apiServer) reply(w http.ResponseWriter, r *http.Request, v runtime.Object) {
	if !s.binary || !strings.Contains(r.Header.Get("Accept"), "application/vnd.kubernetes.protobuf") {
		reply(w, http.StatusOK, v)
		return
	}
	scheme := runtime.NewScheme()
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	if err := errors.Join(corev1.AddToScheme(scheme), protobuf.NewSerializer(scheme, scheme).Encode(v, w)); err != nil {
		panic(err)
	}
}

func status(w http.ResponseWriter, code int, reason metav1.StatusReason) {
	reply(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: string(reason) + "\x1b[2J",
	})
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the asker may have gone
}

// start serves, and returns a kubeconfig for it.
func (s *apiServer) start(t *testing.T) (kubeconfig string) {
	t.Helper()
	web := httptest.NewTLSServer(s)
	t.Cleanup(web.Close)
	return config(web, "token: "+token)
}

// config is a kubeconfig for a server with its certificate, and a user.
func config(web *httptest.Server, user string) string {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: moded
clusters: [{name: local, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: moded, user: {%s}}]
contexts: [{name: moded, context: {cluster: local, user: moded}}]
`, web.URL, base64.StdEncoding.EncodeToString(ca), user)
}

// ask asks about a node with a kubeconfig.
func ask(t *testing.T, kubeconfig, node string, patience time.Duration) facts.Pods {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("no answer"))
	defer cancel()
	return cluster.Nodes{Kubeconfig: path}.Pods(ctx, node)
}

// How long tests wait for an answer that comes, and for one that does not.
const (
	ample  = 5 * time.Minute
	little = 500 * time.Millisecond
)

func named(name string) corev1.Node { return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}} }

func pod(name string, spec corev1.PodSpec) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: "u-1"},
		Spec:       spec, Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

func TestPodsOfTheNodeAreTold(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	yes, no := true, false
	job := pod("train-x7", corev1.PodSpec{Containers: []corev1.Container{with("nvidia.com/gpu", "2")}})
	job.OwnerReferences = []metav1.OwnerReference{{Kind: "Queue", Controller: &no}, {Kind: "Job", Controller: &yes}}
	job.Status.StartTime = &metav1.Time{Time: begun}
	mirror := pod("kube-proxy-box\x1b[2J", corev1.PodSpec{})
	mirror.Annotations = map[string]string{"kubernetes.io/config.mirror": "8f3"}
	mirror.CreationTimestamp = metav1.Time{Time: begun}
	alone := pod("alone", corev1.PodSpec{})
	alone.Status.Phase = corev1.PodPending
	want := facts.Pods{Node: "box", Unschedulable: true, List: []facts.Pod{
		{Namespace: "default", Name: "train-x7", UID: "u-1", Phase: "Running", Owner: "Job", GPUs: 2, Since: begun},
		{Namespace: "default", Name: "kube-proxy-box?[2J", UID: "u-1", Phase: "Running", Owner: "Node", Since: begun},
		{Namespace: "default", Name: "alone", UID: "u-1", Phase: "Pending"},
	}}
	for _, binary := range []bool{false, true} {
		s := &apiServer{node: named("box"), pods: []corev1.Pod{mirror, alone, job}, binary: binary}
		s.node.Spec.Unschedulable = true
		got := ask(t, s.start(t), "box", ample)
		want.At = got.At
		if diff := cmp.Diff(want, got); diff != "" || got.At.IsZero() {
			t.Errorf("protobuf %t (-want +got)\n%s", binary, diff)
		}
	}
}

func TestTheLocalNodeHasTheHostsName(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{node: named(strings.ToLower(host))}
	if got := ask(t, s.start(t), ".", ample); !got.Known() || got.Node != strings.ToLower(host) || got.Unschedulable || len(got.List) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestManyPodsComeInPagesThoseWithGPUsFirst(t *testing.T) {
	t.Parallel()
	s := &apiServer{node: named("box")}
	for i := range 5000 {
		s.pods = append(s.pods, pod(fmt.Sprint("p", i), corev1.PodSpec{Containers: []corev1.Container{{Image: strings.Repeat("x", 200)}}}))
	}
	s.pods[4999].Spec.Containers = []corev1.Container{with("nvidia.com/mig-1g.10gb", "1")}
	kubeconfig := s.start(t)
	got := ask(t, kubeconfig, "box", ample)
	if !got.Known() || len(got.List) != 1000 || got.List[0].Name != "p4999" || got.List[0].GPUs != 1 || got.List[999].Name != "p998" {
		t.Errorf("%d pods, unknown %q, first %+v", len(got.List), got.Unknown, got.List[:min(1, len(got.List))])
	}
	for i := range 1001 {
		s.pods[i].Spec.Containers = []corev1.Container{with("amd.com/gpu", "1")}
	}
	if got := ask(t, kubeconfig, "box", ample); !strings.Contains(got.Unknown, "more pods on the node") || got.List != nil {
		t.Errorf("more with GPUs than are told: %q", got.Unknown)
	}
}

func TestWhatTheAPIServerDoesNotTellIsUnknownWithARemedy(t *testing.T) {
	t.Parallel()
	refuse := func(code int, reason metav1.StatusReason) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { status(w, code, reason) }
	}
	onPods := func(do http.HandlerFunc) func(*apiServer) http.HandlerFunc {
		return func(s *apiServer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/pods") {
					do(w, r)
					return
				}
				reply(w, http.StatusOK, corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: s.node.ObjectMeta})
			}
		}
	}
	always := func(do http.HandlerFunc) func(*apiServer) http.HandlerFunc {
		return func(*apiServer) http.HandlerFunc { return do }
	}
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(text)) // the asker may have gone
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		instead func(*apiServer) http.HandlerFunc
		says    string
	}{
		"an old token":       {always(refuse(401, metav1.StatusReasonUnauthorized)), "make a new token"},
		"no right to nodes":  {always(refuse(403, metav1.StatusReasonForbidden)), "moded-rbac.yaml"},
		"no right to pods":   {onPods(refuse(403, metav1.StatusReasonForbidden)), "moded-rbac.yaml"},
		"no such node":       {always(refuse(404, metav1.StatusReasonNotFound)), "the cluster has no node box"},
		"an expired page":    {onPods(refuse(410, metav1.StatusReasonExpired)), "cannot ask the API server"},
		"a fault of its own": {always(refuse(500, metav1.StatusReasonInternalError)), "cannot ask the API server"},
		"silence":            {always(hang), "no answer"},
		"silence about pods": {onPods(hang), "no answer"},
		"patience asked for": {always(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			refuse(429, metav1.StatusReasonTooManyRequests)(w, r)
		}), "no answer"},
		"a web page":           {always(write("<html>\x1b[2J")), "cannot ask the API server"},
		"another kind":         {always(write(`{"kind":"Secret","apiVersion":"v1"}`)), "something else"},
		"another kind of list": {onPods(write(`{"kind":"NodeList","apiVersion":"v1"}`)), "something else"},
		"another node":         {always(write(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"other"}}`)), "another node"},
		"nothing":              {always(write("")), "cannot ask the API server"},
		"half a list":          {onPods(write(`{"kind":"PodList","apiVersion":"v1","items":[{"metadata":`)), "cannot ask the API server"},
		"a list without end":   {onPods(func(w http.ResponseWriter, _ *http.Request) { endless(w) }), "too long"},
		"pages without end":    {onPods(write(`{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"x"},"items":[` + strings.Repeat("{},", 999) + `{}]}`)), "more pods on the node"},
		"empty, without end":   {onPods(write(`{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"x"},"items":[]}`)), "no answer"},
		"a redirect elsewhere": {always(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api", http.StatusFound) }), "cannot ask the API server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &apiServer{node: named("box")}
			s.instead = c.instead(s)
			patience := ample
			if c.says == "no answer" {
				patience = little
			}
			got := ask(t, s.start(t), "box", patience)
			if !strings.Contains(got.Unknown, c.says) || got.List != nil || got.Unschedulable {
				t.Errorf("%+v does not say %q", got, c.says)
			}
			if strings.ContainsAny(got.Unknown, "\x1b\n") || strings.Contains(got.Unknown, token) {
				t.Errorf("%q is not fit to be shown", got.Unknown)
			}
		})
	}
}

// endless writes a pod list that has no end.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	text := []byte(`{"kind":"PodList","apiVersion":"v1","items":[` + strings.Repeat(" ", 1<<16))
	for {
		if _, err := w.Write(text); err != nil {
			return
		}
	}
}

func TestOnlyTheRightServerIsBelieved(t *testing.T) {
	t.Parallel()
	s := &apiServer{node: named("box")}
	right := s.start(t)
	other := httptest.NewUnstartedServer(s)
	other.StartTLS() // with a certificate of its own name only
	t.Cleanup(other.Close)
	url := right[strings.Index(right, "https://"):]
	url = url[:strings.IndexAny(url, `"`)]
	for name, c := range map[string]struct{ kubeconfig, says string }{
		"another authority": {strings.Replace(right, "certificate-authority-data: ", "tls-server-name: elsewhere, certificate-authority-data: ", 1), "certificate"},
		"nobody there":      {strings.Replace(right, url, "https://127.0.0.1:1", 1), "connection refused"},
	} {
		if got := ask(t, c.kubeconfig, "box", ample); !strings.Contains(got.Unknown, c.says) {
			t.Errorf("%s: %q does not say %q", name, got.Unknown, c.says)
		}
	}
	if got := ask(t, strings.Replace(right, "127.0.0.1", "localhost", 1), "box", ample); got.Unknown == "" {
		t.Error("a certificate for 127.0.0.1 passes for localhost")
	}
	if got := ask(t, right, "box", ample); !got.Known() {
		t.Errorf("the right one: %q", got.Unknown)
	}
}

func TestANodesNameIsANodesName(t *testing.T) {
	t.Parallel()
	s := &apiServer{node: named("box")}
	kubeconfig := s.start(t)
	for _, node := range []string{"box,metadata.namespace=x", "../pods", "Box", "", "a b", strings.Repeat("x", 300), "box\x1b[2J"} {
		if got := ask(t, kubeconfig, node, ample); !strings.Contains(got.Unknown, "is not a node's name") || strings.ContainsRune(got.Unknown, 0x1b) {
			t.Errorf("%q: %q", node, got.Unknown)
		}
	}
}
