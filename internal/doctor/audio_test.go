package doctor_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/modectl/moded/internal/doctor"
	"github.com/modectl/moded/pkg/fsm"
)

// files is a machine's tree, path to text.
type files map[string]string

func (f files) fs() fstest.MapFS {
	m := fstest.MapFS{}
	for path, text := range f {
		m[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

const (
	policy0 = "sys/devices/system/cpu/cpufreq/policy0/"
	policy1 = "sys/devices/system/cpu/cpufreq/policy1/"
	tune    = "usr/lib/systemd/system/moded-tune.service"
	limits  = "Limit                     Soft Limit           Hard Limit           Units\n" +
		"Max locked memory         %s              %s              bytes\nMax realtime priority     0                    %d\n"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// thread is a line of /proc/PID/task/TID/stat with that policy and priority.
func thread(name string, priority, policy int) string {
	return fmt.Sprintf("7 (%s) S%s %d %d 0 0 0", name, strings.Repeat(" 0", 36), priority, policy)
}

func TestEachCheckTellsWhatItFound(t *testing.T) {
	t.Parallel()
	tuned := doctor.Studio{Mode: "studio", Tuned: true, Quantum: 64, Rate: 48000}
	for name, c := range map[string]struct {
		check  string
		files  files
		studio doctor.Studio
		change func(m *doctor.Machine)
		level  doctor.Level
		says   string // of the summary
		remedy string
		at     string
	}{
		"root":                    {check: "user", change: func(m *doctor.Machine) { m.Super = true }, level: doctor.Warning, says: "you are root", at: doctor.Now},
		"somebody":                {check: "user", level: doctor.Fine},
		"limits of PAM":           {check: "limits", files: files{"proc/self/limits": fmt.Sprintf(limits, "4294967296", "4294967296", 95)}, level: doctor.Fine, says: "up to 95, locked memory up to 4096 MiB"},
		"no limits":               {check: "limits", files: files{"proc/self/limits": fmt.Sprintf(limits, "unlimited", "unlimited", 99)}, level: doctor.Fine, says: "without limit"},
		"low limits":              {check: "limits", files: files{"proc/self/limits": fmt.Sprintf(limits, "8388608", "8388608", 0)}, level: doctor.Warning, says: "up to 0, locked memory up to 8 MiB", remedy: "95-audio.conf", at: doctor.Login},
		"a group has them":        {check: "limits", files: files{"proc/self/limits": fmt.Sprintf(limits, "65536", "65536", 0), "etc/security/limits.d/25-pw-rlimits.conf": "# x\n@pipewire - rtprio 95\n@pipewire - nice -19\n@few - rtprio 10\n"}, level: doctor.Warning, says: "64 KiB", remedy: "usermod -aG pipewire ann", at: doctor.Login},
		"limits of another world": {check: "limits", files: files{"proc/self/limits": "what?"}, level: doctor.Unknown},
		"no proc":                 {check: "limits", level: doctor.Unknown},
		"not tried":               {check: "scheduling", level: doctor.Unknown},
		"can be FIFO":             {check: "scheduling", change: func(m *doctor.Machine) { m.FIFO = func(int) error { return nil } }, level: doctor.Fine, says: "SCHED_FIFO 80"},
		"cannot be FIFO": {check: "scheduling", change: func(m *doctor.Machine) {
			m.FIFO = func(int) error { return fmt.Errorf("cannot: %w", errors.New("not permitted")) }
		}, level: doctor.Warning, says: "cannot be SCHED_FIFO 80: not permitted", at: doctor.Login},
		"no PipeWire":                         {check: "pipewire", files: files{"proc/9/comm": "pipewire-pulse\n"}, level: doctor.Unknown, says: "does not run"},
		"PipeWire in real time":               {check: "pipewire", files: files{"proc/9/comm": "pipewire\n", "proc/9/task/9/stat": thread("pipewire", 0, 0), "proc/9/task/10/stat": thread("data-loop (0)", 88, 1)}, level: doctor.Fine, says: "priority 88"},
		"PipeWire like anybody":               {check: "pipewire", files: files{"proc/9/comm": "pipewire\n", "proc/9/task/9/stat": thread("pipewire", 0, 0), "proc/9/task/10/stat": "?"}, level: doctor.Warning, remedy: "rtkit", at: doctor.Login},
		"no studio":                           {check: "quantum", level: doctor.Warning, at: doctor.Entering},
		"a quantum":                           {check: "quantum", studio: tuned, level: doctor.Fine, says: "64 frames a period at 48000 Hz: 1.3 ms"},
		"a quantum at any rate":               {check: "quantum", studio: doctor.Studio{Mode: "take", Quantum: 32}, level: doctor.Fine, says: "take forces 32 frames"},
		"a configuration that cannot be read": {check: "quantum", studio: doctor.Studio{Unread: true}, level: doctor.Unknown},
		"no quantum":                          {check: "quantum", studio: doctor.Studio{Mode: "take"}, level: doctor.Note, remedy: "[modes.take.audio]", at: doctor.Entering},
		"no scaling":                          {check: "governor", level: doctor.Fine, says: "no frequency scaling"},
		"performance":                         {check: "governor", files: files{policy0 + "scaling_governor": "performance\n"}, level: doctor.Fine, says: "performance on all CPUs"},
		"studio sets it":                      {check: "governor", studio: tuned, files: files{tune: "", policy0 + "scaling_governor": "powersave", policy0 + "scaling_available_governors": "performance powersave", policy1 + "scaling_governor": "performance"}, level: doctor.Fine, says: "performance on 1, powersave on 1 of 2 policies; studio sets performance"},
		"studio cannot set it":                {check: "governor", studio: tuned, files: files{tune: "", policy0 + "scaling_governor": "powersave", policy0 + "scaling_available_governors": "powersave"}, level: doctor.Warning, says: "1 cannot have performance", at: doctor.Boot},
		"studio is not tuned":                 {check: "governor", studio: doctor.Studio{Mode: "studio"}, files: files{tune: "", policy0 + "scaling_governor": "powersave", policy0 + "scaling_available_governors": "performance"}, level: doctor.Warning, remedy: `tune = "low-latency" in [modes.studio]`, at: doctor.Entering},
		"nobody to tune":                      {check: "governor", studio: tuned, files: files{policy0 + "scaling_governor": "powersave", policy0 + "scaling_available_governors": "performance"}, level: doctor.Warning, remedy: "install moded-tune.service", at: doctor.Entering},
		"no mode to tune":                     {check: "governor", files: files{policy0 + "scaling_governor": "powersave", policy0 + "scaling_available_governors": "performance"}, level: doctor.Warning, remedy: "cpupower", at: doctor.Entering},
		"a preference":                        {check: "energy-preference", studio: tuned, files: files{tune: "", policy0 + "energy_performance_preference": "balance_power", policy0 + "energy_performance_available_preferences": "performance power"}, level: doctor.Fine, says: "studio sets performance"},
		"no preference":                       {check: "energy-preference", files: files{policy0 + "scaling_governor": "x"}, level: doctor.Fine, says: "no energy preference"},
		"no file for wake-ups":                {check: "wake-up", studio: tuned, files: files{tune: ""}, level: doctor.Warning, at: doctor.Boot},
		"studio asks for wake-ups":            {check: "wake-up", studio: tuned, files: files{tune: "", "dev/cpu_dma_latency": ""}, level: doctor.Fine, says: "studio asks"},
		"wake-ups for programs":               {check: "wake-up", files: files{"dev/cpu_dma_latency": ""}, change: func(m *doctor.Machine) { m.Writable = func(path string) bool { return path == "/dev/cpu_dma_latency" } }, level: doctor.Fine, says: "programs of yours"},
		"wake-ups for root":                   {check: "wake-up", files: files{"dev/cpu_dma_latency": ""}, change: func(m *doctor.Machine) { m.Writable = func(string) bool { return false } }, level: doctor.Warning, remedy: "udev", at: doctor.Entering},
		"wake-ups not tried":                  {check: "wake-up", files: files{"dev/cpu_dma_latency": ""}, level: doctor.Unknown},
		"threads share cores":                 {check: "smt", files: files{"sys/devices/system/cpu/smt/active": "1\n"}, level: doctor.Note, remedy: "nosmt", at: doctor.Boot},
		"no threads share cores":              {check: "smt", files: files{"sys/devices/system/cpu/smt/active": "0\n"}, level: doctor.Fine},
		"no word about cores":                 {check: "smt", level: doctor.Unknown},
		"PREEMPT_RT by its sign":              {check: "preemption", files: files{"sys/kernel/realtime": "1\n"}, level: doctor.Fine, says: "PREEMPT_RT"},
		"PREEMPT_RT by configuration":         {check: "preemption", files: files{"proc/config.gz": zipped(t, "CONFIG_PREEMPT_RT=y\n")}, level: doctor.Fine, says: "PREEMPT_RT"},
		"threadirqs":                          {check: "preemption", files: files{"proc/cmdline": "quiet threadirqs\n"}, level: doctor.Fine, says: "threadirqs"},
		"threadirqs and preempt=full":         {check: "preemption", files: files{"proc/cmdline": "preempt=full threadirqs"}, level: doctor.Fine, says: "full preemption, and"},
		"preempt=full":                        {check: "preemption", files: files{"proc/cmdline": "preempt=full"}, level: doctor.Fine, remedy: "threadirqs", at: doctor.Boot},
		"full by build, not by boot":          {check: "preemption", files: files{"proc/cmdline": "preempt=voluntary", "proc/config.gz": zipped(t, "CONFIG_PREEMPT=y\nCONFIG_PREEMPT_DYNAMIC=y\n")}, level: doctor.Warning, remedy: "preempt=full threadirqs", at: doctor.Boot},
		"full by build":                       {check: "preemption", files: files{"proc/config.gz": zipped(t, "CONFIG_PREEMPT=y\n")}, level: doctor.Fine},
		"no preemption":                       {check: "preemption", files: files{"proc/config.gz": zipped(t, "# CONFIG_PREEMPT is not set\n")}, level: doctor.Warning, remedy: "threadirqs on", at: doctor.Boot},
		"preemption of who knows":             {check: "preemption", files: files{"proc/config.gz": "no gzip"}, level: doctor.Unknown},
		"timers, from /boot":                  {check: "timers", files: files{"proc/sys/kernel/osrelease": "6.12.8\n", "boot/config-6.12.8": "CONFIG_HIGH_RES_TIMERS=y\n"}, level: doctor.Fine},
		"no timers":                           {check: "timers", files: files{"proc/config.gz": zipped(t, "CONFIG_X=y\n")}, level: doctor.Warning, remedy: "CONFIG_HIGH_RES_TIMERS=y", at: doctor.Boot},
		"a release that climbs":               {check: "timers", files: files{"proc/sys/kernel/osrelease": "../../etc\n"}, level: doctor.Unknown, says: "neither"},
		"tickless":                            {check: "tickless", files: files{"proc/config.gz": zipped(t, "CONFIG_NO_HZ_IDLE=y\n")}, level: doctor.Fine},
		"mitigations off":                     {check: "mitigations", files: files{"proc/cmdline": "mitigations=off"}, level: doctor.Note, says: "are off"},
		"mitigations on":                      {check: "mitigations", files: files{"sys/devices/system/cpu/vulnerabilities/meltdown": "Mitigation: PTI\n", "sys/devices/system/cpu/vulnerabilities/srbds": "Not affected\n"}, level: doctor.Note, says: "are on (1)", at: doctor.Boot},
		"no mitigations":                      {check: "mitigations", level: doctor.Fine},
		"no swappiness":                       {check: "swappiness", level: doctor.Unknown},
		"low swappiness":                      {check: "swappiness", files: files{"proc/sys/vm/swappiness": "10\n"}, level: doctor.Fine},
		"swappiness by studio":                {check: "swappiness", studio: tuned, files: files{tune: "", "proc/sys/vm/swappiness": "60\n"}, level: doctor.Fine, says: "is 60; studio sets 10"},
		"swappiness without swap":             {check: "swappiness", files: files{"proc/sys/vm/swappiness": "60\n", "proc/swaps": "Filename Type Size Used Priority\n"}, level: doctor.Fine, says: "no swap"},
		"high swappiness":                     {check: "swappiness", files: files{"proc/sys/vm/swappiness": "60\n", "proc/swaps": "Filename Type\n/dev/sda2 partition\n"}, level: doctor.Warning, remedy: "sysctl", at: doctor.Entering},
		"a local disk":                        {check: "filesystem", files: files{"proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /home/annabel rw - nfs4 x rw\n"}, level: doctor.Fine, says: "ext4"},
		"a home that waits":                   {check: "filesystem", files: files{"proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /home rw shared:1 - nfs4 x rw\n"}, level: doctor.Warning, says: "/home (nfs4)", at: doctor.Now},
		"a home behind a program":             {check: "filesystem", files: files{"proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /home/ann rw - fuse.gocryptfs x rw\n"}, level: doctor.Warning, says: "fuse.gocryptfs"},
		"no mounts":                           {check: "filesystem", files: files{"proc/self/mountinfo": "x\n"}, level: doctor.Unknown},
		"a line of its own":                   {check: "interrupts", files: files{"sys/kernel/irq/16/actions": "snd_hda_intel:card0\n", "sys/kernel/irq/1/actions": "i8042,i8042\n"}, level: doctor.Fine},
		"lines that are shared":               {check: "interrupts", files: files{"sys/kernel/irq/16/actions": "snd_hda_intel:card0,nvidia\n", "sys/kernel/irq/9/actions": "xhci_hcd,ahci\n"}, level: doctor.Warning, says: "9 by xhci_hcd and ahci, 16 by snd_hda_intel:card0 and nvidia", at: doctor.Firmware},
		"neither sound nor USB, if any":       {check: "interrupts", files: files{"sys/kernel/irq/9/actions": "acpi\n"}, level: doctor.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := doctor.Machine{Root: c.files.fs(), User: "ann", Home: "/home/ann"}
			if c.change != nil {
				c.change(&m)
			}
			r := doctor.Audio(m, c.studio)
			i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Check == c.check })
			if i < 0 {
				t.Fatalf("there is no check %s", c.check)
			}
			f := r.Findings[i]
			if f.Level != c.level || !strings.Contains(f.Summary, c.says) || !strings.Contains(f.Remedy, c.remedy) || c.at != "" && f.At != c.at {
				t.Errorf("found %+v", f)
			}
			if (f.Remedy == "") != (f.At == "") || f.Level == doctor.Warning && f.Remedy == "" || f.Summary == "" {
				t.Errorf("it does not say what to do and when: %+v", f)
			}
		})
	}
}

// Whatever is missing: each check says something, and none of them panics.
func TestAMachineThatShowsNothingIsNotCalledFine(t *testing.T) {
	t.Parallel()
	r := doctor.Audio(doctor.Machine{Root: fstest.MapFS{}}, doctor.Studio{})
	if len(r.Findings) != 16 || r.Count(doctor.Unknown) < 8 {
		t.Errorf("%d findings: %+v", len(r.Findings), r.Findings)
	}
}

// The real one is read without rights, whatever it is.
func TestThisMachineCanBeLookedAt(t *testing.T) {
	t.Parallel()
	r := doctor.Audio(doctor.Machine{Root: os.DirFS("/"), Home: "/root"}, doctor.Studio{})
	for _, f := range r.Findings {
		if f.Check == "limits" && f.Level == doctor.Unknown {
			t.Errorf("%+v", f)
		}
	}
}

func TestWhatAModeSetsIsReadOffItsSettings(t *testing.T) {
	t.Parallel()
	m := fsm.Mode{Name: "take", Settings: []fsm.Setting{
		{Kind: "audio", Value: `{"state":"realtime","quantum":64,"rate":48000}`},
		{Kind: "gpus", Key: "gpu1", Value: `{"owner":"none"}`},
		{Kind: "slices", Key: "system.slice", Value: `{"allowed-cpus":"0-3","cpu-weight":20,"memory-high":18446744073709551615}`},
		{Kind: "tune", Value: `{"state":"low-latency"}`},
		{Kind: "units", Key: "fstrim.timer", Value: `{"state":"inactive"}`},
		{Kind: "user-slices", Key: "background.slice", Value: `{"cpu-weight":10}`},
		{Kind: "vllm", Key: "main", Value: `["of another shape"]`},
	}}
	s, realtime := doctor.StudioOf(m)
	want := "quantum 64; rate 48000; gpu1 for none; weight 20 for system; CPUs 0-3 for system; " +
		"governor, energy preference, wake-up latency and swappiness; fstrim.timer inactive; weight 10 for background of users"
	if got := strings.Join(s.Sets, "; "); !realtime || s.Mode != "take" || !s.Tuned || s.Quantum != 64 || s.Rate != 48000 || got != want {
		t.Errorf("%v, %+v", realtime, s)
	}
	if _, realtime := doctor.StudioOf(fsm.Mode{Name: "x", Settings: []fsm.Setting{{Kind: "audio", Value: `{"state":"on"}`}}}); realtime {
		t.Error("a mode with plain audio is a studio")
	}
}
