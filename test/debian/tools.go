// Package debian makes Debian systems for tests, as a tree of files: with apt's
// own mirror, which is read when it is needed and written down nowhere, and kept
// in the user's cache.
package debian

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Tool is a program that the host needs, and the packages that bring it.
type Tool struct{ Program, Packages string }

// EnsureTools installs what is missing when it may, else says what to run.
func EnsureTools(ctx context.Context, tools []Tool) error {
	var missing []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.Program); err != nil {
			missing = append(missing, t.Packages)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	install := "apt-get install -y --no-install-recommends " + strings.Join(missing, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("cannot find all tools; run as root: apt-get update && %s", install)
	}
	return Run(ctx, nil, "sh", "-c", "apt-get -q update && DEBIAN_FRONTEND=noninteractive "+install)
}

// Run runs a program of the host with our own output, and extra environment.
func Run(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot run %s: %w", name, err)
	}
	return nil
}
