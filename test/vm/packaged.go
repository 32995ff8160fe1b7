package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/modectl/moded/test/debian"
	"github.com/modectl/moded/test/vm/lab"
)

// packaged fills the tree of a machine on which moded is not installed, with
// its packages in /usr/lib/lab/debs. The lab's configuration waits beside them.
func (s *stage) packaged(ctx context.Context, tree string) error {
	if err := s.furnish(tree); err != nil {
		return err
	}
	root := filepath.Join(tree, "stage")
	here := filepath.Join(root, "usr/lib/lab")
	if err := os.Rename(filepath.Join(root, "etc/moded/moded.toml"), filepath.Join(here, "moded.toml")); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(root, "etc/moded")); err != nil {
		return err
	}
	bin := filepath.Join(s.dir, "next")
	const quick = "DEBFLAGS=-compression=gzip" // an emulated machine unpacks it
	for _, args := range [][]string{
		{"packages", "VERSION=" + lab.OldVersion, quick, "DEBDIR=" + filepath.Join(here, "debs/old")},
		{"programs", "VERSION=" + lab.NewVersion, "BIN=" + bin},
		{"packages", "VERSION=" + lab.NewVersion, "BIN=" + bin, quick, "DEBDIR=" + filepath.Join(here, "debs/new")},
	} {
		if err := debian.Run(ctx, nil, "make", append([]string{"--no-print-directory", "-C", s.repo}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
