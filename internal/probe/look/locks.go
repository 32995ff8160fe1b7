package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// lockFile is a file that a package manager locks while it is at work.
type lockFile struct{ path, manager string }

// lockFiles are locked with fcntl(2) or flock(2).
var lockFiles = []lockFile{
	{"/var/lib/dpkg/lock-frontend", "apt"},
	{"/var/lib/dpkg/lock", "dpkg"},
	{"/var/lib/apt/lists/lock", "apt"},
	{"/var/cache/apt/archives/lock", "apt"},
	{"/var/lib/rpm/.rpm.lock", "dnf"},
	{"/usr/lib/sysimage/rpm/.rpm.lock", "dnf"},
	{"/run/dnf/rpmtransaction.lock", "dnf"},
	{"/run/nixos/switch-to-configuration.lock", "nixos-rebuild"},
}

// pidFiles have the pid of their owner in them, and stay when that has ended.
// What is there or not there tells of pacman's alone.
var pidFiles = []struct {
	lockFile
	owners []string
}{
	{lockFile{"/run/zypp.pid", "zypper"}, []string{"zypper", "y2base", "packagekitd"}},
	{lockFile{"/var/cache/dnf/metadata_lock.pid", "dnf"}, dnf},
	{lockFile{"/var/cache/dnf/download_lock.pid", "dnf"}, dnf},
	{lockFile{"/var/lib/dnf/rpmdb_lock.pid", "dnf"}, dnf},
}

var (
	dnf      = []string{"dnf", "dnf-3", "dnf4", "dnf-automatic", "yum", "packagekitd"}
	pacman   = lockFile{"/var/lib/pacman/db.lck", "pacman"}
	pacmen   = []string{"pacman", "pamac", "pamac-daemon", "packagekitd"}
	maxLocks = 64
)

// locks lists held locks of package managers.
func (m *Machine) locks(ctx context.Context, first glimpses) ([]facts.Lock, error) {
	s := lockSearch{m: m, ctx: ctx}
	err := errors.Join(s.kernels(), s.pidFiles(), s.pacman(first))
	return s.found, err
}

// lockSearch is one search for locks.
type lockSearch struct {
	m     *Machine
	ctx   context.Context
	found []facts.Lock
}

// kernels searches /proc/locks. It names a file by the device of its filesystem,
// which on btrfs is not what stat(2) tells, and its inode. So the inode is
// compared, and then whether the holder has the very file open.
func (s *lockSearch) kernels() error {
	files := map[uint64][]locking{}
	for _, f := range lockFiles {
		if st, ok := s.m.regular(f.path); ok {
			files[st.Ino] = append(files[st.Ino], locking{f, unix.Major(st.Dev), unix.Minor(st.Dev)})
		}
	}
	if len(files) == 0 {
		return nil
	}
	text, err := s.m.read("proc/locks")
	if err != nil {
		return fmt.Errorf("cannot tell who holds the lock of a package manager: %w", err)
	}
	if len(text) >= maxFile {
		return errors.New("cannot tell who holds the lock of a package manager: there are too many locks")
	}
	var problems []error
	for line := range strings.Lines(text) {
		l, ok := parseLock(line)
		for _, f := range files[l.inode] {
			if ok && !l.waits {
				problems = append(problems, s.holds(l, f))
			}
		}
	}
	return errors.Join(problems...)
}

// locking is a lock file that is there, with its filesystem's device.
type locking struct {
	lockFile
	major, minor uint32
}

// holds enters who holds a lock, if the lock is one of that file.
func (s *lockSearch) holds(l lockLine, f locking) error {
	same := l.major == f.major && l.minor == f.minor
	if l.pid > 0 {
		p, has, err := s.m.opened(s.ctx, uint32(l.pid), f.path)
		switch {
		case has:
			s.enter(f.lockFile, p)
			return nil
		case err != nil && !vanished(err) && same:
			return fmt.Errorf("cannot tell who holds the lock of %s: %w", f.manager, err)
		}
	}
	// An open file description's lock is no process's, and one of flock(2) can
	// outlive the process that took it: whoever has the file open has it too.
	if !same || l.class == "POSIX" {
		return nil
	}
	holders, err := s.m.Holders(s.ctx, f.path)
	for _, p := range holders {
		s.enter(f.lockFile, p)
	}
	if err != nil && len(holders) == 0 {
		return fmt.Errorf("cannot tell who holds the lock of %s: %w", f.manager, err)
	}
	return nil
}

