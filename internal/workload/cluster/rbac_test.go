package cluster_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/modectl/moded/internal/workload/cluster"
)

func manifest(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../../examples/kubernetes/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shipped lists what a manifest makes, and the rules of its roles.
func shipped(t *testing.T, name string) (kinds []string, rules []rbacv1.PolicyRule) {
	t.Helper()
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest(t, name)), 4096)
	for {
		var role rbacv1.ClusterRole // the others' fields that count are a role's, too
		if err := docs.Decode(&role); errors.Is(err, io.EOF) {
			return kinds, rules
		} else if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, role.Kind+" "+role.Namespace+"/"+role.Name)
		rules = append(rules, role.Rules...)
	}
}

func TestTheShippedRolesAllowWhatModedDoesAndNoMore(t *testing.T) {
	t.Parallel()
	kinds, rules := shipped(t, "moded-rbac.yaml")
	if diff := cmp.Diff([]string{"Namespace /moded", "ServiceAccount moded/moded", "Secret moded/moded", "ClusterRole /moded", "ClusterRoleBinding /moded"}, kinds); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
		{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	kinds, rules = shipped(t, "moded-rbac-scale.yaml")
	if diff := cmp.Diff([]string{"ClusterRole /moded-scale", "ClusterRoleBinding /moded-scale"}, kinds); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want = []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments", "statefulsets"}, Verbs: []string{"list", "patch"}}}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What the manifest tells people to write must be what we read.
func TestTheShippedKubeconfigIsUnderstood(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(manifest(t, "moded-rbac.yaml"), "<<END\n")
	text, _, found := strings.Cut(text, "#   END\n")
	if !found {
		t.Fatal("there is no kubeconfig in the manifest")
	}
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	text = strings.NewReplacer("#   ", "", "$ca", base64.StdEncoding.EncodeToString(ca), "$token", token).Replace(text)
	cfg, err := cluster.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Host != "https://127.0.0.1:6443" || cfg.BearerToken != token || string(cfg.CAData) != string(ca) {
		t.Errorf("got %v", cfg)
	}
}
