package look

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
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

// readAt reads a file of at most maxFile bytes; more is cut off.
func readAt(dir int, name string) (string, error) {
	out, err := readInto(dir, name, make([]byte, 0, 4096))
	return string(out), err
}

// readInto reads a regular file without ever waiting for somebody at its other
// end: a FIFO or a device where a file is expected is an error. The bytes may be
// in buf.
func readInto(dir int, name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("cannot read %s: not a regular file", name)
	}
	out := buf[:0]
	for len(out) < maxFile {
		if len(out) == cap(out) {
			out = append(out, make([]byte, cap(out))...)[:len(out)]
		}
		n, err := unix.Read(fd, out[len(out):cap(out)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		if n <= 0 {
			break
		}
		out = out[:len(out)+n]
	}
	return out, nil
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
	dir, err := directory(unix.AT_FDCWD, m.path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	var out []string
	err = names(dir, make([]byte, 32<<10), func(name []byte) bool {
		out = append(out, string(name[:len(name)-1]))
		return true
	})
	slices.Sort(out)
	return out, err
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
