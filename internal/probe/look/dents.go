package look

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// directory opens a directory without following it anywhere else.
func directory(at int, name string) (int, error) {
	for {
		fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return -1, &fs.PathError{Op: "open", Path: name, Err: err}
		default:
			return fd, nil
		}
	}
}

// direntHead is how long a struct linux_dirent64 is before its name: the inode,
// the offset, the length of the record and the type. See man:getdents(2).
const direntHead = 8 + 8 + 2 + 1

// names calls f for each name in a directory, until f returns false. A name ends
// with a NUL, lies in buf and is f's until it returns: a table of a million
// descriptors makes no garbage.
func names(dir int, buf []byte, f func(name []byte) bool) error {
	for {
		n, err := unix.Getdents(dir, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > direntHead; {
			size := int(binary.NativeEndian.Uint16(rest[16:]))
			if size <= direntHead || size > len(rest) {
				return unix.EIO
			}
			name := rest[direntHead:size]
			rest = rest[size:]
			end := bytes.IndexByte(name, 0)
			if end < 0 {
				return unix.EIO
			}
			if name = name[:end+1]; name[0] != '.' && !f(name) {
				return nil
			}
		}
	}
}

// target reads where a symbolic link points into buf. The name ends with a NUL;
// unix.Readlinkat would copy it, and the walk asks it of each descriptor there
// is.
func target(dir int, name, buf []byte) ([]byte, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir),
		uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return buf[:n], nil
}

// number reads a name that is a decimal number, as pids and descriptors are.
func number(name []byte) (uint32, bool) {
	n := uint64(0)
	for i, c := range name {
		if c == 0 {
			return uint32(n), i > 0
		}
		if n = n*10 + uint64(c-'0'); c < '0' || c > '9' || n > 1<<32-1 {
			return 0, false
		}
	}
	return 0, false
}
