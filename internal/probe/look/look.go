// Package look reads the machine for moded-probe: load, memory and pressure,
// programs by name, audio servers, and who has a GPU open.
//
// It reads /proc, /sys and /dev/shm below a root, changes nothing, wakes no
// device, and believes nobody: names are cleaned, a process's place is what its
// cgroup says. Processes come and go while one looks: what has just vanished
// (ENOENT, ESRCH) is no error, what may not be read makes the part unknown.
//
// procfs reads the load, memory, pressure and cgroups. Read by hand is what it
// drops or cannot do as we need it:
//   - fdinfo, of which it keeps no drm- line;
//   - the descriptors of all processes: it makes a string of each target and
//     drops the errors that make an answer unknown;
//   - status, of which it keeps neither the state nor the number of threads, and
//     which must be read through a descriptor of the process, see identify;
//   - the number of CPUs, for which it has only /proc/stat with a count for each
//     interrupt.
//
// By hand, what is not a regular file is not read. procfs opens whatever it is
// given and may wait; the kernel's own files never do, and the budget ends it.
package look

import (
	"context"
	"errors"
	"fmt"
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
	// Gap lies between the two looks at the use of GPUs.
	Gap time.Duration
	// NVML asks NVIDIA's library of these devices, or of all when there are
	// none, over the last window. Nil when there is no way to ask.
	NVML func(ctx context.Context, window time.Duration, pci []string) (Report, error)
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
	if q.Audio || len(q.Processes) > 0 || q.GPUs {
		wg.Go(func() { a.Process, a.GPUs = m.table(ctx, budget, q) })
	}
	wg.Wait()
	return a
}

// table is everything that comes of one walk through the process table.
func (m *Machine) table(ctx context.Context, budget time.Duration, q probe.Question) (*facts.Processes, *facts.GPUs) {
	type result struct {
		devices *devices
		procs   []proc
	}
	r, err := within(ctx, budget, func(ctx context.Context) (r result, err error) {
		if q.GPUs {
			if r.devices, err = m.devices(); err != nil {
				return r, err
			}
		}
		r.procs, err = m.walk(ctx, q)
		return r, err
	})
	var processes *facts.Processes
	if q.Audio || len(q.Processes) > 0 {
		processes = &facts.Processes{Part: part(err), List: named(r.procs, q.Processes)}
		if q.Audio && err == nil {
			processes.Audio = m.audioServers(r.procs)
		}
	}
	if !q.GPUs {
		return processes, nil
	}
	gpus := &facts.GPUs{Part: part(err)}
	if err == nil {
		m.gpus(ctx, budget, q, gpus, r.devices, r.procs)
	}
	return processes, gpus
}

func part(err error) facts.Part {
	p := facts.Part{At: time.Now()}
	if err != nil {
		p.Unknown = err.Error()
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
