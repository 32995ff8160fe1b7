package look

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// proc is a process that somebody may be interested in.
type proc struct {
	facts.Process
	exe   string // with its path
	nodes []node
	// closed is set when its descriptors could not be read.
	closed bool
}

// node is a descriptor of a device file.
type node struct {
	fd   string
	path string // as in facts.GPU.Nodes
}

// walkers is how many goroutines share the table.
const walkers = 2

// walk goes through the process table once and returns, sorted by pid, those
// that are asked for by name, the audio servers, and holders of GPU nodes.
func (m *Machine) walk(ctx context.Context, q probe.Question) ([]proc, error) {
	dir, err := os.Open(m.path("proc"))
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	fs, err := m.procfs()
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	users := m.users()
	found := make([][]proc, walkers)
	var wg sync.WaitGroup
	for i := range walkers {
		wg.Go(func() {
			w := walker{ctx: ctx, q: q, proc: int(dir.Fd()), fs: fs, users: users, link: make([]byte, 4096), dents: make([]byte, 32<<10)}
			for j := i; j < len(names) && ctx.Err() == nil; j += walkers {
				if pid, err := strconv.ParseUint(names[j], 10, 32); err == nil {
					w.visit(names[j], uint32(pid))
				}
			}
			found[i] = w.found
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b proc) int { return int(int64(a.PID) - int64(b.PID)) })
	return all, nil
}

// walker is one goroutine's part of a walk.
type walker struct {
	ctx   context.Context
	q     probe.Question
	proc  int // descriptor of /proc
	fs    procfs.FS
	users map[uint32]string
	found []proc
	link  []byte
	dents []byte
}

// visit looks at one process through a descriptor of its directory, which stays
// that process's when the pid is used again.
func (w *walker) visit(name string, pid uint32) {
	dir, err := unix.Openat(w.proc, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	p := proc{Process: facts.Process{PID: pid}}
	wanted := false
	if w.q.Audio || len(w.q.Processes) > 0 {
		w.name(dir, &p)
		wanted = w.wanted(p.Process)
	}
	if w.q.GPUs {
		p.nodes, err = w.nodes(dir)
		p.closed = err != nil && !vanished(err)
	}
	if wanted || len(p.nodes) > 0 || p.closed {
		w.name(dir, &p)
		if w.identify(dir, &p) {
			w.found = append(w.found, p)
		}
	}
}

// name reads what the process is called.
func (w *walker) name(dir int, p *proc) {
	if p.Comm != "" {
		return
	}
	comm, _ := readAt(dir, "comm")
	p.Comm = facts.Clean(strings.TrimSuffix(comm, "\n"))
	if exe, err := linkAt(dir, "exe", w.link); err == nil {
		p.exe = strings.TrimSuffix(exe, " (deleted)")
		p.Exe = facts.Clean(program(p.exe))
	}
}

// program is the name of an executable as people know it; Nix calls wrapped ones
// ".NAME-wrapped".
func program(exe string) string {
	base := path.Base(exe)
	if inner, ok := strings.CutSuffix(base, "-wrapped"); ok && strings.HasPrefix(inner, ".") {
		return inner[1:]
	}
	return base
}

func (w *walker) wanted(p facts.Process) bool {
	return w.q.Audio && audioServer(p) != "" || slices.ContainsFunc(w.q.Processes, p.Named)
}

// identify reads whose a process is; false when it has just ended. procfs knows
// processes by pid only, so the status comes last: while it can be read through
// the descriptor, the pid has been nobody else's.
func (w *walker) identify(dir int, p *proc) bool {
	cgroups, err := w.cgroups(p.PID)
	if err != nil && vanished(err) {
		return false
	}
	status, err := readAt(dir, "status")
	if err != nil {
		return false
	}
	uid, ok := parseUID(status)
	if !ok || zombie(status) {
		return false
	}
	at := placeIn(cgroups)
	p.UID, p.User = uid, w.users[uid]
	p.Unit, p.UserUnit, p.Session = facts.Clean(at.unit), facts.Clean(at.userUnit), facts.Clean(at.session)
	return true
}

func (w *walker) cgroups(pid uint32) ([]procfs.Cgroup, error) {
	p, err := w.fs.Proc(int(pid))
	if err != nil {
		return nil, err
	}
	return p.Cgroups()
}

// zombie tells whether only the exit status of a process is left. While threads
// live on behind a main thread that has ended, it is none.
func zombie(status string) bool {
	return strings.Contains(status, "\nState:\tZ") && strings.Contains(status, "\nThreads:\t1\n")
}

// parseUID finds the effective uid, the second number of "Uid:".
func parseUID(status string) (uint32, bool) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			if f := strings.Fields(rest); len(f) >= 2 {
				uid, err := strconv.ParseUint(f[1], 10, 32)
				return uint32(uid), err == nil
			}
		}
	}
	return 0, false
}

// nodes lists the descriptors of a process that are GPU device files.
func (w *walker) nodes(dir int) ([]node, error) {
	fds, err := unix.Openat(dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fds)
	var out []node
	for w.ctx.Err() == nil {
		n, err := unix.ReadDirent(fds, w.dents)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return out, err
		}
		_, _, names := unix.ParseDirent(w.dents[:n], -1, nil)
		for _, fd := range names {
			target, err := linkAt(fds, fd, w.link)
			if err != nil && !vanished(err) {
				return out, err
			}
			if path, ok := deviceNode(fds, fd, target); ok {
				out = append(out, node{fd: fd, path: path})
			}
		}
	}
	return out, w.ctx.Err()
}

// users reads the names of local users. The system's name services are not
// asked: one that hangs would hang the eyes.
func (m *Machine) users() map[uint32]string {
	out := map[uint32]string{}
	text, _ := m.read("etc/passwd")
	for line := range strings.Lines(text) {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 4 {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if _, twice := out[uint32(uid)]; err == nil && !twice {
			out[uint32(uid)] = facts.Clean(f[0])
		}
	}
	return out
}

// named picks those that were asked for by name.
func named(procs []proc, names []string) []facts.Process {
	var out []facts.Process
	for _, p := range procs {
		if slices.ContainsFunc(names, p.Named) {
			out = append(out, p.Process)
		}
	}
	return out
}

// single looks at one process by its pid.
func (m *Machine) single(pid uint32) (proc, bool) {
	dir, err := os.Open(m.path("proc"))
	if err != nil {
		return proc{}, false
	}
	defer dir.Close()
	one, err := unix.Openat(int(dir.Fd()), strconv.FormatUint(uint64(pid), 10), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return proc{}, false
	}
	defer unix.Close(one)
	fs, err := m.procfs()
	if err != nil {
		return proc{}, false
	}
	w := walker{fs: fs, users: m.users(), link: make([]byte, 4096)}
	p := proc{Process: facts.Process{PID: pid}}
	w.name(one, &p)
	return p, w.identify(one, &p)
}
