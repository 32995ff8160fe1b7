package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/modectl/moded/test/debian"
	"github.com/modectl/moded/test/nvml"
)

// stage is what a machine gets besides its image: the things under test as
// `make install` lays them out, the fixtures, the runner.
type stage struct {
	dir    string // holds lab/, the tree of the extra archive
	runner string // the runner, which also tells the host its table
}

// newStage builds everything from the source tree at repo.
func newStage(ctx context.Context, repo, dir string) (*stage, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "lab", "stage")
	s := &stage{dir: dir, runner: filepath.Join(root, "usr/lib/lab/runner")}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return goBuild(ctx, repo, s.runner, "./test/vm/guest") },
		func() error {
			return goBuild(ctx, repo, filepath.Join(root, "usr/lib/lab/aiserver"), "./test/vm/aiserver")
		},
		func() error {
			return goBuild(ctx, repo, filepath.Join(root, "usr/lib/lab/reaper"), "./test/vm/reaper")
		},
		// Its web interface by itself, in a process that is called otherwise.
		func() error {
			return os.Link(filepath.Join(root, "usr/lib/lab/reaper"), filepath.Join(root, "usr/lib/lab/reaper-web"))
		},
		func() error {
			return compile(ctx, filepath.Join(root, "usr/lib/lab/cork"), filepath.Join(repo, "test/vm/cork/cork.c"))
		},
		func() error { return nvml.Build(filepath.Join(root, "usr/lib/lab/nvml")) },
		func() error { return installProduct(ctx, repo, root) },
		func() error { return copyTree(filepath.Join(repo, "test/vm/guest/root"), root) },
		func() error {
			return copyFile(filepath.Join(repo, "test/vm/guest/install.sh"), filepath.Join(dir, "lab/install"), 0o755)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// goBuild builds one static program of the lab.
func goBuild(ctx context.Context, repo, out, pkg string) error {
	return debian.Run(ctx, []string{"CGO_ENABLED=0", "GOOS=linux"}, "go", "build", "-C", repo, "-trimpath", "-o", out, pkg)
}

// compile builds one program of the lab that has to be in C.
func compile(ctx context.Context, out, source string) error {
	return debian.Run(ctx, nil, "cc", "-O1", "-Wall", "-Wextra", "-o", out, source)
}

// installProduct lets the Makefile install moded below root. MODED_VM_BARE=1
// leaves it out, to try the lab itself.
func installProduct(ctx context.Context, repo, root string) error {
	if os.Getenv("MODED_VM_BARE") != "" {
		return nil
	}
	return debian.Run(ctx, nil, "make", "--no-print-directory", "-C", repo, "install", "DESTDIR="+root, "PREFIX=/usr")
}

// copyTree copies the fixtures; git does not keep modes, and needs none here.
func copyTree(from, to string) error {
	return os.CopyFS(to, os.DirFS(from))
}

// copyFile copies one small file.
func copyFile(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode)
}

// initrd writes the machine's initial RAM disk: the image's, and the stage as
// a second archive. enable lists the units that the installation enables.
func (s *stage) initrd(base, out string, enable []string) error {
	err := os.WriteFile(filepath.Join(s.dir, "lab/enable"), []byte(strings.Join(enable, "\n")+"\n"), 0o644)
	if err != nil {
		return err
	}
	head, err := os.ReadFile(base)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(pad(head)))
	return errors.Join(err, writeCpio(f, filepath.Join(s.dir, "lab"), "lab"), f.Close())
}

// product lists the system units that an installation of moded enables.
func (s *stage) product() []string {
	var out []string
	for _, unit := range []string{"moded.service", "moded-probe.socket", "moded-workload.socket"} {
		text, err := os.ReadFile(filepath.Join(s.dir, "lab/stage/usr/lib/systemd/system", unit))
		if err == nil && bytes.Contains(text, []byte("[Install]")) {
			out = append(out, unit)
		}
	}
	return out
}

// table asks the runner for its scenarios.
func (s *stage) table(ctx context.Context) ([]byte, error) {
	out, err := exec.CommandContext(ctx, s.runner, "-list").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the scenarios: %w", err)
	}
	return out, nil
}
