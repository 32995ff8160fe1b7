package actions

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Unset is how systemd says that a numeric limit is not set, or infinite.
const Unset = uint64(math.MaxUint64)

// maxCPU bounds the numbers in a CPU list, as the kernel's largest builds do.
const maxCPU = 8191

// CPUs is a set of CPU numbers, rising. The empty set means all.
type CPUs []int

// ParseCPUs reads a list as systemd and the kernel write it: "0-3,8" or
// "0-3 8". The empty list means all CPUs.
func ParseCPUs(list string) (CPUs, error) {
	var set CPUs
	for _, part := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err1 := strconv.Atoi(low)
		last, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || first < 0 || last < first || last > maxCPU {
			return nil, fmt.Errorf("cannot read CPU list %q: %q is not a CPU or a range", list, part)
		}
		for cpu := first; cpu <= last; cpu++ {
			set = append(set, cpu)
		}
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}

// String writes the set with ranges: "0-3,8".
func (c CPUs) String() string {
	var parts []string
	for i := 0; i < len(c); {
		j := i
		for j+1 < len(c) && c[j+1] == c[j]+1 {
			j++
		}
		part := strconv.Itoa(c[i])
		if j > i {
			part += "-" + strconv.Itoa(c[j])
		}
		parts, i = append(parts, part), j+1
	}
	return strings.Join(parts, ",")
}

// Bitmap is the set as PID 1 takes it: CPU n is bit n%8 of byte n/8.
func (c CPUs) Bitmap() []byte {
	if len(c) == 0 {
		return []byte{}
	}
	bits := make([]byte, c[len(c)-1]/8+1)
	for _, cpu := range c {
		bits[cpu/8] |= 1 << (cpu % 8)
	}
	return bits
}

// CPUsOf reads such a bitmap.
func CPUsOf(bitmap []byte) CPUs {
	var set CPUs
	for cpu := range len(bitmap) * 8 {
		if bitmap[cpu/8]&(1<<(cpu%8)) != 0 {
			set = append(set, cpu)
		}
	}
	return set
}
