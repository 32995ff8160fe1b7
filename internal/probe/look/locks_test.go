package look_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// lock is a line of /proc/locks for a file of the tree; %s in it is the file's
// device and inode.
func (at tree) lock(format, file string) string {
	at.t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(at.path(file), &st); err != nil {
		at.t.Fatal(err)
	}
	return fmt.Sprintf(format, fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)) + "\n"
}

func TestLocks(t *testing.T) {
	t.Parallel()
	const frontend, dpkg, nixos, rpm = "var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "run/nixos/switch-to-configuration.lock", "usr/lib/sysimage/rpm/.rpm.lock"
	apt := fake{pid: 20, comm: "apt-get", uid: -1}
	open := func(at tree, pid int, file string) { at.put(fmt.Sprintf("proc/%d/fd/4", pid), "-> /"+file) }
	for name, c := range map[string]struct {
		prepare func(at tree)
		want    string
		unknown string
	}{
		"nothing is installed": {func(tree) {}, "", ""},
		"nobody holds it": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", "1: POSIX  ADVISORY  WRITE 20 00:00:0 0 EOF\n")
		}, "", ""},
		"apt holds it": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", frontend))
			open(at, 20, frontend)
		}, "apt apt-get(20)", ""},
		"with two locks it is still one": {func(at tree) {
			at.put(frontend, "")
			at.put("var/cache/apt/archives/lock", "")
			at.put("proc/locks", at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", frontend)+at.lock("2: POSIX  ADVISORY  WRITE 20 %s 0 EOF", "var/cache/apt/archives/lock"))
			open(at, 20, frontend)
			at.put("proc/20/fd/5", "-> /var/cache/apt/archives/lock")
		}, "apt apt-get(20)", ""},
		"dpkg alone": {func(at tree) {
			at.process(fake{pid: 21, comm: "dpkg", uid: -1})
			at.put(frontend, "")
			at.put(dpkg, "")
			at.put("proc/locks", at.lock("1: POSIX  ADVISORY  WRITE 21 %s 0 EOF", frontend)+at.lock("2: POSIX  ADVISORY  WRITE 21 %s 0 EOF", dpkg))
			open(at, 21, frontend)
			at.put("proc/21/fd/5", "-> /"+dpkg)
		}, "dpkg dpkg(21)", ""},
		"who waits for it does not hold it": {func(at tree) {
			at.put(dpkg, "")
			at.put("proc/locks", "1: POSIX  ADVISORY  WRITE 7 00:00:0 0 EOF\n"+at.lock("1: -> POSIX  ADVISORY  WRITE 20 %s 0 EOF", dpkg))
			open(at, 20, dpkg)
		}, "", ""},
		"the same inode elsewhere is another file": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", strings.Replace(at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", frontend), "WRITE 20 ", "WRITE 20 f", 1))
			open(at, 20, "home/dev/file")
		}, "", ""},
		"on btrfs the device is another's": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", strings.Replace(at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", frontend), "WRITE 20 ", "WRITE 20 f", 1))
			open(at, 20, frontend)
		}, "apt apt-get(20)", ""},
		"nixos-rebuild holds it by flock": {func(at tree) {
			at.put(nixos, "")
			at.put("proc/locks", at.lock("1: FLOCK  ADVISORY  WRITE 20 %s 0 EOF", nixos))
			open(at, 20, nixos)
		}, "nixos-rebuild apt-get(20)", ""},
		"the one who took it by flock has ended": {func(at tree) {
			at.put(nixos, "")
			at.put("proc/locks", at.lock("1: FLOCK  ADVISORY  WRITE 19 %s 0 EOF", nixos))
			open(at, 20, nixos)
		}, "nixos-rebuild apt-get(20)", ""},
		"a lock of an open file description": {func(at tree) {
			at.put(rpm, "")
			at.put("proc/locks", at.lock("1: OFDLCK ADVISORY  WRITE -1 %s 0 EOF", rpm))
			open(at, 20, rpm)
		}, "dnf apt-get(20)", ""},
		"a lock of an open file description elsewhere": {func(at tree) {
			at.put(rpm, "")
			at.put("proc/locks", strings.Replace(at.lock("1: OFDLCK ADVISORY  WRITE -1 %s 0 EOF", rpm), "WRITE -1 ", "WRITE -1 f", 1))
			open(at, 20, rpm)
		}, "", ""},
		"locks that cannot be read": {func(at tree) { at.put(frontend, "") }, "", "cannot tell who holds the lock of a package manager"},
		"locks that are a FIFO": {func(at tree) {
			at.put(frontend, "")
			at.fifo("proc/locks")
		}, "", "not a regular file"},
		"more locks than we read": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", strings.Repeat("1: POSIX  ADVISORY  WRITE 20 00:00:1 0 EOF\n", 30000))
		}, "", "too many locks"},
		"descriptors that cannot be read": {func(at tree) {
			at.put(frontend, "")
			at.put("proc/locks", at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", frontend))
			_ = os.RemoveAll(at.path("proc/20/fd"))
			at.fifo("proc/20/fd")
		}, "", "cannot tell who holds the lock of apt"},
		"a planted lock file is not followed": {func(at tree) {
			at.put("home/x", "")
			at.put(frontend, "-> ../../../home/x")
			at.put("proc/locks", at.lock("1: POSIX  ADVISORY  WRITE 20 %s 0 EOF", "home/x"))
			open(at, 20, "home/x")
		}, "", ""},
		"zypper's file names it": {func(at tree) {
			at.process(fake{pid: 21, comm: "zypper", uid: -1})
			at.put("run/zypp.pid", "21\n")
		}, "zypper zypper(21)", ""},
		"zypper's file names another's pid": {func(at tree) { at.put("run/zypp.pid", "20\n") }, "", ""},
		"zypper's file is left over":        {func(at tree) { at.put("run/zypp.pid", "4000\n") }, "", ""},
		"zypper's file is nonsense":         {func(at tree) { at.put("run/zypp.pid", "-1\n") }, "", ""},
		"dnf 4 writes its pid": {func(at tree) {
			at.process(fake{pid: 21, comm: "dnf", exe: "/usr/bin/python3.9", uid: -1})
			at.put("var/cache/dnf/metadata_lock.pid", "21")
		}, "dnf dnf(21)", ""},
		"pacman is at work": {func(at tree) {
			at.process(fake{pid: 21, comm: "pacman", uid: -1})
			at.put("var/lib/pacman/db.lck", "")
		}, "pacman pacman(21)", ""},
		"pacman was killed": {func(at tree) { at.put("var/lib/pacman/db.lck", "") }, "", ""},
		"pacman only looks": {func(at tree) { at.process(fake{pid: 21, comm: "pacman", uid: -1}) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := table(t, apt)
			c.prepare(at)
			m := at.machine()
			m.Gap = time.Millisecond
			jobs := m.Look(context.Background(), probe.Question{Jobs: true}).Jobs
			if got := owners(jobs.Locks); got != c.want || (c.unknown == "") != jobs.Known() || !strings.Contains(jobs.Unknown, c.unknown) {
				t.Errorf("got %q, want %q; unknown %q, want %q", got, c.want, jobs.Unknown, c.unknown)
			}
		})
	}
}

