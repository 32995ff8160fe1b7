package look

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/pkg/facts"
)

// load reads /proc/loadavg and the pressure of CPU and IO.
func (m *Machine) load() (facts.Load, error) {
	l := facts.Load{CPUs: m.cpus()}
	text, err := m.read("proc/loadavg")
	if err != nil {
		return l, fmt.Errorf("cannot read the load: %w", err)
	}
	if n, err := fmt.Sscan(text, &l.Load1, &l.Load5, &l.Load15); n < 3 {
		return l, fmt.Errorf("cannot understand /proc/loadavg: %w", err)
	}
	if l.PSI, err = m.pressure("cpu"); err != nil {
		return l, err
	}
	l.IO, err = m.pressure("io")
	return l, err
}

// cpus counts the CPUs that are online, "0-7,9".
func (m *Machine) cpus() int {
	n := 0
	for _, span := range strings.Split(m.value("sys/devices/system/cpu/online"), ",") {
		first, last, isSpan := strings.Cut(span, "-")
		if !isSpan {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || b < a {
			return runtime.NumCPU()
		}
		n += b - a + 1
	}
	return n
}

// memory reads /proc/meminfo and the pressure of memory.
func (m *Machine) memory() (facts.Memory, error) {
	var mem facts.Memory
	text, err := m.read("proc/meminfo")
	if err != nil {
		return mem, fmt.Errorf("cannot read the memory: %w", err)
	}
	seen := 0
	for line := range strings.Lines(text) {
		var into *uint64
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "MemTotal":
			into = &mem.Total
		case "MemAvailable":
			into = &mem.Available
		default:
			continue
		}
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, err := strconv.ParseUint(f[1], 10, 54)
		if err != nil {
			return mem, fmt.Errorf("cannot understand /proc/meminfo: %w", err)
		}
		*into, seen = kib<<10, seen+1
	}
	if seen != 2 {
		return mem, errors.New("/proc/meminfo does not say how much memory is available")
	}
	mem.PSI, err = m.pressure("memory")
	return mem, err
}

// pressure reads the line "some" of /proc/pressure/WHAT. It is nil when the
// kernel keeps none, which is ENOENT or, with psi=0, EOPNOTSUPP.
func (m *Machine) pressure(what string) (*facts.Pressure, error) {
	text, err := m.read("proc/pressure", what)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the pressure: %w", err)
	}
	var p facts.Pressure
	var total uint64
	if _, err := fmt.Sscanf(text, "some avg10=%f avg60=%f avg300=%f total=%d", &p.Avg10, &p.Avg60, &p.Avg300, &total); err != nil {
		return nil, fmt.Errorf("cannot understand /proc/pressure/%s: %w", what, err)
	}
	return &p, nil
}
