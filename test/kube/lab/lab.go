// Package lab runs a real kube-apiserver with a real etcd for the tests of
// test/kube. The API is all that there is: no kubelet ends pods, no controller
// counts what a disruption budget allows, no scheduler places anything. A test
// plays their parts.
package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// adminToken is of a member of system:masters.
const adminToken = "admin-of-the-lab"

// Lab is a running API server. Its processes end with Stop, and with this one.
type Lab struct {
	dir    string
	binary string
	etcd   *exec.Cmd
	api    *exec.Cmd
	etcdAt string
	port   string
	http   *http.Client
	log    *os.File
}

// Start starts etcd and the API server, with all they write below dir, and
// returns when the API server says that it is ready.
func Start(ctx context.Context, binary, etcd, dir string) (*Lab, error) {
	l := &Lab{dir: dir, binary: binary}
	var err error
	if l.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	l.etcdAt, l.port = "http://127.0.0.1:"+ports[0], ports[2]
	if err := l.secrets(); err != nil {
		return nil, err
	}
	peers := "http://127.0.0.1:" + ports[1]
	l.etcd, err = l.run(etcd, "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", l.etcdAt, "--advertise-client-urls", l.etcdAt,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	if err != nil {
		return nil, err
	}
	if err := l.Begin(ctx); err != nil {
		l.Stop()
		return nil, err
	}
	return l, nil
}

// Begin starts the API server, on the port that it had before.
func (l *Lab) Begin(ctx context.Context) (err error) {
	in := func(name string) string { return filepath.Join(l.dir, name) }
	l.api, err = l.run(l.binary, "--etcd-servers="+l.etcdAt, "--service-account-issuer=https://lab", "--service-account-key-file="+in("sa.pub"),
		"--service-account-signing-key-file="+in("sa.key"), "--token-auth-file="+in("tokens"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.43.0.0/24", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+l.port,
		"--cert-dir="+in("certs"), "--disable-admission-plugins=ServiceAccount")
	if err != nil {
		return err
	}
	return l.awaitReady(ctx)
}

// secrets writes the key of service accounts and the administrator's token.
func (l *Lab) secrets() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	write := func(name string, text []byte) error { return os.WriteFile(filepath.Join(l.dir, name), text, 0o600) }
	return errors.Join(
		write("sa.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		write("sa.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		write("tokens", []byte(adminToken+`,admin,1,"system:masters"`+"\n")),
	)
}

// run starts a program that dies with this one.
func (l *Lab) run(program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = l.log, l.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	return cmd, nil
}

// readyWithin is for a machine that has much else to do.
const readyWithin = 2 * time.Minute

func (l *Lab) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := l.trust()
		if err == nil {
			err = l.Do(ctx, http.MethodGet, "/readyz", nil, nil)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server is not ready after %s (%w); its log ends:\n%s", readyWithin, err, l.tail())
		case <-tick.C:
		}
	}
}

// trust makes the client that knows the certificate that the server has made
// for itself.
func (l *Lab) trust() error {
	ca, err := l.certificate()
	if err != nil || l.http != nil {
		return err
	}
	l.http, err = client(ca)
	return err
}

func (l *Lab) certificate() ([]byte, error) {
	return os.ReadFile(filepath.Join(l.dir, "certs", "apiserver.crt"))
}

func (l *Lab) tail() []byte {
	text, _ := os.ReadFile(l.log.Name()) // what cannot be read is not shown
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// Kubeconfig is one for the bearer of a token.
func (l *Lab) Kubeconfig(token string) (string, error) {
	ca, err := l.certificate()
	if err != nil {
		return "", err
	}
	return strings.NewReplacer("$server", l.url(""), "$ca", base64.StdEncoding.EncodeToString(ca), "$token", token).Replace(`apiVersion: v1
kind: Config
current-context: moded
clusters: [{name: local, cluster: {server: "$server", certificate-authority-data: "$ca"}}]
users: [{name: moded, user: {token: "$token"}}]
contexts: [{name: moded, context: {cluster: local, user: moded}}]
`), nil
}

// Freeze stops the API server in the middle of what it does; Thaw lets it go on.
func (l *Lab) Freeze() error { return l.api.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen API server go on.
func (l *Lab) Thaw() error { return l.api.Process.Signal(syscall.SIGCONT) }

// Kill ends the API server at once. Begin starts it again.
func (l *Lab) Kill() {
	_ = l.api.Process.Kill() // it has ended, if it cannot be
	_ = l.api.Wait()         // killed is how it is meant to end
	l.http.CloseIdleConnections()
}

// Stop ends both.
func (l *Lab) Stop() {
	for _, cmd := range []*exec.Cmd{l.api, l.etcd} {
		if cmd != nil {
			_ = cmd.Process.Kill() // as in Kill
			_ = cmd.Wait()
		}
	}
	_ = l.log.Close() // nobody reads it any more
}

func (l *Lab) url(path string) string { return "https://127.0.0.1:" + l.port + path }

// freePorts are some that nobody listens on.
func freePorts(n int) (ports []string, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		_, port, _ := net.SplitHostPort(listener.Addr().String()) // of a listener it has one
		ports = append(ports, port)
	}
	return ports, nil
}