func owners(locks []facts.Lock) string {
	var out []string
	for _, l := range locks {
		out = append(out, fmt.Sprintf("%s %s(%d)", l.Manager, l.Holder.Comm, l.Holder.PID))
	}
	return strings.Join(out, ", ")
}

func TestPower(t *testing.T) {
	t.Parallel()
	const mains, usb, battery, other, mouse = "AC/", "ucsi-source-psy-USBC000:001/", "BAT0/", "BAT1/", "hidpp_battery_0/"
	type files map[string]string
	for name, c := range map[string]struct {
		files files
		want  string
	}{
		"a workstation":                    {files{}, "mains -1"},
		"a workstation with a mouse":       {files{mouse + "type": "Battery", mouse + "scope": "Device", mouse + "capacity": "5", mouse + "status": "Discharging"}, "mains -1"},
		"a workstation with a USB socket":  {files{usb + "type": "USB", usb + "online": "0"}, "mains -1"},
		"a laptop that is plugged in":      {files{mains + "type": "Mains", mains + "online": "1", battery + "type": "Battery", battery + "capacity": "80", battery + "status": "Charging"}, "mains 80"},
		"a laptop on its battery":          {files{mains + "type": "Mains", mains + "online": "0", battery + "type": "Battery", battery + "capacity": "80", battery + "status": "Discharging"}, "battery 80"},
		"a laptop that charges by USB":     {files{mains + "type": "Mains", mains + "online": "0", usb + "type": "USB", usb + "online": "1", battery + "type": "Battery", battery + "capacity": "8"}, "mains 8"},
		"two batteries":                    {files{battery + "type": "Battery", battery + "energy_now": "10", battery + "energy_full": "40", other + "type": "Battery", other + "energy_now": "50", other + "energy_full": "60", battery + "status": "Discharging"}, "battery 60"},
		"a battery in charge":              {files{battery + "type": "Battery", battery + "charge_now": "3000000", battery + "charge_full": "4000000", battery + "status": "Full"}, "mains 75"},
		"a bay without battery":            {files{battery + "type": "Battery", battery + "present": "0"}, "mains -1"},
		"a UPS that bears the load":        {files{mains + "type": "UPS", mains + "capacity": "50", mains + "status": "Discharging"}, "battery 50"},
		"a battery that says nothing":      {files{mains + "type": "Mains", mains + "online": "1", battery + "type": "Battery"}, "unknown BAT0 does not say how full it is"},
		"a battery that says nonsense":     {files{battery + "type": "Battery", battery + "capacity": "101"}, "unknown BAT0 does not say how full it is"},
		"a plug that says nonsense":        {files{mains + "type": "Mains", mains + "online": "-", battery + "type": "Battery", battery + "capacity": "80"}, "unknown AC does not say whether it is plugged in"},
		"a plug too many that says naught": {files{mains + "type": "Mains", usb + "type": "USB", usb + "online": "1", battery + "type": "Battery", battery + "capacity": "80"}, "mains 80"},
		"a thing that nobody knows":        {files{other + "type": "Perpetuum", other + "online": "0"}, "mains -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := tree{t, t.TempDir()}
			for file, text := range c.files {
				at.put("sys/class/power_supply/"+file, text+"\n")
			}
			p := at.machine().Look(context.Background(), probe.Question{Power: true}).Power
			got := fmt.Sprintf("battery %d", p.Battery)
			switch {
			case !p.Known():
				got = "unknown " + p.Unknown
			case p.Mains:
				got = fmt.Sprintf("mains %d", p.Battery)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !p.Known() && (p.Mains || p.Battery >= 0) {
				t.Errorf("what is unknown has figures: %+v", p)
			}
		})
	}
}

