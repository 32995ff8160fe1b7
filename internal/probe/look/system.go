package look

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/modectl/moded/pkg/facts"
)

// load reads /proc/loadavg and the pressure of CPU and IO.
func (m *Machine) load() (facts.Load, error) {
	l := facts.Load{CPUs: m.cpus()}
	proc, err := m.procfs()
	if err != nil {
		return l, fmt.Errorf("cannot read the load: %w", err)
	}
	avg, err := proc.LoadAvg()
	if err != nil {
		return l, fmt.Errorf("cannot read the load: %w", err)
	}
	l.Load1, l.Load5, l.Load15 = avg.Load1, avg.Load5, avg.Load15
	if l.PSI, err = pressure(proc, "cpu"); err != nil {
		return l, err
	}
	l.IO, err = pressure(proc, "io")
	return l, err
}

// cpus counts the CPUs that are online.
func (m *Machine) cpus() int {
	if n, ok := countCPUs(m.value("sys/devices/system/cpu/online")); ok {
		return n
	}
	return runtime.NumCPU()
}

// countCPUs reads "0-7,9".
func countCPUs(text string) (int, bool) {
	n := 0
	for _, span := range strings.Split(text, ",") {
		first, last, isSpan := strings.Cut(span, "-")
		if !isSpan {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 16)
		b, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || b < a {
			return 0, false
		}
		n += int(b-a) + 1
	}
	return n, n <= 1<<16
}

// memory reads /proc/meminfo and the pressure of memory.
func (m *Machine) memory() (facts.Memory, error) {
	var mem facts.Memory
	proc, err := m.procfs()
	if err != nil {
		return mem, fmt.Errorf("cannot read the memory: %w", err)
	}
	info, err := proc.Meminfo()
	if err != nil {
		return mem, fmt.Errorf("cannot read the memory: %w", err)
	}
	if info.MemTotalBytes == nil || info.MemAvailableBytes == nil {
		return mem, errors.New("/proc/meminfo does not say how much memory is available")
	}
	mem.Total, mem.Available = *info.MemTotalBytes, *info.MemAvailableBytes
	mem.PSI, err = pressure(proc, "memory")
	return mem, err
}

// pressure reads the line "some" of /proc/pressure/WHAT. It is nil when the
// kernel keeps none, which is ENOENT or, with psi=0, EOPNOTSUPP.
func pressure(proc procfs.FS, what string) (*facts.Pressure, error) {
	psi, err := proc.PSIStatsForResource(what)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the pressure: %w", err)
	}
	if psi.Some == nil {
		return nil, fmt.Errorf("/proc/pressure/%s does not say how long some waited", what)
	}
	return &facts.Pressure{Avg10: psi.Some.Avg10, Avg60: psi.Some.Avg60, Avg300: psi.Some.Avg300}, nil
}
