package look_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

var update = flag.Bool("update", false, "write the golden files")

// everything is all that can be asked but NVML.
var everything = probe.Question{Load: true, Memory: true, Audio: true, GPUs: true, Usage: true, Processes: []string{"reaper", "python3.13"}}

// machine makes the tree of a file in txtar's format and returns a machine that looks at it.
func machine(t *testing.T, file string) *look.Machine {
	t.Helper()
	root := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Split(string(text), "\n-- ")[1:] {
		name, data, _ := strings.Cut(f, " --\n")
		put(t, root, name, data)
	}
	return &look.Machine{Root: root, Budget: 10 * time.Second, Patience: 10 * time.Second, Gap: 10 * time.Millisecond}
}

// put writes a file below root, or a symbolic link.
func put(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	var err error
	if target, ok := strings.CutPrefix(text, "-> "); ok {
		err = os.Symlink(strings.TrimSuffix(target, "\n"), path)
	} else {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWholeMachineIsSeen(t *testing.T) {
	t.Parallel()
	a := machine(t, "machine.txtar").Look(context.Background(), everything)
	a.Load.At, a.Memory.At, a.Process.At, a.GPUs.At = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	got, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/machine.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Errorf("got %s", got)
	}
}

func TestOnlyWhatIsAskedIsSeen(t *testing.T) {
	t.Parallel()
	a := machine(t, "machine.txtar").Look(context.Background(), probe.Question{Memory: true})
	if a.Memory == nil || a.Load != nil || a.Process != nil || a.GPUs != nil {
		t.Errorf("got %+v", a)
	}
}

func TestClientsOfJackAreTheUsersOwn(t *testing.T) {
	t.Parallel()
	m := machine(t, "machine.txtar")
	uid := os.Getuid()
	put(t, m.Root, "proc/2000/comm", "jackd\n")
	put(t, m.Root, "proc/2000/status", fmt.Sprintf("Uid:\t%d\t%d\t%d\t%d\n", uid, uid, uid, uid))
	put(t, m.Root, "proc/2000/cgroup", "0::/user.slice/x.scope\n")
	for _, name := range []string{"system", "freewheel", "ardour", "a_b"} {
		put(t, m.Root, fmt.Sprintf("dev/shm/jack_sem.%d_default_%s", uid, name), "")
	}
	put(t, m.Root, fmt.Sprintf("dev/shm/jack_sem.%d_default_other", uid+1), "")
	for _, s := range m.Look(context.Background(), everything).Process.Audio {
		if s.Server == "jackd" && (s.Unknown != "" || strings.Join(s.Clients, " ") != "a_b ardour") {
			t.Errorf("got %+v", s)
		}
	}
	if err := os.RemoveAll(filepath.Join(m.Root, "dev/shm")); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Look(context.Background(), everything).Process.Audio {
		if s.Server == "jackd" && s.Unknown == "" {
			t.Error("clients that cannot be listed are known")
		}
	}
}

// TestClientsOfAJackForTheWholeSystemAreSeen has a jackd that serves all users
// (JACK_PROMISCUOUS_SERVER), whose files say no uid, and one that has none.
func TestClientsOfAJackForTheWholeSystemAreSeen(t *testing.T) {
	t.Parallel()
	m := machine(t, "machine.txtar")
	uid := os.Getuid()
	put(t, m.Root, "proc/2000/comm", "jackd\n")
	put(t, m.Root, "proc/2000/status", fmt.Sprintf("Uid:\t%d\t%d\t%d\t%d\n", uid, uid, uid, uid))
	put(t, m.Root, "proc/2000/cgroup", "0::/system.slice/jack.service\n")
	put(t, m.Root, fmt.Sprintf("dev/shm/jack_sem.%d_default_other", uid+1), "")
	jack := func() (s facts.AudioServer) {
		for _, s = range m.Look(context.Background(), everything).Process.Audio {
			if s.Server == "jackd" {
				return s
			}
		}
		return s
	}
	if s := jack(); s.Known() || len(s.Clients) > 0 {
		t.Errorf("one that shows no client, not even itself: %+v", s)
	}
	for _, name := range []string{"system", "freewheel", "ardour"} {
		put(t, m.Root, "dev/shm/jack_sem.default_"+name, "")
	}
	if s := jack(); s.Unknown != "" || strings.Join(s.Clients, " ") != "ardour" {
		t.Errorf("one for the whole system: %+v", s)
	}
	put(t, m.Root, "proc/2000/comm", "jackdbus\n")
	if err := os.RemoveAll(filepath.Join(m.Root, "dev/shm")); err != nil {
		t.Fatal(err)
	}
	put(t, m.Root, "dev/shm/x", "")
	if s := jack(); s.Unknown != "" || len(s.Clients) > 0 {
		t.Errorf("jackdbus, which waits for somebody to start it: %+v", s)
	}
}

// tree is a root that a test damages.
type tree struct {
	t    *testing.T
	root string
}

func (at tree) path(name string) string { return filepath.Join(at.root, name) }

func (at tree) put(name, text string) {
	at.t.Helper()
	put(at.t, at.root, name, text)
}

func (at tree) fifo(name string) {
	at.t.Helper()
	if err := os.MkdirAll(filepath.Dir(at.path(name)), 0o755); err != nil {
		at.t.Fatal(err)
	}
	_ = os.Remove(at.path(name))
	if err := syscall.Mkfifo(at.path(name), 0o600); err != nil {
		at.t.Fatal(err)
	}
}

func TestAPartThatCannotBeReadIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(at tree)
		want   string // parts that are unknown
	}{
		"a file that is a FIFO does not block": {func(at tree) {
			at.fifo("etc/passwd")
			at.fifo("sys/devices/system/cpu/online")
			at.fifo("proc/1200/fdinfo/9")
		}, ""},
		"a holder that does not say who it is":   {func(at tree) { at.fifo("proc/1400/status") }, "process gpus"},
		"a holder that does not say where it is": {func(at tree) { at.fifo("proc/1500/cgroup") }, "gpus"},
		"cgroups that are nonsense are no error": {func(at tree) {
			at.put("proc/1400/cgroup", "none")
		}, ""},
		"a load that is no number": {func(at tree) {
			at.put("proc/loadavg", "x y z")
		}, "load"},
		"pressure that is nonsense": {func(at tree) {
			at.put("proc/pressure/cpu", "none")
		}, "load"},
		"pressure that is not kept is no error": {func(at tree) {
			_ = os.RemoveAll(at.path("proc/pressure"))
		}, ""},
		"memory without the figure that matters": {func(at tree) {
			at.put("proc/meminfo", "MemTotal: 5 kB\n")
		}, "memory"},
		"no process table": {func(at tree) { _ = os.RemoveAll(at.path("proc")) }, "load memory process gpus"},
		"a holder of a device that is not listed": {func(at tree) {
			at.put("proc/1400/fd/9", "-> /dev/nvidia9")
		}, "gpus"},
		"no GPU at all is no error": {func(at tree) {
			_ = os.RemoveAll(at.path("sys/class"))
			_ = os.RemoveAll(at.path("proc/driver"))
			for _, pid := range []string{"1", "400", "500", "1200", "1400", "1500", "1600"} {
				_ = os.RemoveAll(at.path("proc/" + pid + "/fd"))
			}
		}, ""},
		"a process that has just ended is no error": {func(at tree) {
			_ = os.Remove(at.path("proc/1200/status"))
			_ = os.RemoveAll(at.path("proc/1400/fd"))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machine(t, "machine.txtar")
			c.damage(tree{t, m.Root})
			a := m.Look(context.Background(), everything)
			var got []string
			for _, p := range []struct {
				name, why string
			}{{"load", a.Load.Unknown}, {"memory", a.Memory.Unknown}, {"process", a.Process.Unknown}, {"gpus", a.GPUs.Unknown}} {
				if p.why != "" {
					got = append(got, p.name)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("unknown: %q, want %q: %s%s%s%s", s, c.want, a.Load.Unknown, a.Memory.Unknown, a.Process.Unknown, a.GPUs.Unknown)
			}
		})
	}
}

