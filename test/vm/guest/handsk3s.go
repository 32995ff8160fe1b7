package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"
)

// k3sScenarios are about k3s's unit and what it leaves behind. Its API is
// another suite's, test/kube.
func k3sScenarios() []scenario {
	return []scenario{long("hands-k3s-off", 260, k3sOff)}
}

// standIn is a k3s that is stopped as the real one is: its containers go on, and
// what they have mounted stays. The words are nobody else's command line.
const (
	standIn = "[Service]\nKillMode=process\nExecStart=/bin/sh -c 'mkdir -p /run/k3s && mount -t tmpfs lab-k3s /run/k3s && " +
		"setsid sleep 98765432 & exec sleep infinity'\n"
	killall = "#!/bin/sh\nfor p in $(cat /sys/fs/cgroup/system.slice/k3s.service/cgroup.procs); do kill -9 $p; done\numount /run/k3s\n"
)

// container says whether the stand-in's container runs and its mount is there.
func container(t *T, want bool) func() error {
	return func() error {
		runs := t.Quiet("pgrep", "-f", "sleep 98765432").code == 0
		mounted := t.Quiet("mountpoint", "-q", "/run/k3s").code == 0
		if runs != want || mounted != want {
			return fmt.Errorf("the container runs: %v, its mount is there: %v; want %v", runs, mounted, want)
		}
		return nil
	}
}

// kubeconfig names an API server on which nobody listens.
func kubeconfig(t *T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	t.must(err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	ca, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	t.must(err)
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}))
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: moded
clusters: [{name: local, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: %s}}]
users: [{name: moded, user: {token: lab}}]
contexts: [{name: moded, context: {cluster: local, user: moded}}]
`, text)
}

// k3sOff: a mode with k3s off. Without a kubeconfig nothing is stopped; with one
// and no answer k3s is stopped, what it leaves is ended in the host's own mount
// namespace, and nobody starts it again while the mode lasts.
func k3sOff(t *T) {
	const script, config = "/usr/local/bin/k3s-killall.sh", "/etc/moded/kubeconfig"
	t.Cleanup(func() { t.Quiet("sh", "-c", "pkill -9 -f 'sleep 98765432'; umount /run/k3s; rm -f "+script+" "+config) })
	t.make(map[string]string{"k3s.service": standIn})
	t.must(writeFile(script, killall))
	t.must(os.Chmod(script, 0o755))
	t.Must("systemd-analyze", "verify", "moded-k3s-off.service")
	t.configure("[k3s]\nkillall = \"moded-k3s-off.service\"\n[base]\nk3s = \"any\"\n[modes.studio]\nk3s = { state = \"off\", essential = true }\n")
	t.Cleanup(t.toDesktop)
	t.Must("systemctl", "start", "k3s.service")
	t.Eventually("a container runs", settleLimit, container(t, true))

	if r := t.Switch("studio", "--force"); r.code != 1 || !strings.Contains(r.all, "there is no kubeconfig") {
		t.Errorf("without a kubeconfig: exit %d, want 1 and the reason", r.code)
	}
	t.Eventually("k3s goes on", settleLimit, func() error { return t.wantUnit("k3s.service", "active") })
	t.want("its container too", container(t, true))

	t.must(os.WriteFile(config, []byte(kubeconfig(t)), 0o600))
	t.Must("systemctl", "stop", "moded-workload.service") // the next question reads it
	t.Run("modectl", "plan", "studio")
	if r := t.Switch("studio", "--force"); r.code != 0 { // the guard cannot see the pods
		t.modedLog()
		t.Fatalf("switch studio: exit %d, want 0", r.code)
	}
	t.Run("systemctl", "status", "--no-pager", "moded-k3s-off.service", "k3s.service")
	if text := fmt.Sprint(t.last()["message"]); !strings.Contains(text, "stopped without draining") {
		t.Errorf("the transition says %q", text)
	}
	t.want("nothing of k3s is left", t.is("k3s.service", "inactive"), container(t, false))
	t.holding()
	t.Run("systemctl", "start", "k3s.service")
	t.want("nobody starts it", t.is("k3s.service", "inactive"), container(t, false))

	t.mustSwitch("desktop") // which leaves k3s to others
	t.Must("systemctl", "start", "k3s.service")
	t.Eventually("who wants it has it", settleLimit, func() error { return t.wantUnit("k3s.service", "active") })
	t.Must("systemctl", "stop", "k3s.service")
	t.Must("systemctl", "start", "moded-k3s-off.service")
	t.Eventually("and ends it by hand", settleLimit, container(t, false))
}