func TestTemperature(t *testing.T) {
	t.Parallel()
	const dev = "sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/"
	for name, c := range map[string]struct {
		power, says string
		want        int
	}{
		"a device at work":           {"active", "48500\n", 49},
		"a device that never sleeps": {"unsupported", "30000\n", 30},
		"a device that sleeps":       {"suspended", "48500\n", 0},
		"a device that wakes up":     {"resuming", "48500\n", 0},
		"a sensor that is broken":    {"active", "-128000\n", 0},
		"a sensor that says nothing": {"active", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machine(t, "machine.txtar")
			put(t, m.Root, dev+"power/runtime_status", c.power+"\n")
			put(t, m.Root, dev+"hwmon/hwmon3/temp1_input", c.says)
			got := -1
			for _, g := range m.Look(context.Background(), probe.Question{GPUs: true}).GPUs.List {
				if g.PCI == "0000:03:00.0" {
					got = g.Temperature
				}
			}
			if got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestHoldersOfAFile(t *testing.T) {
	t.Parallel()
	at := table(t, fake{pid: 20, comm: "a"}, fake{pid: 21, comm: "b\x1b[2J"}, fake{pid: 22, comm: "c"}, fake{pid: 23, comm: "d", noDescriptors: true})
	at.put("data/file", "")
	at.put("data/link", "-> file")
	at.put("proc/20/fd/4", "-> /data/file")
	at.put("proc/21/fd/400", "-> /data/file")
	at.put("proc/22/fd/4", "-> /data/file2")
	at.put("proc/22/fd/5", "-> /data/file (deleted)")
	for _, file := range []string{"/data/file", "/data/link", "/data/../data/file"} {
		list, err := at.machine().Holders(context.Background(), file)
		if err != nil || len(list) != 2 || list[0].Comm != "a" || list[1].Comm != "b?[2J" || list[1].User != "dev" || list[1].Unit != "session-3.scope" {
			t.Errorf("%s: got %+v, %v", file, list, err)
		}
	}
	if _, err := at.machine().Holders(context.Background(), "/data/none"); err == nil {
		t.Error("a file that is not there has holders")
	}
	at.fifo("proc/23/fd")
	list, err := at.machine().Holders(context.Background(), "/data/file")
	if len(list) != 2 || err == nil || !strings.Contains(err.Error(), "1 processes") {
		t.Errorf("with a process that nobody may see: %+v, %v", list, err)
	}
}

func TestHoldersOfARealFile(t *testing.T) {
	t.Parallel()
	f, err := os.Create(t.TempDir() + "/ein Name\n")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, _ := look.New().Holders(context.Background(), f.Name())
	if len(list) != 1 || int(list[0].PID) != os.Getpid() {
		t.Errorf("got %+v", list)
	}
}
