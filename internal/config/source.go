package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Source is the text of one layer.
type Source struct {
	// Name is what problems call it: the path.
	Name string `json:"name"`
	Text string `json:"text"`
}

//go:embed default.toml
var defaultText string

// embeddedName is the embedded default's name in problems.
const embeddedName = "embedded:default.toml"

// Default returns the lowest layer, which is compiled in.
func Default() Source { return Source{Name: embeddedName, Text: defaultText} }

// maxFile is more than any configuration needs.
const maxFile = 1 << 20

// sources reads all layers. Every file that cannot be used is a problem.
func sources(o Options, probs *problems) []Source {
	layers := []Source{Default()}
	for _, path := range o.paths(probs) {
		text, err := readFile(path, o.Trust)
		if errors.Is(err, fs.ErrNotExist) && !isLink(path) && o.Files == nil {
			continue
		}
		if err != nil {
			probs.addf(Position{File: path, layer: len(layers)}, "%v", err)
			continue
		}
		layers = append(layers, Source{Name: path, Text: text})
	}
	return layers
}

// paths lists the files above the embedded default, lowest layer first.
func (o Options) paths(probs *problems) []string {
	if o.Files != nil {
		return o.Files
	}
	root := o.Root
	if root == "" {
		root = "/"
	}
	paths := listDir(filepath.Join(root, "usr/share/moded"), probs)
	paths = append(paths, filepath.Join(root, "etc/moded/moded.toml"))
	return append(paths, listDir(filepath.Join(root, "etc/moded/moded.d"), probs)...)
}

func listDir(dir string, probs *problems) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			probs.addf(Position{File: dir}, "cannot list directory: %v", cause(err))
		}
		return nil
	}
	var paths []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".") {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	slices.Sort(paths)
	return paths
}

// readFile reads a configuration file, which may be reached through symbolic
// links. The look before the opening keeps devices unopened, O_NONBLOCK keeps
// a FIFO put there in between from blocking, and the look after it is the one
// that counts.
func readFile(path string, trust bool) (string, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = acceptable(info, trust)
	}
	if err != nil {
		return "", fmt.Errorf("cannot read configuration: %w", cause(err))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("cannot read configuration: %w", cause(err))
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = acceptable(info, trust)
	}
	if err != nil {
		return "", fmt.Errorf("cannot read configuration: %w", cause(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("cannot read configuration: %w", cause(err))
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("cannot read configuration: %w", errTooLarge)
	}
	return string(text), nil
}

var errTooLarge = errors.New("the file is larger than 1 MiB")

// acceptable tells whether a file may steer a daemon that runs as root.
func acceptable(info fs.FileInfo, trust bool) error {
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	if info.Size() > maxFile {
		return errTooLarge
	}
	if !trust {
		return nil
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != 0 {
		return errors.New("the file must be owned by root: chown root it")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return errors.New("others than root can write the file: chmod go-w it")
	}
	return nil
}

// cause drops the path that problems name already.
func cause(err error) error {
	if bad := (*fs.PathError)(nil); errors.As(err, &bad) {
		return bad.Err
	}
	return err
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}
