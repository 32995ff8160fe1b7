//go:build kube

package kube_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authzv1 "k8s.io/api/authorization/v1"

	"github.com/modectl/moded/internal/workload/cluster"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/test/kube/lab"
)

// beyond is what the account may do that every account may not, a line each.
func beyond(rules []authzv1.ResourceRule) (lines []string) {
	for _, r := range rules {
		if len(r.APIGroups) == 1 && strings.HasSuffix(r.APIGroups[0], "authorization.k8s.io") || slices.Equal(r.APIGroups, []string{"authentication.k8s.io"}) ||
			slices.Equal(r.APIGroups, []string{"certificates.k8s.io"}) {
			continue // about itself
		}
		lines = append(lines, strings.Join(r.Verbs, ",")+" "+strings.Join(r.APIGroups, ",")+"/"+strings.Join(r.Resources, ","))
	}
	slices.Sort(lines)
	return lines
}

// All other tests run with these rights: they are enough. They are no more than
// this.
func TestTheShippedRolesGiveWhatIsNeededAndNoMore(t *testing.T) {
	t.Parallel()
	base := []string{"create /pods/eviction", "get,patch /nodes", "list /pods"}
	if got := beyond(world.base); !slices.Equal(got, base) {
		t.Errorf("moded-rbac.yaml gives %q, want %q", got, base)
	}
	all := append(slices.Clone(base), "list,patch apps/deployments,statefulsets")
	if got := beyond(world.all); !slices.Equal(got, slices.Sorted(slices.Values(all))) {
		t.Errorf("with moded-rbac-scale.yaml: %q, want %q", got, all)
	}
	s := newScene(t)
	s.pod("web", nil)
	for what, ask := range map[string]struct{ method, path string }{
		"read a secret":             {http.MethodGet, "/api/v1/namespaces/moded/secrets/moded"},
		"delete a pod":              {http.MethodDelete, "/api/v1/namespaces/" + s.name + "/pods/web"},
		"make a pod":                {http.MethodPost, "/api/v1/namespaces/default/pods"},
		"list the nodes":            {http.MethodGet, "/api/v1/nodes"},
		"delete the node":           {http.MethodDelete, "/api/v1/nodes/" + s.name},
		"run a command in a pod":    {http.MethodPost, "/api/v1/namespaces/" + s.name + "/pods/web/exec?command=x"},
		"take a budget away":        {http.MethodDelete, "/apis/policy/v1/namespaces/default/poddisruptionbudgets/x"},
		"delete a deployment":       {http.MethodDelete, "/apis/apps/v1/namespaces/default/deployments/x"},
		"give itself another right": {http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"},
	} {
		err := world.As(t.Context(), world.token, ask.method, ask.path, map[string]any{}, nil)
		var status *lab.StatusError
		if !errors.As(err, &status) || status.Code != http.StatusForbidden {
			t.Errorf("it may %s: %v", what, err)
		}
	}
}

func TestWhoeverIsNotKnownIsToldTheRemedy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	text, err := world.Kubeconfig("an old token")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = cluster.Nodes{Kubeconfig: path}.Node(t.Context(), actions.ClusterOrder{Node: s.name, Cordon: "on"})
	if err == nil || errors.Is(err, actions.ErrClusterSilent) || !strings.Contains(err.Error(), "make a new token") {
		t.Errorf("got %v", err)
	}
	s.open("after an order without rights")
	if _, err := client().Node(t.Context(), actions.ClusterOrder{Node: "nobody"}); err == nil || !strings.Contains(err.Error(), "the cluster has no node nobody") {
		t.Errorf("got %v", err)
	}
}
