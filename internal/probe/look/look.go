// Package look reads the machine for moded-probe: load, memory and pressure,
// programs by name, audio servers, who uses a sound card or has a GPU open, what
// people have under way, and where the current comes from.
//
// It reads /proc, /sys and /dev/shm below a root, changes nothing, wakes no
// device, and believes nobody: names are cleaned, a process's place is what its
// cgroup says. Processes come and go while one looks: what has just vanished
// (ENOENT, ESRCH) is no error, what may not be read makes the part unknown.
//
// One walk through the process table serves all parts, on up to four goroutines:
// each process is opened once, and all of it is read through that descriptor, for a
// pid may be another process's a moment later. The use of CPU and of GPUs is the
// difference of two looks that share one wait; the second look at a process
// compares the time that it was started.
//
// procfs reads the load, memory and pressure. Read by hand is what it drops or
// cannot do as we need it:
//   - all files of a process, which it can only read by pid: stat, status,
//     cgroup, comm and exe are read through the descriptor;
//   - the descriptors of all processes, of which it makes a string each and drops
//     the errors that make an answer unknown. Here nothing is kept of a
//     descriptor but what is looked for: names stay in the kernel's buffer and
//     targets in one of ours. They are the whole cost of a walk;
//   - fdinfo, of which it keeps no drm- line;
//   - /proc/locks, and power_supply, whose other thirty files it would read,
//     some of them from a controller that takes its time;
//   - the number of CPUs, for which it has only /proc/stat with a count for each
//     interrupt.
//
// Never read are a process's command line and environment: the kernel fetches
// them from its memory, and whoever maps that from a filesystem of his own makes
// every reader wait.
//
// By hand, what is not a regular file is not read. procfs opens whatever it is
// given and may wait; the kernel's own files never do, and the budget ends it.
package look

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// Machine is what is looked at. It is safe for many goroutines.
type Machine struct {
	// Root is where /proc, /sys, /dev and /etc are; "/" but in tests.
	Root string
	// Budget is how long one part may take before it is unknown, and Patience
	// the same when a decision hangs on it.
	Budget, Patience time.Duration
	// Gap lies between the two looks at the use of CPUs and GPUs.
	Gap time.Duration
	// NVML asks NVIDIA's library of these devices, or of all when there are
	// none, over the last window. Nil when there is no way to ask.
	NVML func(ctx context.Context, window time.Duration, pci []string) (Report, error)
	// Settings asks it what these devices are set to.
	Settings func(ctx context.Context, pci []string) (Report, error)
}

// New returns the machine that this process runs on.
func New() *Machine {
	return &Machine{Root: "/", Budget: 250 * time.Millisecond, Patience: 2 * time.Second, Gap: 200 * time.Millisecond}
}

// Look answers a question. Parts are looked at side by side; one that takes too
// long is unknown and keeps none of the others.
func (m *Machine) Look(ctx context.Context, q probe.Question) probe.Answer {
	budget := m.Budget
	if q.Patient {
		budget = m.Patience
	}
	var a probe.Answer
	var wg sync.WaitGroup
	if q.Load {
		wg.Go(func() {
			l, err := within(ctx, budget, func(context.Context) (facts.Load, error) { return m.load() })
			l.Part = part(err)
			a.Load = &l
		})
	}
	if q.Memory {
		wg.Go(func() {
			mem, err := within(ctx, budget, func(context.Context) (facts.Memory, error) { return m.memory() })
			mem.Part = part(err)
			a.Memory = &mem
		})
	}
	if q.Power {
		wg.Go(func() {
			p, err := within(ctx, budget, func(context.Context) (facts.Power, error) { return m.power() })
			if p.Part = part(err); err != nil {
				p.Mains, p.Battery = false, -1
			}
			a.Power = &p
		})
	}
	if len(q.Settings) > 0 {
		wg.Go(func() { a.Settings = m.settings(ctx, q.Settings) })
	}
	if q.Audio || q.Sound || len(q.Processes) > 0 || q.GPUs || q.Jobs {
		wg.Go(func() { m.table(ctx, budget, q, &a) })
	}
	wg.Wait()
	return a
}

// table is everything that comes of one walk through the process table. The
// second looks at the use of GPUs and at jobs share their wait.
func (m *Machine) table(ctx context.Context, budget time.Duration, q probe.Question, a *probe.Answer) {
	var devices *devices
	seen, err := within(ctx, budget, func(ctx context.Context) (s survey, err error) {
		if q.GPUs {
			if devices, err = m.devices(); err != nil {
				return s, err
			}
		}
		return m.walk(ctx, q)
	})
	if q.Audio || q.Sound || len(q.Processes) > 0 {
		a.Process = &facts.Processes{Part: mind(part(err), seen.hidden.wanted), List: named(seen.procs, q.Processes)}
		a.Process.List = room(&a.Process.Part, a.Process.List, "processes of these names")
		if err == nil {
			m.sound(ctx, budget, q, seen.procs, a.Process) // the other parts can do without
		}
	}
	if q.GPUs {
		a.GPUs = &facts.GPUs{Part: mind(part(err), seen.hidden.holders)}
	}
	if q.Jobs {
		a.Jobs = &facts.Jobs{Part: part(err)}
	}
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	if q.GPUs {
		wg.Go(func() { m.gpus(ctx, budget, q, a.GPUs, devices, seen.procs) })
	}
	if q.Jobs {
		wg.Go(func() { *a.Jobs = m.jobs(ctx, budget, seen.first) })
	}
	wg.Wait()
}

// sound looks for audio servers, and for who can do without.
func (m *Machine) sound(ctx context.Context, budget time.Duration, q probe.Question, procs []proc, out *facts.Processes) {
	var servers, cards error
	if q.Audio {
		out.Audio, servers = within(ctx, budget, func(ctx context.Context) ([]facts.AudioServer, error) { return m.audioServers(ctx, procs) })
	}
	if q.Sound {
		out.PCM, cards = within(ctx, budget, m.pcms)
	}
	if err := errors.Join(servers, cards); err != nil && out.Known() {
		out.Unknown = part(err).Unknown
	}
}

// maxListed bounds lists that anybody can make longer: an answer that is too long
// is none, of no part.
const maxListed = 1024

// room cuts a list, and makes its part unknown when there was more.
func room[T any](p *facts.Part, list []T, what string) []T {
	if len(list) <= maxListed {
		return list
	}
	if p.Known() {
		p.Unknown = fmt.Sprintf("only %d of %d %s are listed", maxListed, len(list), what)
	}
	return list[:maxListed:maxListed]
}

func part(err error) facts.Part {
	p := facts.Part{At: time.Now()}
	if err != nil {
		p.Unknown = strings.ReplaceAll(err.Error(), "\n", "; ") // of errors that were joined
	}
	return p
}

// within runs f for at most d. A call that the kernel does not return from is
// left behind: the process goes away soon anyway.
func within[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("internal error: %v", p)
			}
			done <- r
		}()
		r.v, r.err = f(ctx)
	}()
	var zero T
	select {
	case r := <-done:
		if errors.Is(r.err, context.DeadlineExceeded) {
			return zero, fmt.Errorf("it took longer than %v", d)
		}
		return r.v, r.err
	case <-ctx.Done():
		return zero, fmt.Errorf("it took longer than %v", d)
	}
}
