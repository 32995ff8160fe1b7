package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// burning is from how many percent of a CPU on a process is a job.
const burning = 10

// jobs looks at the processes a second time, Gap after the walk, and tells what
// people have under way.
func (m *Machine) jobs(ctx context.Context, budget time.Duration, first glimpses) facts.Jobs {
	type locked struct {
		locks []facts.Lock
		err   error
	}
	locks := make(chan locked, 1)
	go func() {
		l, err := within(ctx, budget, func(ctx context.Context) ([]facts.Lock, error) { return m.locks(ctx, first) })
		locks <- locked{l, err}
	}()
	out, err := within(ctx, budget+m.Gap, func(ctx context.Context) (facts.Jobs, error) { return m.atWork(ctx, first) })
	held := <-locks
	out.Locks, out.Part = held.locks, part(errors.Join(err, held.err))
	return out
}

// atWork waits for the Gap and compares.
func (m *Machine) atWork(ctx context.Context, first glimpses) (facts.Jobs, error) {
	began := time.Now()
	select {
	case <-time.After(m.Gap):
	case <-ctx.Done():
		return facts.Jobs{}, ctx.Err()
	}
	up, err := m.uptime()
	if err != nil {
		return facts.Jobs{}, err
	}
	over := time.Since(began)
	now, err := m.again(ctx, first)
	if err != nil {
		return facts.Jobs{}, err
	}
	settle(first, now, m.cpus())
	list := listJobs(first, now, up)
	out := facts.Jobs{Over: over, Total: len(list), List: list[:min(len(list), facts.MaxJobs)]}
	return out, errors.Join(first.blindness(), now.blindness())
}

// uptime is how long ago the machine was booted, in ticks, as the kernel counts
// the start of processes.
func (m *Machine) uptime() (uint64, error) {
	text, err := m.read("proc/uptime")
	if err != nil {
		return 0, fmt.Errorf("cannot tell how old processes are: %w", err)
	}
	word, _, _ := strings.Cut(text, " ")
	seconds, err := strconv.ParseFloat(word, 64)
	if err != nil || !(seconds >= 0 && seconds < 1<<40) {
		return 0, errors.New("/proc/uptime does not say how long the machine has been up")
	}
	return uint64(seconds * ticks), nil
}

// listJobs picks the jobs, the busiest first.
func listJobs(first, now glimpses, up uint64) []facts.Job {
	family := kin(now.tasks)
	active := family.active(first)
	fronts := family.fronts()
	var list []facts.Job
	add := func(t *task, tty string) {
		job := facts.Job{Process: t.proc.Process, CPUPercent: t.percent(), TTY: tty, Foreground: tty != ""}
		job.Age = time.Duration(back(up, t.start)) * (time.Second / ticks)
		job.Build = build(t, active[t.pid])
		if job.Build != "" || job.Foreground || peoples(t.proc) && burns(job) {
			list = append(list, job)
		}
	}
	for i := range now.tasks {
		if t := &now.tasks[i]; t.proc != nil {
			tty := ""
			if peoples(t.proc) {
				tty = fronts[t.pid]
			}
			add(t, tty)
		}
	}
	for i := range first.tasks {
		if t := &first.tasks[i]; t.proc != nil && !family.lives(t) {
			add(t, "") // a compiler that has finished since
		}
	}
	slices.SortFunc(list, func(a, b facts.Job) int {
		return cmp.Or(cmp.Compare(b.CPUPercent, a.CPUPercent), cmp.Compare(a.PID, b.PID))
	})
	return list
}

// peoples tells whether a process belongs to somebody's session or manager. A
// login screen is nobody's.
func peoples(p *proc) bool { return p.Slice == "user.slice" && !p.greeter }

// person tells whether a uid is somebody's, who need not be in user.slice: it
// may compile in a container or from cron. The upper range is that of systemd's
// DynamicUser=, see https://systemd.io/UIDS-GIDS/.
func person(uid uint32) bool {
	return uid >= 1000 && uid != 65534 && (uid < 61184 || uid > 65519)
}

// nixDaemon is the unit whose processes build as users that are not root.
const nixDaemon = "nix-daemon.service"

// build tells what a process does for a build. A pod's compilers are the
// cluster's affair.
func build(t *task, active bool) string {
	p := t.proc
	anywhere := peoples(p) || person(p.UID) && p.Slice != "kubepods.slice"
	switch {
	case p.Unit == nixDaemon && p.UID != 0:
		return "builder"
	case anywhere && (t.trade == compiler || t.trade == prompter && active):
		return "compiler"
	case peoples(p) && t.trade == driver && active:
		return "driver"
	}
	return ""
}

// burns tells whether a job is one for the CPU that it uses. The desktop and the
// servers of sound do so for as long as anybody looks or listens, and moded is
// no reason to wait for moded.
func burns(j facts.Job) bool {
	return j.CPUPercent >= burning && j.UserSlice != "session.slice" &&
		!desktop[j.Comm] && !desktop[j.Exe] && audioServer(j.Process) == "" && !strings.HasPrefix(j.Comm, "pipewire-") &&
		j.Comm != "wireplumber" && j.Comm != "pulseaudio" && !ours(j.Process)
}

// kinship is who is whose child at the second look.
type kinship struct {
	tasks    []task
	at       map[uint32]int
	children map[uint32][]int
}

func kin(tasks []task) kinship {
	k := kinship{tasks, make(map[uint32]int, len(tasks)), map[uint32][]int{}}
	for i, t := range tasks {
		k.at[t.pid] = i
		k.children[uint32(t.ppid)] = append(k.children[uint32(t.ppid)], i)
	}
	return k
}

func (k kinship) lives(t *task) bool {
	i, ok := k.at[t.pid]
	return ok && k.tasks[i].start == t.start
}

// active are processes that used the CPU between the looks, or have a
// descendant that did, or a compiler that has finished since.
func (k kinship) active(first glimpses) map[uint32]bool {
	out := map[uint32]bool{}
	mark := func(pid uint32) {
		for !out[pid] {
			out[pid] = true
			i, ok := k.at[pid]
			if !ok {
				return
			}
			pid = uint32(k.tasks[i].ppid)
		}
	}
	for _, t := range k.tasks {
		if t.used > 0 {
			mark(t.pid)
		}
	}
	for i := range first.tasks {
		if t := &first.tasks[i]; t.proc != nil && !k.lives(t) {
			mark(uint32(t.ppid))
		}
	}
	return out
}
