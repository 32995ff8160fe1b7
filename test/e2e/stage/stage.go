// Package stage is what a demonstration and an end-to-end test stand on: the
// real moded on a simulated machine, the real modectl, and a private bus with
// the policies of a system bus, all below one temporary directory.
//
// It needs no root, no polkit and no systemd: the daemon runs as the caller,
// whom it authorises as its own. Nothing is left behind after Close.
package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/modectl/moded/internal/simulate"
)

// Options say how a stage is set up.
type Options struct {
	// Bin is a directory with moded and modectl; empty builds them.
	Bin string
	// Speed is the simulated machine's; 0 is its own pace.
	Speed float64
	// Config are the files of the daemon's configuration; none is the simulated
	// machine's own.
	Config []string
	// Log receives what the daemon says; nil throws it away.
	Log *os.File
}

// Stage is a private bus with the places for a daemon.
type Stage struct {
	// Bus is the address of the bus.
	Bus string
	// Bin, Runtime and State are the directories of the binaries and of the
	// daemon.
	Bin, Runtime, State string

	options Options
	dir     string
	bus     *exec.Cmd

	mu      sync.Mutex
	daemons []*Daemon
}

// New sets up a stage. Close it.
func New(ctx context.Context, o Options) (*Stage, error) {
	dir, err := os.MkdirTemp("", "moded-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory: %w", err)
	}
	s := &Stage{
		Bin: o.Bin, Runtime: filepath.Join(dir, "run"), State: filepath.Join(dir, "lib"),
		options: o, dir: dir,
	}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stage) setUp(ctx context.Context) error {
	for _, dir := range []string{s.Runtime, s.State} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}
	}
	if s.Bin == "" {
		s.Bin = filepath.Join(s.dir, "bin")
		if err := Build(ctx, s.Bin); err != nil {
			return err
		}
	}
	return s.startBus(ctx)
}

// Close ends all that runs on the stage and removes its directory.
func (s *Stage) Close() error {
	s.mu.Lock()
	daemons := s.daemons
	s.mu.Unlock()
	for _, d := range daemons {
		d.Kill()
	}
	if s.bus != nil {
		_ = s.bus.Process.Kill()
		_ = s.bus.Wait() // it was killed
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("cannot remove %s: %w", s.dir, err)
	}
	return nil
}

// Build builds moded and modectl into dir, as they are installed.
func Build(ctx context.Context, dir string) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	// #nosec G204 -- the arguments are ours
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./cmd/moded", "./cmd/modectl")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build moded and modectl: %w\n%s", err, out)
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// Simulate sends a command to the simulated machine and returns its answer.
func (s *Stage) Simulate(line string) (string, error) {
	return simulate.Control(s.Runtime, line)
}

// Modectl is a command that runs modectl on the stage's bus.
func (s *Stage) Modectl(ctx context.Context, args ...string) *exec.Cmd {
	// #nosec G204 -- the arguments are the test's
	cmd := exec.CommandContext(ctx, filepath.Join(s.Bin, "modectl"), args...)
	cmd.Env = append(os.Environ(), "MODECTL_BUS="+s.Bus, "LC_ALL=C.UTF-8")
	return cmd
}
