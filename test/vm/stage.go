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
	"slices"
	"strings"

	"github.com/modectl/moded/test/debian"
	"github.com/modectl/moded/test/nvml"
	"github.com/modectl/moded/test/vm/lab"
)

// stage is what a machine gets besides its image: the things under test as
// `make install` lays them out, the fixtures, the runner.
type stage struct {
	repo   string
	dir    string // holds lab/, the tree of the extra archive
	runner string // the runner, which also tells the host its table
}

// newStage builds everything from the source tree at repo.
func newStage(ctx context.Context, repo, dir string) (*stage, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	s := &stage{repo: repo, dir: dir, runner: filepath.Join(dir, "programs/usr/lib/lab/runner")}
	root := filepath.Join(dir, "lab", "stage")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	if err := s.programs(ctx, filepath.Dir(s.runner)); err != nil {
		return nil, err
	}
	if err := installProduct(ctx, repo, root); err != nil {
		return nil, err
	}
	return s, s.furnish(filepath.Join(dir, "lab"))
}

// programs builds the lab's own into dir.
func (s *stage) programs(ctx context.Context, dir string) error {
	steps := []func() error{
		func() error { return goBuild(ctx, s.repo, s.runner, "./test/vm/guest") },
		func() error { return goBuild(ctx, s.repo, filepath.Join(dir, "aiserver"), "./test/vm/aiserver") },
		func() error { return goBuild(ctx, s.repo, filepath.Join(dir, "reaper"), "./test/vm/reaper") },
		// Its web interface by itself, in a process that is called otherwise.
		func() error { return os.Link(filepath.Join(dir, "reaper"), filepath.Join(dir, "reaper-web")) },
		func() error {
			return compile(ctx, filepath.Join(dir, "cork"), filepath.Join(s.repo, "test/vm/cork/cork.c"))
		},
		func() error { return nvml.Build(filepath.Join(dir, "nvml")) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// furnish puts the lab's programs and fixtures into the tree of an archive.
func (s *stage) furnish(tree string) error {
	root := filepath.Join(tree, "stage")
	if err := copyTree(filepath.Join(s.dir, "programs"), root); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(s.repo, "test/vm/guest/root"), root); err != nil {
		return err
	}
	return copyFile(filepath.Join(s.repo, "test/vm/guest/install.sh"), filepath.Join(tree, "install"), 0o755)
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

// initrds writes the initial RAM disks of all machines that the scenarios need.
func (s *stage) initrds(ctx context.Context, base, out string, wanted []lab.Info) error {
	tree := filepath.Join(s.dir, "lab")
	if err := initrd(base, out, tree, s.product()); err != nil {
		return err
	}
	if err := initrd(base, out+"-later", tree, nil); err != nil {
		return err
	}
	if !slices.ContainsFunc(wanted, func(i lab.Info) bool { return i.Packaged }) {
		return nil
	}
	tree = filepath.Join(s.dir, "packaged")
	if err := s.packaged(ctx, tree); err != nil {
		return err
	}
	return initrd(base, out+"-packaged", tree, nil)
}

// initrd writes a machine's initial RAM disk: the image's, and the tree as a
// second archive. enable lists the units that the installation enables.
func initrd(base, out, tree string, enable []string) error {
	err := os.WriteFile(filepath.Join(tree, "enable"), []byte(strings.Join(enable, "\n")+"\n"), 0o644)
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
	return errors.Join(err, writeCpio(f, tree, "lab"), f.Close())
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
