package host_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
)

// realSystemd starts a systemd with the given unit files and returns a client
// on its private socket. It needs root, for the namespaces.
func realSystemd(t *testing.T, units map[string]string) *host.Manager {
	t.Helper()
	bustest.RequireRoot(t)
	dir, err := os.MkdirTemp("", "sd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	home := filepath.Join(dir, "home/.config/systemd/user")
	for _, d := range []string{filepath.Join(dir, "run"), home} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range units {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, alias := strings.CutPrefix(text, "-> "); alias {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	launch(t, dir)
	m := host.NewManager("unix:path=" + filepath.Join(dir, "run/systemd/private"))
	t.Cleanup(m.Close)
	return m
}

// launch runs systemd until the test is over and waits for its socket.
func launch(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("unshare", "--mount",
		"sh", "testdata/systemd.sh", dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("cannot start systemd (packages systemd, util-linux): %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := <-ended; err != nil {
			t.Errorf("systemd did not end well: %v\n%s", err, output.String())
		}
	})
	for began := time.Now(); time.Since(began) < patience; {
		if _, err := os.Stat(filepath.Join(dir, "run/systemd/private")); err == nil {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("systemd did not start: %v\n%s%s", err, output.String(), log)
		case <-time.After(50 * time.Millisecond):
		}
	}
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	t.Fatalf("systemd does not listen:\n%s", log)
}