func (s *lockSearch) enter(f lockFile, p facts.Process) {
	l := facts.Lock{Manager: f.manager, Holder: p}
	if f.manager == "apt" && p.Named("dpkg") {
		l.Manager = "dpkg" // which takes the frontends' lock too, when it has none
	}
	twice := func(o facts.Lock) bool { return o.Manager == l.Manager && o.Holder.PID == p.PID }
	if len(s.found) < maxLocks && !slices.ContainsFunc(s.found, twice) {
		s.found = append(s.found, l)
	}
}

// pidFiles searches files that name their owner, who must still be one.
func (s *lockSearch) pidFiles() error {
	for _, f := range pidFiles {
		if _, ok := s.m.regular(f.path); !ok {
			continue
		}
		text, err := s.m.read(f.path)
		if err != nil {
			return fmt.Errorf("cannot tell who holds the lock of %s: %w", f.manager, err)
		}
		pid, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
		if err != nil || pid == 0 {
			continue // it was left empty
		}
		p, has, err := s.m.opened(s.ctx, uint32(pid), f.path)
		switch {
		case has || p.PID != 0 && slices.ContainsFunc(f.owners, p.Named):
			s.enter(f.lockFile, p)
		case err != nil && !vanished(err):
			return fmt.Errorf("cannot tell who holds the lock of %s: %w", f.manager, err)
		}
	}
	return nil
}

// pacman has a lock file that is there while it is at work, and left over when
// it was killed.
func (s *lockSearch) pacman(first glimpses) error {
	if _, ok := s.m.regular(pacman.path); !ok {
		return nil
	}
	for _, t := range first.tasks {
		if !slices.Contains(pacmen, called(t.comm)) {
			continue
		}
		p, _, err := s.m.opened(s.ctx, t.pid, pacman.path)
		switch {
		case err == nil:
			s.enter(pacman, p)
		case !vanished(err):
			return fmt.Errorf("cannot tell who holds the lock of %s: %w", pacman.manager, err)
		}
	}
	return nil
}

// regular finds a regular file that is no symbolic link.
func (m *Machine) regular(path string) (unix.Stat_t, bool) {
	var st unix.Stat_t
	err := unix.Lstat(m.path(path), &st)
	return st, err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// opened tells who a process is, and whether it has a file open.
func (m *Machine) opened(ctx context.Context, pid uint32, file string) (p facts.Process, has bool, err error) {
	file, err = m.resolve(file)
	if err != nil {
		return p, false, err
	}
	dir, err := directory(unix.AT_FDCWD, m.path("proc", strconv.FormatUint(uint64(pid), 10)))
	if err != nil {
		return p, false, err
	}
	defer unix.Close(dir)
	w := newWalker(ctx, probe.Question{}, -1, m.users())
	err = w.descriptors(dir, "fd", func(_ int, _, target []byte) bool {
		has = string(target) == file
		return !has
	})
	one := proc{Process: facts.Process{PID: pid}}
	w.name(dir, &one)
	if err := w.identify(dir, &one); err != nil {
		return p, false, err
	}
	return one.Process, has, err
}

// lockLine is a line of /proc/locks, see man:proc_locks(5).
type lockLine struct {
	class        string // POSIX, FLOCK, OFDLCK, …
	waits        bool   // it waits for the lock of the line above
	pid          int64  // -1 when it is no process's
	major, minor uint32
	inode        uint64
}

// parseLock reads "1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; a waiter has
// "->" after the number.
func parseLock(line string) (lockLine, bool) {
	f := strings.Fields(line)
	var l lockLine
	if len(f) > 1 && f[1] == "->" {
		l.waits = true
		f = append(f[:1], f[2:]...)
	}
	if len(f) < 6 {
		return lockLine{}, false
	}
	l.class = f[1]
	at := strings.SplitN(f[5], ":", 3)
	if len(at) != 3 {
		return lockLine{}, false
	}
	major, err1 := strconv.ParseUint(at[0], 16, 32)
	minor, err2 := strconv.ParseUint(at[1], 16, 32)
	inode, err3 := strconv.ParseUint(at[2], 10, 64)
	pid, err4 := strconv.ParseInt(f[4], 10, 32)
	if errors.Join(err1, err2, err3, err4) != nil {
		return lockLine{}, false
	}
	l.major, l.minor, l.inode, l.pid = uint32(major), uint32(minor), inode, pid
	return l, true
}
