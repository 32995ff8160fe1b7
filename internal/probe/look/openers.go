package look

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// Holders returns, sorted by pid, who has a file open by a descriptor. Of
// everybody else nothing but the descriptors is read. The error says of how many
// processes those could not be; who was found is returned all the same.
func (m *Machine) Holders(ctx context.Context, file string) ([]facts.Process, error) {
	file, err := m.resolve(file)
	if err != nil {
		return nil, fmt.Errorf("cannot find the holders: %w", err)
	}
	users := sync.OnceValue(m.users)
	var crew []*opener
	err = m.everyProcess(ctx, func(table int) func(uint32) {
		o := &opener{walker: newWalker(ctx, probe.Question{}, table, nil), file: []byte(file), names: users}
		crew = append(crew, o)
		return o.visit
	})
	if err != nil {
		return nil, err
	}
	var list []facts.Process
	closed := 0
	for _, o := range crew {
		closed += o.closed
		for _, p := range o.found {
			list = append(list, p.Process)
		}
	}
	slices.SortFunc(list, func(a, b facts.Process) int { return int(int64(a.PID) - int64(b.PID)) })
	if closed > 0 {
		err = fmt.Errorf("%d processes do not let themselves be looked into", closed)
	}
	return list, err
}

// resolve is the name by which the kernel knows a file.
func (m *Machine) resolve(file string) (string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(m.Root)
	if err != nil {
		return "", err
	}
	full, err := filepath.EvalSymlinks(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	inside, err := filepath.Rel(root, full)
	return "/" + inside, err
}

// opener is a walker that looks for one file.
type opener struct {
	*walker
	file   []byte
	closed int
	names  func() map[uint32]string
}

// visit opens the descriptors of a process, and the process itself only when the
// file is among them: above its descriptors, where no other process can get in.
func (o *opener) visit(pid uint32) {
	var p *proc
	err := o.descriptors(o.proc, strconv.FormatUint(uint64(pid), 10)+"/fd", func(fds int, _, target []byte) bool {
		if !bytes.Equal(target, o.file) {
			return true
		}
		o.users = o.names()
		p = o.above(fds, pid)
		return false
	})
	if err != nil && !vanished(err) {
		o.closed++
	}
	if p != nil {
		o.found = append(o.found, *p)
	}
}

func (o *opener) above(fds int, pid uint32) *proc {
	dir, err := directory(fds, "..")
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	p := proc{Process: facts.Process{PID: pid}}
	o.name(dir, &p)
	switch err := o.identify(dir, &p); {
	case err == nil:
		return &p
	case !vanished(err):
		o.closed++
	}
	return nil
}
