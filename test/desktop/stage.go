package main

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/test/debian"
)

// enter puts the system under test together.
//
//go:embed enter.sh
var enter string

// makeUser adds the person at the desktop to a new Debian.
const makeUser = `chroot "$1" useradd --create-home --uid 1000 --shell /bin/sh dev`

// stage is what every face's Debian gets: the product as `make install` lays it
// out, and this program.
type stage struct{ repo, dir string }

func newStage(ctx context.Context, repo, dir string) (*stage, error) {
	repo, err := filepath.Abs(repo)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	s := &stage{repo, dir}
	runner := filepath.Join(dir, "usr/lib/moded/desktop-test")
	if err := debian.Run(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-C", repo, "-trimpath", "-o", runner, "./test/desktop"); err != nil {
		return nil, err
	}
	return s, debian.Run(ctx, nil, "make", "--no-print-directory", "-C", repo, "install", "DESTDIR="+dir, "PREFIX=/usr")
}

// show runs the checks of a face; that they could not run is a result, too.
func (s *stage) show(ctx context.Context, f face, out, check string) []result {
	const whole = "the desktop can be tried"
	root, err := ensureRoot(ctx, f)
	if err != nil {
		return []result{failed(f.name(), whole, err)}
	}
	if err := os.RemoveAll(out); err != nil {
		return []result{failed(f.name(), whole, err)}
	}
	runErr := s.enter(ctx, root, out, "-inside", "-face", f.name(), "-check", check)
	var results []result
	text, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err == nil {
		err = json.Unmarshal(text, &results)
	}
	if err != nil {
		return []result{failed(f.name(), whole, errors.Join(err, runErr))}
	}
	return results
}

// ensureRoot gives the Debian of a face, built if the cache has none.
func ensureRoot(ctx context.Context, f face) (string, error) {
	cache, err := debian.Cache("moded-desktop", "MODED_DESKTOP_CACHE")
	if err != nil {
		return "", err
	}
	packages := packagesOf(f)
	sum := sha256.Sum256(fmt.Appendln(nil, debian.Suite, strings.Join(packages, " "), makeUser))
	dir, err := debian.Ensure(ctx, cache, f.name()+"-"+hex.EncodeToString(sum[:])[:16], func(ctx context.Context, dir string) error {
		start := time.Now()
		say("building the Debian of %s, %d packages and what they need", f.name(), len(packages))
		if err := debian.Bootstrap(ctx, filepath.Join(dir, "root"), packages, "--customize-hook="+makeUser); err != nil {
			return err
		}
		say("built in %s", time.Since(start).Round(time.Second))
		return nil
	})
	return filepath.Join(dir, "root"), err
}

// enter runs the runner as PID 1 of the system under test, with no network but
// its own, and waits until nothing of it is left.
func (s *stage) enter(ctx context.Context, root, out string, args ...string) error {
	scratch := filepath.Join(out, "scratch")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	defer os.Remove(scratch) // empty: what was mounted is gone with the namespace
	all := []string{
		"--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child", "--propagation", "private",
		"sh", "-c", debian.Mounts + enter, "sh", root, s.dir, out, s.repo, scratch,
	}
	cmd := exec.CommandContext(ctx, "unshare", append(all, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
