package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2/files"
)

// manuals are compressed.
const manuals = "usr/share/man/"

// file is one entry of the tree.
type file struct {
	path   string // below the root, without a slash in front
	mode   fs.FileMode
	target string // of a symbolic link
}

// readTree lists files, links and directories that hold nothing.
func readTree(root string) ([]file, error) {
	var all []file
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, at)
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := file{path: name, mode: info.Mode()}
		switch {
		case d.IsDir():
			if inside, err := os.ReadDir(at); err != nil || len(inside) > 0 {
				return err
			}
		case f.mode&fs.ModeSymlink != 0:
			if f.target, err = os.Readlink(at); err != nil {
				return err
			}
		case !f.mode.IsRegular():
			return fmt.Errorf("%s is no file for a package", name)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read what was installed: %w", err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("cannot find anything in %s", root)
	}
	return all, nil
}

// contents are the package's files as Debian wants them.
func (b builder) contents(p pkg) (files.Contents, error) {
	var out files.Contents
	for _, f := range p.files {
		c, err := b.content(f)
		if err != nil {
			return nil, err
		}
		if c != nil {
			out = append(out, c)
		}
	}
	own, err := b.own(p)
	return append(out, own...), err
}

// content is one file of the tree, or nothing where the scripts see to it.
func (b builder) content(f file) (*files.Content, error) {
	c := &files.Content{Source: filepath.Join(b.root, f.path), Destination: "/" + f.path,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o644, MTime: b.date}}
	switch {
	case strings.HasPrefix(f.path, "usr/lib/systemd/user/default.target.wants/"):
		return nil, nil // deb-systemd-helper enables it, so that an admin can disable it
	case f.target != "":
		c.Source, c.Type = f.target, files.TypeSymlink
		if strings.HasPrefix(f.path, manuals) {
			c.Source, c.Destination = f.target+".gz", c.Destination+".gz"
		}
	case f.mode.IsDir():
		c.Source, c.Type, c.FileInfo.Mode = "", files.TypeDir, 0o755
	case strings.HasPrefix(f.path, manuals):
		c.Destination += ".gz"
		return c, b.compress(c)
	case path.Base(f.path) == "CHANGELOG.md":
		c.Destination = path.Dir(c.Destination) + "/changelog.gz"
		return c, b.compress(c)
	case strings.HasPrefix(f.path, "etc/"):
		c.Type = files.TypeConfig
	case f.mode&0o111 != 0:
		c.FileInfo.Mode = 0o755
	}
	return c, nil
}

// compress replaces the content's source by a compressed copy.
func (b builder) compress(c *files.Content) error {
	text, err := os.ReadFile(c.Source)
	if err != nil {
		return err
	}
	return b.generate(c, zipped(text))
}

// generate replaces the content's source by a file of that text.
func (b builder) generate(c *files.Content, text []byte) error {
	f, err := os.CreateTemp(b.scratch, "")
	if err != nil {
		return err
	}
	defer f.Close()
	c.Source = f.Name()
	_, err = f.Write(text)
	return err
}

// zipped is gzip -9n.
func zipped(text []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is right
	_, _ = w.Write(text)                                    // a buffer takes all
	_ = w.Close()
	return out.Bytes()
}

// own are the files that a package has because it is one: changelog,
// copyright, overrides for lintian, and conffiles, from the directory of its
// name.
func (b builder) own(p pkg) (files.Contents, error) {
	log, err := debianChangelog(b.changelog, p.name, b.version, b.date)
	if err != nil {
		return nil, err
	}
	text := func(destination string) *files.Content {
		return &files.Content{Destination: destination, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o644, MTime: b.date}}
	}
	changelog := text("/usr/share/doc/" + p.name + "/changelog.Debian.gz")
	if err := b.generate(changelog, zipped([]byte(log))); err != nil {
		return nil, err
	}
	copyright := text("/usr/share/doc/" + p.name + "/copyright")
	copyright.Source = filepath.Join("deb", "copyright")
	out := files.Contents{changelog, copyright}
	overrides := text("/usr/share/lintian/overrides/" + p.name)
	overrides.Source = filepath.Join("deb", p.name, "lintian-overrides")
	if _, err := os.Stat(overrides.Source); err == nil {
		out = append(out, overrides)
	}
	etc := filepath.Join("deb", p.name, "etc")
	err = filepath.WalkDir(etc, func(at string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) && at == etc {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(etc, at) // it is below
		c := text("/etc/" + name)
		c.Source, c.Type = at, files.TypeConfig
		out = append(out, c)
		return nil
	})
	return out, err
}
