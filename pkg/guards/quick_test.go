package guards_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/pkg/facts"
)

func TestGuardsAreQuickOnAMachineFullOfEverything(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{At: time.Now()}
	for i := range 2000 {
		p := facts.Process{PID: uint32(i), Comm: "reaper", UID: 1000 + uint32(i%5)}
		f.Process.List = append(f.Process.List, p)
		f.Jobs.List = append(f.Jobs.List, facts.Job{Process: p})
	}
	for i := range 64 {
		u := facts.AudioUser{UID: 1000 + uint32(i), Running: true}
		for j := range 64 {
			u.Nodes = append(u.Nodes, facts.AudioNode{Client: "x", Binary: "y", PID: uint32(1e6 + j)})
		}
		f.Audio.Users = append(f.Audio.Users, u)
	}
	// The thread's own time: others may keep the machine busy.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime(t)
	judged(f)
	if took := threadTime(t) - began; took > 5*time.Second { // a twentieth of a second without the race detector
		t.Errorf("took %v", took)
	} else {
		t.Logf("took %v", took)
	}
}

// threadTime is how long this thread has used a CPU.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
