package look

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// maxFile is how much of a file is read; the longest that we want is passwd.
const maxFile = 1 << 20

// path puts a path under the root.
func (m *Machine) path(elem ...string) string {
	return filepath.Join(append([]string{m.Root}, elem...)...)
}

// procfs is /proc under the root.
func (m *Machine) procfs() (procfs.FS, error) {
	return procfs.NewFS(m.path("proc"))
}

func (m *Machine) read(elem ...string) (string, error) {
	return readAt(unix.AT_FDCWD, m.path(elem...))
}

// readAt reads a regular file without ever waiting for somebody at its other
// end: a FIFO or a device where a file is expected is an error.
func readAt(dir int, name string) (string, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", fmt.Errorf("cannot read %s: not a regular file", name)
	}
	var out []byte
	buf := make([]byte, 4096)
	for len(out) < maxFile {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", &fs.PathError{Op: "read", Path: name, Err: err}
		}
		if n <= 0 {
			break
		}
		out = append(out, buf[:n]...)
	}
	return string(out), nil
}

// linkAt reads where a symbolic link points.
func linkAt(dir int, name string, buf []byte) (string, error) {
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// list returns the names in a directory; one that is not there is empty.
func (m *Machine) list(elem ...string) ([]string, error) {
	entries, err := os.ReadDir(m.path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// value reads a one-line file of sysfs, empty when it is not there.
func (m *Machine) value(elem ...string) string {
	text, _ := m.read(elem...)
	return strings.TrimSpace(text)
}

// vanished tells whether an error only says that a process has ended.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}
