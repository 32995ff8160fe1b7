package look_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// all is everything that can be asked.
var all = probe.Question{Load: true, Memory: true, Audio: true, Sound: true, GPUs: true, Usage: true, Jobs: true, Power: true, Processes: []string{"reaper"}}

// crowded makes a table of n processes, each of which is a link to one of a few:
// a shell with hostile names around it, deep in cgroups, that burns CPU.
func crowded(t *testing.T, n int) tree {
	t.Helper()
	at := machineTree(t)
	deep := "/user.slice/user-1000.slice/user@1000.service" + strings.Repeat("/app.slice/"+strings.Repeat("x", 240), 14) + "/x.scope"
	for i, comm := range []string{"x) R 1 1 1", "a\nUid:\t0\t0\t0", "\x1b[2J\x1b[31mred", "\xff\xfe", ")))))", " ", "reverse\u202e", "cc1"} {
		at.process(fake{pid: 900000 + i, ppid: 900000, comm: comm, exe: "/usr/bin/evil\x1b[2J", cgroup: deep, own: 500, tty: pts0, tpgid: 900000 + i, start: 99999})
		for fd := range 5 {
			at.put(fmt.Sprintf("proc/%d/fd/%d", 900000+i, fd+3), "-> socket:[12345]")
		}
	}
	for i := range n {
		if err := os.Symlink(fmt.Sprint(900000+i%8), at.path(fmt.Sprintf("proc/%d", 10000+i))); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// machineTree is the whole machine of the other tests, with an uptime.
func machineTree(t *testing.T) tree {
	at := tree{t, machine(t, "machine.txtar").Root}
	at.put("proc/uptime", "1000.00 4000.00\n")
	return at
}

// raw returns strings of an answer that have anything in them that could move a
// cursor or break a line.
func raw(t *testing.T, answer any) (bad []string) {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return bad
		}
		if s, ok := token.(string); ok && strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
			bad = append(bad, s)
		}
	}
}

func TestACrowdIsSeenWhole(t *testing.T) {
	t.Parallel()
	const n = 2000
	m := crowded(t, n).machine()
	m.Budget = 10 * time.Minute
	a := m.Look(context.Background(), all)
	// One in eight of the templates is a compiler.
	if !a.Jobs.Known() || !a.GPUs.Known() || !a.Process.Known() || a.Jobs.Total < n/8 || len(a.Jobs.List) != facts.MaxJobs {
		t.Errorf("%d of %d jobs; unknown %q, %q, %q", a.Jobs.Total, n/8, a.Jobs.Unknown, a.GPUs.Unknown, a.Process.Unknown)
	}
	if bad := raw(t, a); len(bad) > 0 {
		t.Errorf("raw names: %q", bad[:min(len(bad), 5)])
	}
}

// TestACrowdOfOneNameIsUnknownAndCostsNoOtherPart has more programs of a name
// than an answer has room for.
func TestACrowdOfOneNameIsUnknownAndCostsNoOtherPart(t *testing.T) {
	t.Parallel()
	const n = 9000
	at := crowded(t, n)
	for i := range 8 {
		at.put(fmt.Sprintf("proc/%d/fd/9", 900000+i), "-> /dev/dri/card0")
	}
	m := at.machine()
	m.Budget = 10 * time.Minute
	a := m.Look(context.Background(), probe.Question{GPUs: true, Power: true, Processes: []string{"cc1"}})
	if len(a.Process.List) != 1024 || a.Process.Unknown != "only 1024 of 1126 processes of these names are listed" {
		t.Errorf("%d programs, %q", len(a.Process.List), a.Process.Unknown)
	}
	for _, g := range a.GPUs.List {
		if len(g.Holders) > 1024 {
			t.Errorf("%s has %d holders", g.PCI, len(g.Holders))
		}
	}
	if !strings.HasPrefix(a.GPUs.Unknown, "only 1024 of 90") {
		t.Errorf("holders: %q", a.GPUs.Unknown)
	}
	if text, err := json.Marshal(a); err != nil || len(text) > probe.Protocol.MaxAnswer || !a.Power.Known() {
		t.Errorf("an answer of %d bytes, %v; power %q", len(text), err, a.Power.Unknown)
	}
}

// TestACrowdOfAudioServersIsUnknown has somebody with many uids, as containers
// give to anybody, each of whom seems to run one.
func TestACrowdOfAudioServersIsUnknown(t *testing.T) {
	t.Parallel()
	at := machineTree(t)
	for i := range 300 {
		at.process(fake{pid: 900000 + i, ppid: 1, comm: "jackdbus", uid: 100000 + i, cgroup: "/user.slice/user-1000.slice/session-3.scope"})
	}
	at.put("dev/shm/jack_sem.100000_default_system", "")
	m := at.machine()
	m.Budget = 10 * time.Minute
	a := m.Look(context.Background(), probe.Question{Audio: true})
	if len(a.Process.Audio) != 256 || a.Process.Unknown != "more than 256 audio servers run" {
		t.Errorf("%d audio servers, %q", len(a.Process.Audio), a.Process.Unknown)
	}
}

