package ledger

import (
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

// maxFile is the largest file that is read.
const maxFile = 4 << 20

// disk is the little of a file system that the ledger needs, so that a test can
// make the k-th call fail, or lose what was not synced.
type disk interface {
	// Read returns a regular file's content.
	Read(name string) ([]byte, error)
	// Write makes or replaces a file; its content is not safe yet.
	Write(name string, data []byte) error
	// Sync makes a file's content safe, SyncDir the names in the directory.
	Sync(name string) error
	SyncDir() error
	Rename(from, to string) error
	Remove(name string) error
	Names() ([]string, error)
}

// folder is the real disk: one directory, held open, so that nobody can put
// another in its place.
type folder struct{ root *os.Root }

func openFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folder{}, fmt.Errorf("cannot make directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return folder{}, fmt.Errorf("cannot open directory: %w", err)
	}
	return folder{root}, nil
}

// open is the one way in which files are opened: a link is not followed and a
// FIFO does not block.
func (f folder) open(name string, flags int) (*os.File, error) {
	file, err := f.root.OpenFile(name, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f folder) Read(name string) ([]byte, error) {
	file, err := f.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, err
}

func (f folder) Write(name string, data []byte) error {
	file, err := f.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func (f folder) Sync(name string) error {
	file, err := f.open(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func (f folder) SyncDir() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f folder) Rename(from, to string) error { return f.root.Rename(from, to) }
func (f folder) Remove(name string) error     { return f.root.Remove(name) }

func (f folder) Names() ([]string, error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names, nil
}

// replace puts data in the place of name: written beside it, synced, renamed,
// and the directory synced. After it returns nil the new content survives a
// power cut; if it fails, a reader sees the old content or the new, never a
// mixture.
func replace(d disk, name string, data []byte) error {
	beside := name + ".new"
	for _, step := range []func() error{
		func() error { return d.Write(beside, data) },
		func() error { return d.Sync(beside) },
		func() error { return d.Rename(beside, name) },
		d.SyncDir,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("cannot replace %s: %w", name, err)
		}
	}
	return nil
}

// setAside renames a damaged file to one of a few names, so that it can be
// looked at, and says which.
func setAside(d disk, name string) (string, error) {
	names, err := d.Names()
	if err != nil {
		return "", err
	}
	const keep = 8
	for n := 1; n <= keep; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", name, n)
		if n == keep || !slices.Contains(names, aside) {
			return aside, d.Rename(name, aside)
		}
	}
	return "", nil
}

// Lock takes the directory for this process, or says that another has it. The
// lock lasts until the closer is closed or the process ends.
func Lock(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, dir), file.Close())
	}
	return file, nil
}

// ErrLocked says that another moded uses the directory.
var ErrLocked = errors.New("another moded uses this directory")

func trimNew(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".new") })
}
