package cluster_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/workload/cluster"
)

// good is a kubeconfig as examples/kubernetes/moded-rbac.yaml makes one.
func good(t testing.TB) string {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	config := config(web, "token: "+token)
	return strings.Replace(config, web.URL, "https://127.0.0.1:6443", 1)
}

func TestAKubeconfigMayNotDoMoreThanName(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(t.TempDir(), "ran")
	swap := func(old, by string) string { return strings.Replace(good(t), old, by, 1) }
	for name, c := range map[string]struct{ text, says string }{
		"a program":                  {swap("token: "+token, "exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: ["+mark+"], interactiveMode: Never}"), "would run a program"},
		"an auth provider":           {swap("token: "+token, "auth-provider: {name: oidc}"), "auth-provider"},
		"a file with the token":      {swap("token: "+token, "tokenFile: /etc/shadow"), "another file (tokenFile)"},
		"a file with the key":        {swap("token: "+token, "client-key: /etc/shadow"), "another file (client-key)"},
		"a file with a certificate":  {swap("token: "+token, "client-certificate: x.pem"), "another file (client-certificate)"},
		"a file with the authority":  {swap("certificate-authority-data: ", "certificate-authority: /x, other: "), "another file (certificate-authority)"},
		"another machine":            {swap("127.0.0.1", "192.0.2.1"), "loopback"},
		"another machine by name":    {swap("127.0.0.1", "k3s.example.org"), "loopback"},
		"plain http":                 {swap("https:", "http:"), "not an https"},
		"no server":                  {swap(`"https://127.0.0.1:6443"`, `""`), "not an https"},
		"whoever answers":            {swap("certificate-authority-data", "insecure-skip-tls-verify: true, certificate-authority-data"), "insecure-skip-tls-verify"},
		"a proxy":                    {swap("certificate-authority-data", "proxy-url: socks5://192.0.2.1:1, certificate-authority-data"), "proxy-url"},
		"no context":                 {swap("current-context: moded", "current-context: other"), "no current context"},
		"no cluster":                 {swap("cluster: local", "cluster: other"), "no cluster"},
		"no user":                    {swap("user: moded}", "user: other}"), "no user"},
		"not YAML":                   {"\t{", "cannot be understood"},
		"another document":           {"apiVersion: v1\nkind: Pod\n", "cannot be understood"},
		"a certificate that is none": {swap("certificate-authority-data: ", "certificate-authority-data: AAAA, other: "), "certificates or keys"},
		"nothing":                    {"", "there is no kubeconfig"},
		"the unit's fallback":        {"\n", "there is no kubeconfig"},
		"more than a kubeconfig":     {strings.Repeat("#\n", 1<<20), "too long"},
	} {
		got := ask(t, c.text, "box", ample)
		if !strings.Contains(got.Unknown, c.says) || strings.Contains(got.Unknown, token) {
			t.Errorf("%s: %q does not say %q", name, got.Unknown, c.says)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the program was run")
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "none")} {
		if got := (cluster.Nodes{Kubeconfig: path}).Pods(t.Context(), "box"); !strings.Contains(got.Unknown, "there is no kubeconfig") {
			t.Errorf("%q: %q", path, got.Unknown)
		}
	}
	if got := (cluster.Nodes{Kubeconfig: t.TempDir()}).Pods(t.Context(), "box"); !strings.Contains(got.Unknown, "cannot read the kubeconfig") {
		t.Errorf("a directory: %q", got.Unknown)
	}
}

// Fields of other contexts do not count: k3s.yaml beside a cloud's is fine.
func TestOnlyTheCurrentContextCounts(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good(t), "users: [", "users: [{name: cloud, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}}}, ", 1)
	if cfg, err := cluster.Parse([]byte(text)); err != nil || cfg.Host != "https://127.0.0.1:6443" || cfg.BearerToken != token || cfg.ExecProvider != nil {
		t.Errorf("%v", err)
	}
}

func FuzzKubeconfig(f *testing.F) {
	f.Add(good(f))
	f.Add("apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: c, cluster: {server: 'https://localhost'}}]\nusers: [{name: u, user: {exec: {command: x}}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n")
	f.Add(`{"kind":"Config","apiVersion":"v1","current-context":"a","clusters":[{"name":"c","cluster":{"server":"https://[::1]:1","proxy-url":"x"}}],"users":[{"name":"u","user":{"tokenFile":"/x"}}],"contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := cluster.Parse([]byte(text))
		if err != nil {
			return
		}
		local := false
		for _, host := range []string{"127.", "localhost", "[::1]"} {
			local = local || strings.HasPrefix(cfg.Host, "https://"+host)
		}
		if !local || cfg.Insecure || cfg.ExecProvider != nil || cfg.AuthProvider != nil || cfg.Proxy != nil ||
			cfg.BearerTokenFile != "" || cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" {
			t.Errorf("a config that does more than name a server here: %v", cfg)
		}
	})
}
