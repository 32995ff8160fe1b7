package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// How deep the cgroups are, and how each is named: as a unit of systemd's is,
// with what a terminal would obey. The path of the deepest is longer than what
// the kernel can tell of it, which is 4,096 bytes.
const (
	deepCgroup    = 30
	deepestCgroup = 200
	cgroupLeaf    = "evil\x1b[2J\x07 name) R 1.service"
)

// pits are cgroups in cgroups: a deep one, and one whose path is too long. Each
// is the open file that takes processes in. Both are nil where none can be made.
type pits struct {
	deep, deepest *os.File
	levels        []*os.Root
	names         []string // each is in the level of the same index
}

// digPits makes the cgroups where systemd has its own. fill is to be called
// whatever digPits says.
func digPits() (*pits, error) {
	p := &pits{}
	at, err := cgroupRoot()
	if err != nil {
		return p, err
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return p, err
	}
	p.levels = []*os.Root{root}
	for i := range deepestCgroup {
		name := cgroupLeaf
		switch i {
		case 0:
			name = fmt.Sprintf("moded-bench-%d.slice", os.Getpid())
		case 1:
			name = "session-\x1b]0;evil\x07.scope"
		}
		if err := p.dig(name); err != nil {
			return p, err
		}
		if i == deepCgroup {
			if p.deep, err = p.entrance(); err != nil {
				return p, err
			}
		}
	}
	p.deepest, err = p.entrance()
	return p, err
}

func (p *pits) dig(name string) error {
	in := p.levels[len(p.levels)-1]
	if err := in.Mkdir(name, 0o755); err != nil {
		return err
	}
	p.names = append(p.names, name)
	next, err := in.OpenRoot(name)
	if err != nil {
		return err
	}
	p.levels = append(p.levels, next)
	return nil
}

func (p *pits) entrance() (*os.File, error) {
	return p.levels[len(p.levels)-1].OpenFile("cgroup.procs", os.O_WRONLY, 0)
}

// fill removes the cgroups, which must be empty.
func (p *pits) fill() {
	for _, f := range []*os.File{p.deep, p.deepest} {
		if f != nil {
			_ = f.Close()
		}
	}
	for i := range slices.Backward(p.levels) {
		_ = p.levels[i].Close()
		if i > 0 && i <= len(p.names) {
			if err := p.levels[i-1].Remove(p.names[i-1]); err != nil {
				fmt.Fprintln(os.Stderr, "bench: a cgroup stays:", err)
			}
		}
	}
}

// cgroupRoot is where the hierarchy is mounted by which systemd knows processes.
func cgroupRoot() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	unified := ""
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 4:
		case f[2] == "cgroup" && slices.Contains(strings.Split(f[3], ","), "name=systemd"):
			return f[1], nil
		case f[2] == "cgroup2":
			unified = f[1]
		}
	}
	if unified == "" {
		return "", errors.New("none is mounted")
	}
	return unified, nil
}
