//go:build kube

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	authzv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/cluster"
	"github.com/modectl/moded/internal/workload/serve"
	"github.com/modectl/moded/test/kube/lab"
)

// world is what all tests share.
var world struct {
	*lab.Lab
	// token is the service account's, kubeconfig the file with it, socket
	// moded-workload's.
	token, kubeconfig, socket string
	// looks are the account's rules with moded-rbac.yaml alone, all with the role
	// for scaling too.
	base, all []authzv1.ResourceRule
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kube:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts everything, and ends it.
func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "moded-kube")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	api, err := lab.Build(ctx, "apiserver", os.Stderr)
	if err != nil {
		return 1, err
	}
	etcd, err := lab.Etcd(ctx, os.Stderr)
	if err != nil {
		return 1, err
	}
	if world.Lab, err = lab.Start(ctx, api, etcd, dir); err != nil {
		return 1, err
	}
	defer world.Stop()
	if err := account(ctx, dir); err != nil {
		return 1, err
	}
	stop, err := helper(ctx, dir)
	if err != nil {
		return 1, err
	}
	defer stop()
	return m.Run(), nil
}

// account makes moded's service account as an administrator would, with the
// files of examples/kubernetes, and its kubeconfig.
func account(ctx context.Context, dir string) error {
	if err := apply(ctx, "moded-rbac.yaml"); err != nil {
		return err
	}
	request := authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 3600))}}
	if err := world.Do(ctx, http.MethodPost, "/api/v1/namespaces/moded/serviceaccounts/moded/token", request, &request); err != nil {
		return err
	}
	world.token = request.Status.Token
	var err error
	if world.base, err = rules(ctx, "pods/eviction"); err != nil {
		return err
	}
	if err := apply(ctx, "moded-rbac-scale.yaml"); err != nil {
		return err
	}
	if world.all, err = rules(ctx, "deployments"); err != nil {
		return err
	}
	text, err := world.Kubeconfig(world.token)
	if err != nil {
		return err
	}
	world.kubeconfig = filepath.Join(dir, "kubeconfig")
	return os.WriteFile(world.kubeconfig, []byte(text), 0o600)
}

// places is where objects of a kind are made.
var places = map[string]string{
	"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/moded/serviceaccounts", "Secret": "/api/v1/namespaces/moded/secrets",
	"ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

// apply makes what a file of examples/kubernetes lists.
func apply(ctx context.Context, name string) error {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "kubernetes", name))
	if err != nil {
		return err
	}
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(string(text)), 4096)
	for {
		object := map[string]any{}
		if err := docs.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		kind, _ := object["kind"].(string)
		if err := world.Do(ctx, http.MethodPost, places[kind], object, nil); err != nil {
			return fmt.Errorf("cannot make %s of %s: %w", kind, name, err)
		}
	}
}

// rules asks the API server what the account may do. A role takes a moment: it has
// come when there is a rule for the resource and no other is added.
func rules(ctx context.Context, resource string) ([]authzv1.ResourceRule, error) {
	var before []authzv1.ResourceRule
	for {
		review := authzv1.SelfSubjectRulesReview{Spec: authzv1.SelfSubjectRulesReviewSpec{Namespace: "default"}}
		if err := world.As(ctx, world.token, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, &review); err != nil {
			return nil, err
		}
		if now := review.Status.ResourceRules; len(now) == len(before) && slices.ContainsFunc(now, func(r authzv1.ResourceRule) bool { return slices.Contains(r.Resources, resource) }) {
			return now, nil
		}
		before = review.Status.ResourceRules
		time.Sleep(200 * time.Millisecond)
	}
}

// helper serves as moded-workload does.
func helper(ctx context.Context, dir string) (stop func(), err error) {
	world.socket = filepath.Join(dir, "workload.socket")
	l, err := net.Listen("unix", world.socket)
	if err != nil {
		return nil, err
	}
	nodes := cluster.Nodes{Kubeconfig: world.kubeconfig}
	s := serve.New("1", time.Hour, serve.Sources{Pods: nodes.Pods, Node: nodes.Node})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	return func() { cancel(); <-ended }, nil
}

func client() workload.Client { return workload.NewClient(world.socket, "1") }
