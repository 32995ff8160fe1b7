package userslices

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/userunits"
)

// knob is one limit of a slice, in the words of orders, of systemd and of the
// kernel. See https://docs.kernel.org/admin-guide/cgroup-v2.html.
type knob struct {
	word, property, file string
	// instead is a file of the kernel that takes the place of file, in another
	// scale; controller is what must be delegated for either.
	instead, controller string
	// unset is what the kernel has when nothing is set.
	unset uint64
	read  func(s userunits.Slice) uint64
}

var knobs = []knob{
	{"cpu-weight", "CPUWeight", "cpu.weight", "", "cpu", 100, func(s userunits.Slice) uint64 { return s.CPUWeight }},
	{"io-weight", "IOWeight", "io.weight", "io.bfq.weight", "io", 100, func(s userunits.Slice) uint64 { return s.IOWeight }},
	{"memory-high", "MemoryHigh", "memory.high", "", "memory", userunits.Infinite, func(s userunits.Slice) uint64 { return s.MemoryHigh }},
}

// wants are an order's values by systemd's names.
func wants(o manager1.SliceLimits) map[string]uint64 {
	m := map[string]uint64{}
	if o.CPUWeight != 0 {
		m["CPUWeight"] = uint64(o.CPUWeight)
	}
	if o.IOWeight != 0 {
		m["IOWeight"] = uint64(o.IOWeight)
	}
	switch {
	case o.MemoryHigh == manager1.NoLimit:
		m["MemoryHigh"] = userunits.Infinite
	case o.MemoryHigh > 0:
		m["MemoryHigh"] = uint64(o.MemoryHigh)
	}
	return m
}

// inForce is the value that the kernel works with, and whether it is known to
// have one: a limit that has no file and is not the default is nobody's.
func (l *Limits) inForce(k knob, s userunits.Slice) (value uint64, ok bool) {
	value = k.read(s)
	if value == userunits.Infinite {
		value = k.unset
	}
	if s.Cgroup == "" {
		return value, true
	}
	dir := filepath.Join(l.cgroups, filepath.FromSlash(s.Cgroup))
	raw, err := os.ReadFile(filepath.Join(dir, k.file))
	switch {
	case err == nil:
		return k.agree(value, string(raw))
	case !errors.Is(err, fs.ErrNotExist) || k.instead != "" && exists(filepath.Join(dir, k.instead)):
		return value, true // what the manager says is all there is to know
	}
	return value, value == k.unset || !exists(dir)
}

// agree is value when the kernel's text says the same, else what it says. The
// kernel cuts sizes to whole pages.
func (k knob) agree(value uint64, text string) (uint64, bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	word := strings.TrimPrefix(line, "default ")
	if word == "max" {
		return userunits.Infinite, true
	}
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0, false
	}
	if page := uint64(os.Getpagesize()); k.property == "MemoryHigh" && n == value-value%page {
		n = value
	}
	return n, true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
