package look

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// walkers is how many goroutines share the process table: more than a few only
// wait for each other in the kernel.
var walkers = min(max(runtime.NumCPU(), 2), 4)

// everyProcess has each process of the table visited once. hire is called for
// each walker, with a descriptor of /proc, and returns what visits a process. A
// walker that is held up by the kernel holds up nobody else's share.
func (m *Machine) everyProcess(ctx context.Context, hire func(proc int) (visit func(pid uint32))) error {
	proc, err := directory(unix.AT_FDCWD, m.path("proc"))
	if err != nil {
		return fmt.Errorf("cannot list processes: %w", err)
	}
	var pids []uint32
	err = names(proc, make([]byte, 64<<10), func(name []byte) bool {
		if pid, ok := number(name); ok {
			pids = append(pids, pid)
		}
		return ctx.Err() == nil
	})
	var wg sync.WaitGroup
	defer func() {
		wg.Wait()
		_ = unix.Close(proc)
	}()
	if err != nil {
		return fmt.Errorf("cannot list processes: %w", err)
	}
	const share = 8
	var next atomic.Int64
	for range walkers {
		visit := hire(proc)
		wg.Go(func() {
			for {
				from := int(next.Add(share)) - share
				if from >= len(pids) {
					return
				}
				for _, pid := range pids[from:min(from+share, len(pids))] {
					if ctx.Err() != nil {
						return
					}
					visit(pid)
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