func TestALookThatTakesTooLongIsUnknown(t *testing.T) {
	t.Parallel()
	m := machine(t, "machine.txtar")
	m.Budget = time.Nanosecond
	a := m.Look(context.Background(), everything)
	for _, why := range []string{a.Load.Unknown, a.Process.Unknown, a.GPUs.Unknown} {
		if !strings.Contains(why, "longer than 1ns") {
			t.Errorf("got %q", why)
		}
	}
}

func TestAPidThatIsUsedAgainIsNotTheProcessThatHadIt(t *testing.T) {
	t.Parallel()
	m := machine(t, "machine.txtar")
	dir, err := os.Open(filepath.Join(m.Root, "proc/1400"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if !look.Identified(dir, 1400) {
		t.Error("a process that lives is not identified")
	}
	if err := os.RemoveAll(dir.Name()); err != nil {
		t.Fatal(err)
	}
	put(t, m.Root, "proc/1400/status", "Uid:\t0\t0\t0\t0\n")
	put(t, m.Root, "proc/1400/cgroup", "0::/system.slice/systemd-logind.service\n")
	if look.Identified(dir, 1400) {
		t.Error("a process that has ended is taken for its successor")
	}
}

// TestAFileThatNeverOpensIsLeftBehind has a FIFO where procfs opens a file and
// waits: the part is unknown when its budget is used up, and the others known.
func TestAFileThatNeverOpensIsLeftBehind(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"proc/loadavg", "proc/pressure/cpu"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			m := machine(t, "machine.txtar")
			tree{t, m.Root}.fifo(file)
			// Whoever waits at the other end is let go with the test.
			t.Cleanup(func() {
				if f, err := os.OpenFile(filepath.Join(m.Root, file), os.O_RDWR, 0); err == nil {
					_ = f.Close()
				}
			})
			m.Budget = 8 * time.Second
			a := m.Look(context.Background(), probe.Question{Load: true, Memory: true})
			if !strings.Contains(a.Load.Unknown, "longer than") || !a.Memory.Known() {
				t.Errorf("load %q, memory %q", a.Load.Unknown, a.Memory.Unknown)
			}
		})
	}
}

