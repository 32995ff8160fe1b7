package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeCpio writes the tree under dir, below the name prefix, as the kernel's
// "newc" archive: what an initial RAM disk is made of. All files are root's.
// See Documentation/driver-api/early-userspace/buffer-format.rst.
func writeCpio(w io.Writer, dir, prefix string) error {
	a := &archive{w: w}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return a.add(path, filepath.Join(prefix, rel))
	})
	if err != nil {
		return fmt.Errorf("cannot archive %s: %w", dir, err)
	}
	return a.entry("TRAILER!!!", 0, nil)
}

// archive numbers the entries and keeps the alignment.
type archive struct {
	w     io.Writer
	inode int
}

// add writes one file, link or directory.
func (a *archive) add(path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	mode := uint32(info.Mode().Perm())
	switch {
	case info.IsDir():
		return a.entry(name, 0o040000|mode, nil)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return a.entry(name, 0o120777, []byte(target))
	case info.Mode().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return a.entry(name, 0o100000|mode, data)
	}
	return fmt.Errorf("cannot archive %s: not a file, link or directory", path)
}

// entry writes one header, name and content, each padded to four bytes.
func (a *archive) entry(name string, mode uint32, data []byte) error {
	a.inode++
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	head := append([]byte(header+name), 0)
	for _, part := range [][]byte{pad(head), pad(data)} {
		if _, err := a.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// pad fills up to a multiple of four bytes.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b[:len(b):len(b)], 0)
	}
	return b
}
