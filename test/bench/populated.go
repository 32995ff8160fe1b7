package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// The populated machine: beside what runs here anyway.
const (
	populace   = 1000
	perProcess = 30 // descriptors of each
)

// populated measures on a machine with 1,000 processes and 30,000 descriptors
// more than it has.
func (s *scene) populated(ctx context.Context) ([]row, error) {
	program, err := s.crowdProgram(ctx)
	if err != nil {
		return nil, err
	}
	people, err := gather(program, crowdOf{processes: populace, fds: perProcess, file: device, holders: holding})
	if err != nil {
		return nil, err
	}
	defer people.disperse()
	e, err := openEye(ctx, s.bin, s.dir, time.Minute)
	if err != nil {
		return nil, err
	}
	defer e.shut()
	pw, err := startPipewire(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	defer pw.stop()
	var rows []row
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return wholeSet(ctx, e) },
		func() ([]row, error) { return holders(ctx, s.bin) },
		func() ([]row, error) { return againstScript(ctx, s.bin, s.dir, pw) },
	} {
		more, err := measure()
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// looks is how many there are to find the best of. On a machine that is busy with
// something else the probe gives up on a part at times, which is no measurement:
// after patience of these there is none to be had.
const (
	looks    = 5
	patience = 20
)

// wholeSet measures the guard set of desktop to compute on a populated machine.
func wholeSet(ctx context.Context, e *eye) ([]row, error) {
	best, cost := time.Hour, time.Hour
	for seen, late := 0, 0; seen < looks; {
		a := &asker{client: e.client}
		before, err := e.used()
		if err != nil {
			return nil, err
		}
		if _, err := judge(ctx, a, guardSet()); err != nil {
			return nil, err
		}
		after, err := e.used()
		if err != nil {
			return nil, err
		}
		if err := all(a); err != nil {
			if late++; late > patience {
				return nil, err
			}
			continue
		}
		seen++
		took := a.took
		if a.asked.Jobs {
			took -= theWindow
		}
		best, cost = min(best, took), min(cost, after-before)
	}
	processes, fds, err := population()
	if err != nil {
		return nil, err
	}
	fmt.Printf("guard set over %d processes and %d descriptors: %.1f ms without the wait, %.1f ms of processor time\n", processes, fds, ms(best), ms(cost))
	return []row{
		budget("guard set desktop to compute, probe time without its 200 ms wait (best of 5)", ms(best), 120, "ms"),
	}, nil
}

// all fails when the probe gave up on a part: that would be fast, and worthless.
func all(a *asker) error {
	var errs []error
	see := func(name string, asked bool, p func() facts.Part) {
		if asked && p().Unknown != "" {
			errs = append(errs, fmt.Errorf("%s: %s", name, p().Unknown))
		}
	}
	see("load", a.asked.Load, func() facts.Part { return a.answer.Load.Part })
	see("memory", a.asked.Memory, func() facts.Part { return a.answer.Memory.Part })
	see("processes", a.asked.Audio, func() facts.Part { return a.answer.Process.Part })
	see("jobs", a.asked.Jobs, func() facts.Part { return a.answer.Jobs.Part })
	if os.Getuid() == 0 { // others cannot see every process's descriptors
		see("gpus", a.asked.GPUs, func() facts.Part { return a.answer.GPUs.Part })
	}
	if len(errs) > 0 {
		return fmt.Errorf("moded-probe does not know all that it was asked: %w", errors.Join(errs...))
	}
	return nil
}

// growth compares what one descriptor costs on machines of different sizes.
func (s *scene) growth(ctx context.Context) ([]row, error) {
	program, err := s.crowdProgram(ctx)
	if err != nil {
		return nil, err
	}
	per := map[int]time.Duration{}
	var here []*crowd
	defer func() {
		for _, c := range here {
			c.disperse()
		}
	}()
	gathered := 0
	for _, size := range []int{100, 1000, 5000} {
		c, err := gather(program, crowdOf{processes: size - gathered, fds: perProcess})
		if err != nil {
			return nil, err
		}
		here, gathered = append(here, c), size
		_, fds, err := population()
		if err != nil {
			return nil, err
		}
		took, cost, err := walks(ctx)
		if err != nil {
			return nil, err
		}
		per[size] = cost / time.Duration(fds)
		fmt.Printf("one walk over %d processes and %d descriptors: %.1f ms, %.1f ms of processor time, %d ns a descriptor (best of %d)\n",
			size, fds, ms(took), ms(cost), per[size].Nanoseconds(), walked)
	}
	return []row{
		compare("walk, processor time for a descriptor at 5,000 processes", float64(per[5000]), float64(per[1000]), "at 1,000 processes", "ns", 1.3),
	}, nil
}

// walked is how many walks are made for one figure.
const walked = 15

// walks looks who holds GPUs, which takes every descriptor of the machine, and
// returns the least time and processor time that took. It does so as the probe
// does, but without its budget: a machine that is busy with something else is
// slow, and measured all the same.
func walks(ctx context.Context) (took, cost time.Duration, err error) {
	m := look.New()
	m.Patience = time.Minute
	took, cost = time.Hour, time.Hour
	for range walked {
		before, began := cpu(), time.Now()
		a := m.Look(ctx, probe.Question{GPUs: true, Patient: true})
		took, cost = min(took, time.Since(began)), min(cost, cpu()-before)
		if a.GPUs == nil || os.Getuid() == 0 && !a.GPUs.Known() {
			return 0, 0, fmt.Errorf("cannot see who holds GPUs: %+v", a.GPUs)
		}
	}
	return took, cost, nil
}
