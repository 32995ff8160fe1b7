package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// handsScenarios are about what modes move beyond the first switch.
func handsScenarios() []scenario {
	return []scenario{long("hands-tune", 60, handsTune)}
}

const swappinessFile = "/proc/sys/vm/swappiness"

func (t *T) swappiness() int {
	raw, err := os.ReadFile(swappinessFile)
	t.must(err)
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	t.must(err)
	return n
}

// latencyHolders are the processes that ask for short wake-ups.
func (t *T) latencyHolders() string {
	return strings.TrimSpace(t.Quiet("sh", "-c", `for p in $(fuser /dev/cpu_dma_latency 2>/dev/null); do cat /proc/$p/comm; done`).out)
}

// tuned says whether the kernel is tuned for low latency, or is not at all.
func (t *T) tuned(want bool, swappiness int) func() error {
	return func() error {
		state, holders := "inactive", ""
		if want {
			state, holders = "active", "moded-tune"
		}
		if got := t.unit("moded-tune.service", "ActiveState"); got != state && (want || got != "failed") {
			return fmt.Errorf("moded-tune.service is %s, want %s", got, state)
		}
		if got := t.latencyHolders(); got != holders {
			return fmt.Errorf("/dev/cpu_dma_latency is held by %q, want %q", got, holders)
		}
		if got := t.swappiness(); got != swappiness {
			return fmt.Errorf("vm.swappiness is %d, want %d", got, swappiness)
		}
		return nil
	}
}

// handsTune: studio tunes the kernel; SIGKILL, and the way back, put back all
// of it.
func handsTune(t *T) {
	before := t.swappiness()
	if before <= 10 {
		t.Fatalf("lab: vm.swappiness is %d already", before)
	}
	t.Cleanup(func() { t.Run("systemctl", "reset-failed", "moded-tune.service") })
	t.mustSwitch("studio")
	t.Eventually("the kernel is tuned", settleLimit, t.tuned(true, 10))
	t.Run("systemctl", "status", "--no-pager", "moded-tune.service")
	t.mustSwitch("desktop")
	t.Eventually("the kernel is as before", settleLimit, t.tuned(false, before))

	t.mustSwitch("studio")
	t.Eventually("the kernel is tuned again", settleLimit, t.tuned(true, 10))
	t.Must("systemctl", "kill", "-s", "KILL", "moded-tune.service")
	t.Eventually("SIGKILL puts all back", settleLimit, t.tuned(false, before))
	t.Eventually("the drift is told", settleLimit, func() error { return t.drifted("tune", true) })
	t.Run("modectl", "verify")
	t.mustSwitch("desktop")
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
}
