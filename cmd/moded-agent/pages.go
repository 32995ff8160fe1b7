package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// smallPages begins the process anew without huge pages, which a kernel that
// gives them to everybody would round the few MiB of every user's agent up to:
// 4 MiB where 1 would do. The wish is preserved over execve(2), and must be there
// before the runtime takes its first memory. Where it cannot be had, all goes on.
func smallPages() {
	if off, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0); err != nil || off != 0 {
		return
	}
	self, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) != nil {
		return
	}
	_ = syscall.Exec(self, os.Args, os.Environ()) //nolint:gosec // it is this very program
}