func TestUseIsTheDifferenceOfTwoLooks(t *testing.T) {
	t.Parallel()
	m := machine(t, "machine.txtar")
	m.Gap = 200 * time.Millisecond
	var a probe.Answer
	synctest.Test(t, func(*testing.T) {
		go func() {
			// Both descriptors are the same client: 100 ms of work in the gap.
			<-time.After(50 * time.Millisecond)
			for _, fd := range []string{"9", "10"} {
				path := filepath.Join(m.Root, "proc/1200/fdinfo", fd)
				_ = os.WriteFile(path, []byte("drm-driver:\tamdgpu\ndrm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\ndrm-engine-gfx:\t101000000 ns\n"), 0o644)
			}
		}()
		a = m.Look(context.Background(), probe.Question{GPUs: true, Usage: true})
	})
	for _, g := range a.GPUs.List {
		if g.Driver != "amdgpu" {
			continue
		}
		if g.BusyPercent != 50 {
			t.Errorf("the device was busy %d %%, want 50", g.BusyPercent)
		}
		for _, h := range g.Holders {
			if h.Comm == "weston" && h.BusyPercent != g.BusyPercent {
				t.Errorf("weston was busy %d %%", h.BusyPercent)
			}
		}
	}
}

func TestNVML(t *testing.T) {
	t.Parallel()
	report := look.Report{Devices: []look.ReportDevice{{
		PCI: "00000000:01:00.0", UUID: "GPU-x", BusyPercent: 90, MemoryTotal: 10, MemoryUsed: 5, Listed: true, Shares: true,
		Processes: []look.ReportProcess{
			{PID: 1400, Graphics: true, BusyPercent: 88}, // no CUDA context, whatever its descriptors say
			{PID: 1200, Compute: true, BusyPercent: -1},  // whom no descriptor of that device gave away
			{PID: 9999, Compute: true, BusyPercent: -1},  // whom nobody can find
			{PID: 500, Graphics: true, BusyPercent: -1},  // nobody
		},
	}}}
	m := machine(t, "machine.txtar")
	var asked []string
	m.NVML = func(_ context.Context, _ time.Duration, pci []string) (look.Report, error) {
		asked = pci
		return report, nil
	}
	q := everything
	q.NVML = true
	a := m.Look(context.Background(), q)
	if strings.Join(asked, " ") != "0000:01:00.0" {
		t.Errorf("asked for %v: a suspended device must sleep on", asked)
	}
	var got []string
	for _, g := range a.GPUs.List {
		if g.PCI != "0000:01:00.0" {
			continue
		}
		if g.BusyPercent != 90 || g.UUID != "GPU-x" || g.MemoryUsed != 5 || g.Unmeasured != "" {
			t.Errorf("got %+v", g)
		}
		for _, h := range g.Holders {
			got = append(got, fmt.Sprintf("%s(%s) compute=%v graphics=%v %d%%", h.Comm, h.Unit, h.Compute, h.Graphics, h.BusyPercent))
		}
	}
	want := "python3(ai.service) compute=false graphics=true 88%, weston(session-3.scope) compute=true graphics=false 0%, unknown process() compute=true graphics=false 0%"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestNVMLThatFailsIsSaidOfItsDevicesOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report look.Report
		err    error
	}{
		"the child hangs":         {err: fmt.Errorf("no answer within 10s")},
		"the library is not here": {report: look.Report{Absent: true, Problem: "libnvidia-ml.so.1 not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machine(t, "machine.txtar")
			m.NVML = func(context.Context, time.Duration, []string) (look.Report, error) { return c.report, c.err }
			q := everything
			q.NVML = true
			a := m.Look(context.Background(), q)
			for _, g := range a.GPUs.List {
				if awake := g.Driver == "nvidia" && !g.Suspended; awake != strings.HasPrefix(g.Unmeasured, "NVML: ") {
					t.Errorf("%s: unmeasured %q", g.PCI, g.Unmeasured)
				}
			}
			if a.GPUs.Known() != c.report.Absent {
				t.Errorf("who holds a GPU is unknown: %q", a.GPUs.Unknown)
			}
		})
	}
}