// TestACrowdThatIsTooLargeIsUnknown has a table that cannot be read in time:
// nothing of what was seen by then may pass for the whole.
func TestACrowdThatIsTooLargeIsUnknown(t *testing.T) {
	t.Parallel()
	at := crowded(t, 30000)
	for budget, sure := range map[time.Duration]bool{time.Millisecond: true, 250 * time.Millisecond: false} {
		m := at.machine()
		m.Budget = budget
		began := time.Now()
		a := m.Look(context.Background(), all)
		// Much more than the budget, for a machine that is busy with other tests.
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("with %v it took %v", budget, took)
		}
		for what, unknown := range map[string]string{"jobs": a.Jobs.Unknown, "gpus": a.GPUs.Unknown, "processes": a.Process.Unknown} {
			if late := strings.Contains(unknown, "longer than"); late != (unknown != "") || sure && !late {
				t.Errorf("%s in %v: unknown %q", what, budget, unknown)
			}
		}
		if !a.Jobs.Known() && a.Jobs.Total+len(a.Jobs.List) > 0 {
			t.Errorf("half of the jobs are told: %d", a.Jobs.Total)
		}
	}
}

// TestWhatIsPlantedIsNeitherFollowedNorWaitedFor puts a FIFO, a directory, a
// device and nonsense in the place of each file that is read.
func TestWhatIsPlantedIsNeitherFollowedNorWaitedFor(t *testing.T) {
	t.Parallel()
	plants := map[string]func(at tree, file string){
		"a FIFO":      func(at tree, file string) { at.fifo(file) },
		"a directory": func(at tree, file string) { at.put(file+"/x", "") },
		"a device":    func(at tree, file string) { at.put(file, "-> /dev/zero") },
		"a terminal":  func(at tree, file string) { at.put(file, "-> /dev/tty") },
		"a circle":    func(at tree, file string) { at.put(file, "-> "+filepath.Base(file)) },
		"nonsense":    func(at tree, file string) { at.put(file, "\x00\xff\x1b[2J)(:::\n") },
	}
	for _, file := range []string{
		"proc/1200/stat", "proc/1200/status", "proc/1200/cgroup", "proc/1200/comm", "proc/1200/exe", "proc/1200/fd", "proc/1200/fd/9",
		"proc/1200/fdinfo/9", "proc/1200", "proc/locks", "proc/uptime", "etc/passwd", "sys/class/drm/card0", "sys/class/drm/card0-HDMI-A-1/status",
		"sys/class/power_supply", "sys/class/power_supply/BAT0", "sys/class/power_supply/BAT0/capacity", "sys/class/power_supply/BAT0/type",
		"sys/devices/system/cpu/online", "var/lib/dpkg/lock", "run/zypp.pid", "var/lib/pacman/db.lck", "dev/shm",
		"sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/hwmon", "proc/driver/nvidia/gpus/0000:01:00.0/information",
	} {
		for plant, do := range plants {
			t.Run(file+" is "+plant, func(t *testing.T) {
				t.Parallel()
				at := machineTree(t)
				at.put("sys/class/power_supply/BAT0/type", "Battery\n")
				at.put("sys/class/power_supply/BAT0/capacity", "50\n")
				at.process(fake{pid: 1200, comm: "weston", own: 50, start: 99999})
				at.put("proc/1200/fd/9", "-> /dev/dri/card0")
				_ = os.RemoveAll(at.path(file))
				do(at, file)
				m := at.machine()
				m.Gap = time.Millisecond
				a := m.Look(context.Background(), all)
				for _, p := range []facts.Part{a.Jobs.Part, a.GPUs.Part, a.Process.Part, a.Power.Part, a.Load.Part, a.Memory.Part} {
					if strings.Contains(p.Unknown, "longer than") {
						t.Errorf("somebody waited: %s", p.Unknown)
					}
				}
				if bad := raw(t, a); len(bad) > 0 {
					t.Errorf("raw names: %q", bad)
				}
				// A process that is there is a holder, or nobody knows; what has no
				// directory of its own is none.
				held := file == "proc/1200" || file == "proc/1200/fd" || file == "proc/1200/fd/9" || file == "sys/class/drm/card0" || !a.GPUs.Known()
				for _, g := range a.GPUs.List {
					for _, h := range g.Holders {
						held = held || h.PID == 1200
					}
				}
				if !held {
					t.Errorf("the holder is lost: %+v", a.GPUs)
				}
			})
		}
	}
}

// TestRealProcessesWithHostileNames runs programs whose names try to be more
// than a name.
func TestRealProcessesWithHostileNames(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"e) R 1 1 1 0", "a\nUid:\t0\t0", "\x1b[2J\x1b[31mr", "\xff\xfe\xfd", "\r\b\b\bpass", "((((", ")))) Z 1", "x\u202ey", `{"a":"`, "\t\v\x7f"} {
		t.Run(facts.Clean(name), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, program, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "60")
			start(t, cmd)
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			m := look.New()
			m.Gap = time.Millisecond
			m.Budget = 30 * time.Second
			a := m.Look(context.Background(), probe.Question{Processes: []string{facts.Clean(name)}, Jobs: true})
			found := false
			for _, p := range a.Process.List {
				found = found || int(p.PID) == cmd.Process.Pid && p.Comm == facts.Clean(name) && int(p.UID) == os.Geteuid()
			}
			if !found || len(raw(t, a)) > 0 {
				t.Errorf("got %+v, raw %q", a.Process, raw(t, a))
			}
		})
	}
}

// start starts a program that was just written. Until another test's child has
// started as well, it may still have the file open for writing.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	for {
		err := cmd.Start()
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.ETXTBSY) {
			t.Fatal(err)
		}
		*cmd = *exec.Command(cmd.Path, cmd.Args[1:]...)
	}
}
