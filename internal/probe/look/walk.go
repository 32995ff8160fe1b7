package look

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// proc is a process that somebody may be interested in.
type proc struct {
	facts.Process
	exe     string // with its path
	pod     string
	greeter bool
	nodes   []node
	// closed is set when its descriptors could not be read.
	closed bool
}

// node is a descriptor of a device file.
type node struct {
	fd   string
	path string // as in facts.GPU.Nodes
}

// survey is what one walk through the process table brings home.
type survey struct {
	// procs, sorted by pid, are those asked for by name, the audio servers and
	// the holders of GPU nodes.
	procs  []proc
	hidden strangers
	// first is the first look at all processes, when jobs are asked for.
	first glimpses
}

// strangers counts who matters and does not let us see who it is.
type strangers struct{ wanted, holders int }

func (s *strangers) meet(wanted, holder bool) {
	if wanted {
		s.wanted++
	}
	if holder {
		s.holders++
	}
}

// mind makes a part unknown when there are any.
func mind(p facts.Part, strangers int) facts.Part {
	if p.Known() && strangers > 0 {
		p.Unknown = fmt.Sprintf("%d processes do not let themselves be looked into", strangers)
	}
	return p
}

// walk goes through the process table once.
func (m *Machine) walk(ctx context.Context, q probe.Question) (survey, error) {
	users := m.users()
	var crew []*walker
	err := m.everyProcess(ctx, func(table int) func(uint32) {
		w := newWalker(ctx, q, table, users)
		crew = append(crew, w)
		return w.visit
	})
	if err != nil {
		return survey{}, err
	}
	var s survey
	for _, w := range crew {
		s.procs = append(s.procs, w.found...)
		s.hidden.wanted += w.hidden.wanted
		s.hidden.holders += w.hidden.holders
		s.first.join(w.glimpses)
	}
	slices.SortFunc(s.procs, func(a, b proc) int { return int(int64(a.PID) - int64(b.PID)) })
	return s, nil
}

// walker is one goroutine's part of a walk.
type walker struct {
	ctx    context.Context
	q      probe.Question
	proc   int // descriptor of /proc
	users  map[uint32]string
	found  []proc
	hidden strangers
	glimpses
	text  []byte
	link  []byte
	dents []byte
}

func newWalker(ctx context.Context, q probe.Question, table int, users map[uint32]string) *walker {
	return &walker{ctx: ctx, q: q, proc: table, users: users, text: make([]byte, 4096), link: make([]byte, 4096), dents: make([]byte, 32<<10)}
}

// visit looks at one process through a descriptor of its directory, which stays
// that process's when the pid is used again.
func (w *walker) visit(pid uint32) {
	dir, err := directory(w.proc, strconv.FormatUint(uint64(pid), 10))
	if err != nil {
		return
	}
	defer unix.Close(dir)
	p := proc{Process: facts.Process{PID: pid}}
	if w.q.Jobs && !w.glimpse(dir, &p) {
		return
	}
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
		switch err := w.identify(dir, &p); {
		case err == nil:
			w.found = append(w.found, p)
		case !vanished(err):
			w.hidden.meet(wanted, len(p.nodes) > 0 || p.closed)
		}
	}
}

// name reads what the process is called.
func (w *walker) name(dir int, p *proc) {
	if p.Comm == "" {
		comm, _ := readInto(dir, "comm", w.text)
		p.Comm = facts.Clean(string(bytes.TrimSuffix(comm, []byte("\n"))))
	}
	if p.exe != "" {
		return
	}
	if exe, err := target(dir, []byte("exe\x00"), w.link); err == nil {
		p.exe = strings.TrimSuffix(string(exe), " (deleted)")
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

// identify reads whose a process is; the error is ESRCH when it has just ended.
// All is read through the descriptor: it cannot become another process's.
func (w *walker) identify(dir int, p *proc) error {
	cgroup, err := readInto(dir, "cgroup", w.text)
	if err != nil {
		return err
	}
	at := placeIn(string(cgroup))
	status, err := readInto(dir, "status", w.text)
	if err != nil {
		return err
	}
	uid, ok := parseUID(string(status))
	if !ok {
		return fmt.Errorf("the status of %d does not say whose it is", p.PID)
	}
	if zombie(string(status)) {
		return unix.ESRCH
	}
	at.enter(p)
	p.UID, p.User = uid, w.users[uid]
	return nil
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
	var out []node
	err := w.descriptors(dir, "fd", func(fds int, fd, target []byte) bool {
		if bytes.Contains(target, []byte("/dev/")) {
			name := string(fd[:len(fd)-1])
			if path, ok := deviceNode(fds, name, string(target)); ok {
				out = append(out, node{fd: name, path: path})
			}
		}
		return true
	})
	return out, err
}

// descriptors calls f for each descriptor of a process that is a file with a
// path, until f returns false: with a descriptor of the directory, the name in
// it that ends with a NUL, and where that points. Both are f's until it returns.
func (w *walker) descriptors(dir int, name string, f func(fds int, fd, target []byte) bool) error {
	fds, err := directory(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(fds)
	var failed error
	err = names(fds, w.dents, func(fd []byte) bool {
		to, err := target(fds, fd, w.link)
		if err != nil && !vanished(err) {
			failed = err
			return false
		}
		if len(to) > 0 && to[0] == '/' && !f(fds, fd, to) {
			return false
		}
		failed = w.ctx.Err()
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// users reads the names of local users. The system's name services are not
// asked: one that hangs would hang the eyes.
func (m *Machine) users() map[uint32]string {
	text, _ := m.read("etc/passwd")
	return parsePasswd(text)
}

// parsePasswd reads lines NAME:PASSWORD:UID:…, of which the first of a uid counts.
func parsePasswd(text string) map[uint32]string {
	out := map[uint32]string{}
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
	dir, err := directory(unix.AT_FDCWD, m.path("proc", fmt.Sprint(pid)))
	if err != nil {
		return proc{}, false
	}
	defer unix.Close(dir)
	w := newWalker(context.Background(), probe.Question{}, -1, m.users())
	p := proc{Process: facts.Process{PID: pid}}
	w.name(dir, &p)
	return p, w.identify(dir, &p) == nil
}
