package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/loopback"
)

const (
	// page is how many pods a request asks for: one has 5 to 20 kB.
	page = 250
	// maxBody bounds an answer, in bytes.
	maxBody = 24 << 20
)

// client is a connection to the API server: rest to its core, apps to the group
// of Deployments and StatefulSets.
type client struct {
	rest   *rest.RESTClient
	apps   *rest.RESTClient
	http   *http.Client
	params runtime.ParameterCodec
}

// newClient makes a client that knows the types of core/v1, apps/v1 and
// policy/v1, stays on loopback, follows no redirect, and does not retry longer
// than its context.
func newClient(cfg *rest.Config) (*client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme), policyv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	cfg.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json" // a third of the bytes and of the work
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.UserAgent = "moded-workload"
	cfg.QPS = -1 // who asks keeps its own pace
	cfg.WarningHandler = rest.NoWarnings{}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	web := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	core, err := group(cfg, web, "/api", corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	apps, err := group(cfg, web, "/apis", appsv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	return &client{rest: core, apps: apps, http: web, params: runtime.NewParameterCodec(scheme)}, nil
}

func group(cfg *rest.Config, web *http.Client, path string, version schema.GroupVersion) (*rest.RESTClient, error) {
	one := *cfg
	one.APIPath, one.GroupVersion = path, &version
	c, err := rest.RESTClientForConfigAndClient(&one, web)
	if err != nil {
		return nil, errors.New("the kubeconfig's server cannot be understood")
	}
	return c, nil
}

// newTransport is our own, because client-go keeps those that it makes for ever.
func newTransport(cfg *rest.Config) (http.RoundTripper, error) {
	tls, err := rest.TLSConfigFor(cfg)
	if err != nil {
		return nil, errors.New("the kubeconfig's certificates or keys cannot be understood")
	}
	base := &http.Transport{TLSClientConfig: tls, DialContext: loopback.Dial, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
	wrapped, err := rest.HTTPWrappersForConfig(cfg, bounded{base})
	if err != nil {
		return nil, errors.New("the kubeconfig's credential cannot be understood")
	}
	return wrapped, nil
}

// close gives up the connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// node returns the node of that name.
func (c *client) node(ctx context.Context, name string) (*corev1.Node, error) {
	node, err := of[*corev1.Node](c.rest.Get().Resource("nodes").Name(name).Do(ctx))
	if err == nil && node.Name != name {
		err = errors.New("it speaks of another node")
	}
	return node, err
}

// of is the object of an answer, which must be of that kind: client-go's Into
// takes any other for an empty one.
func of[T runtime.Object](r rest.Result) (T, error) {
	var none T
	object, err := r.Get()
	if err != nil {
		return none, err
	}
	it, is := object.(T)
	if !is {
		return none, errors.New("it answers with something else")
	}
	return it, nil
}

// pods calls each with the pods on a node that have not come to an end, a page
// at a time, until it says no.
func (c *client) pods(ctx context.Context, node string, each func([]corev1.Pod) bool) error {
	query := metav1.ListOptions{
		FieldSelector: fields.AndSelectors(
			fields.OneTermEqualSelector("spec.nodeName", node),
			fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
			fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
		).String(),
		Limit: page,
	}
	for {
		list, err := of[*corev1.PodList](c.rest.Get().Resource("pods").VersionedParams(&query, c.params).Do(ctx))
		if err != nil {
			return err
		}
		if !each(list.Items) || list.Continue == "" {
			return nil
		}
		query.Continue = list.Continue
	}
}

// remedy says in words for people why the API server did not tell, and what to
// do. Its own words are cleaned.
func remedy(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the API server: %w", context.Cause(ctx))
	case apierrors.IsUnauthorized(err):
		return errors.New("the API server does not accept the kubeconfig's credential: make a new token for /etc/moded/kubeconfig")
	case apierrors.IsForbidden(err):
		return errors.New("the API server forbids it to moded: apply examples/kubernetes/moded-rbac.yaml")
	}
	var inner *url.Error // people know the URL
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return errors.New("cannot ask the API server: " + workload.Words(err.Error()))
}

// bounded is a transport whose answers fail instead of being longer than
// maxBody.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &body{ReadCloser: resp.Body, left: maxBody}
	}
	return resp, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errors.New("the answer is too long")
	}
	return n, err
}
