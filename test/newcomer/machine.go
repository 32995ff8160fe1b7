package main

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/test/debian"
)

// base is what somebody who may use sudo has before reading the README.
var base = []string{"ca-certificates", "sudo"}

// makeUser adds that somebody, who says yes to what apt asks.
const makeUser = `chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash --groups sudo newcomer && ` +
	`printf 'newcomer ALL=(ALL) NOPASSWD: ALL\nDefaults env_keep += "*_proxy *_PROXY"\n' >"$1/etc/sudoers.d/newcomer" && ` +
	`echo 'APT::Get::Assume-Yes "true";' >"$1/etc/apt/apt.conf.d/50yes"`

// address is where the README clones from; the machine finds this repository
// there.
const address = "https://github.com/modectl/moded"

// enter puts the machine together and runs one command on it.
//
//go:embed enter.sh
var enter string

// machine is a fresh Debian, as a tree of files.
type machine struct{ root string }

// newMachine unpacks a Debian that the cache has, or builds it. It is beside the
// cache and not below build: there it would look like packages of ours to go.
func newMachine(ctx context.Context) (*machine, error) {
	cache, err := debian.Cache("moded-newcomer", "MODED_NEWCOMER_CACHE")
	if err != nil {
		return nil, err
	}
	packed, err := ensureDebian(ctx, cache)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp(cache, "machine-")
	if err != nil {
		return nil, err
	}
	m := &machine{root}
	if err := m.unpack(ctx, packed); err != nil {
		m.remove()
		return nil, err
	}
	return m, nil
}

// ensureDebian gives the packed Debian.
func ensureDebian(ctx context.Context, cache string) (string, error) {
	sum := sha256.Sum256(fmt.Appendln(nil, debian.Suite, strings.Join(base, " "), makeUser, "lists"))
	dir, err := debian.Ensure(ctx, cache, hex.EncodeToString(sum[:])[:16], func(ctx context.Context, dir string) error {
		return debian.Bootstrap(ctx, filepath.Join(dir, "root.tar"), base, "--customize-hook="+makeUser, "--skip=cleanup/apt/lists")
	})
	return filepath.Join(dir, "root.tar"), err
}

// unpack lays the machine out, with this repository where the README's address
// leads.
func (m *machine) unpack(ctx context.Context, packed string) error {
	if err := os.Chmod(m.root, 0o755); err != nil {
		return err
	}
	if err := debian.Run(ctx, nil, "tar", "--extract", "--numeric-owner", "--file", packed, "--directory", m.root); err != nil {
		return err
	}
	if err := debian.Run(ctx, nil, "git", "clone", "--quiet", "--bare", ".", filepath.Join(m.root, "srv/moded.git")); err != nil {
		return err
	}
	settings := fmt.Sprintf("[url \"file:///srv/moded.git\"]\n\tinsteadOf = %s\n[safe]\n\tdirectory = *\n", address)
	return os.WriteFile(filepath.Join(m.root, "etc/gitconfig"), []byte(settings), 0o644)
}

// remove deletes the machine. What was mounted went with its namespace.
func (m *machine) remove() { _ = os.RemoveAll(m.root) }

// run runs one line as the newcomer, in the directory where the one before has
// ended.
func (m *machine) run(ctx context.Context, line string) error {
	environment, err := network(ctx)
	if err != nil {
		return err
	}
	args := append([]string{
		"--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private",
		"sh", "-c", debian.Mounts + enter, "sh", m.root, line,
	}, environment...)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// network is how this machine reaches registries, as environment variables.
func network(ctx context.Context) ([]string, error) {
	var out []string
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "MODED_TEST_NO_ROOT"} {
		if value := os.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"} {
		value, err := exec.CommandContext(ctx, "go", "env", name).Output()
		if err != nil {
			return nil, fmt.Errorf("cannot ask go for %s: %w", name, err)
		}
		if text := strings.TrimSpace(string(value)); text != "" {
			out = append(out, name+"="+text)
		}
	}
	return out, nil
}
