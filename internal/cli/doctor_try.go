package cli

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// tryFIFO runs a thread in real time for a moment. The thread is not used again:
// it ends with its goroutine, which never unlocks it.
func tryFIFO(priority int) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(priority)}, 0) // #nosec G115 -- at most 99
		if err != nil {
			err = fmt.Errorf("cannot schedule in real time: %w", err)
		}
		done <- err
	}()
	return <-done
}

func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }
