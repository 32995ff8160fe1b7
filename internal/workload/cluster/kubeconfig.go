package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/modectl/moded/internal/workload/loopback"
)

// maxKubeconfig bounds the file, in bytes.
const maxKubeconfig = 256 << 10

// errNone says that nobody gave a kubeconfig: the unit's fallback is empty.
var errNone = errors.New("there is no kubeconfig: put the service account's at /etc/moded/kubeconfig (examples/kubernetes/moded-rbac.yaml says how)")

// readKubeconfig reads the file at path.
func readKubeconfig(path string) ([]byte, error) {
	if path == "" {
		return nil, errNone
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNone
	} else if err != nil {
		return nil, errors.New("cannot read the kubeconfig")
	}
	defer func() { _ = f.Close() }() // was only read
	raw, err := io.ReadAll(io.LimitReader(f, maxKubeconfig+1))
	switch {
	case err != nil:
		return nil, errors.New("cannot read the kubeconfig")
	case len(raw) > maxKubeconfig:
		return nil, errors.New("the kubeconfig is too long")
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, errNone
	}
	return raw, nil
}

// parse reads a kubeconfig, of which only the current context counts. What
// would run a program, read another file, leave this machine or trust whoever
// answers is refused. Its errors never quote the file: keys are in it.
func parse(raw []byte) (*rest.Config, error) {
	file, err := clientcmd.Load(raw)
	if err != nil {
		return nil, errors.New("the kubeconfig cannot be understood: check it with kubectl config view")
	}
	current, there := file.Contexts[file.CurrentContext]
	if !there || current == nil {
		return nil, errors.New("the kubeconfig has no current context: set one with kubectl config use-context")
	}
	cluster, there := file.Clusters[current.Cluster]
	if !there || cluster == nil {
		return nil, errors.New("the kubeconfig's current context has no cluster")
	}
	user, there := file.AuthInfos[current.AuthInfo]
	if !there || user == nil {
		return nil, errors.New("the kubeconfig's current context has no user")
	}
	if err := errors.Join(allowedServer(cluster), allowedUser(user)); err != nil {
		return nil, err
	}
	cfg, err := clientcmd.NewNonInteractiveClientConfig(*file, file.CurrentContext, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, errors.New("the kubeconfig is not complete: check it with kubectl config view")
	}
	return cfg, nil
}

// allowedServer refuses servers that are not this machine's, or that anybody
// could stand in for while the real one is down.
func allowedServer(c *api.Cluster) error {
	u, err := url.Parse(c.Server)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return errors.New("the kubeconfig's server is not an https:// URL")
	case len(loopback.Addresses(u.Hostname())) == 0:
		return errors.New("the kubeconfig's server is not on this machine's loopback: say https://127.0.0.1:6443")
	case c.InsecureSkipTLSVerify:
		return errors.New("the kubeconfig says insecure-skip-tls-verify: give the cluster's certificate-authority-data instead")
	case c.ProxyURL != "":
		return errors.New("the kubeconfig has a proxy-url: take it out")
	case c.CertificateAuthority != "":
		return errFile("certificate-authority")
	}
	return nil
}

// allowedUser refuses credentials that are not in the file itself.
func allowedUser(u *api.AuthInfo) error {
	switch {
	case u.Exec != nil:
		return errors.New("the kubeconfig would run a program (exec) for its credential: give it a service account's token instead")
	case u.AuthProvider != nil:
		return errors.New("the kubeconfig has an auth-provider: give it a service account's token instead")
	case u.TokenFile != "":
		return errFile("tokenFile")
	case u.ClientCertificate != "":
		return errFile("client-certificate")
	case u.ClientKey != "":
		return errFile("client-key")
	}
	return nil
}

func errFile(key string) error {
	return fmt.Errorf("the kubeconfig names another file (%s): put the data in it with kubectl config view --flatten", key)
}
