package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	standin "github.com/modectl/moded/test/nvml"
)

// settable are two GPUs that can be set up: gpu1 can be partitioned too.
const settable = `driver 580.95.05
gpu gpu0 pci=00000000:0A:00.0 uuid=GPU-0 total=24000 used=500 busy=4 settable=1 power=300000 power-min=100000 power-max=350000 name=NVIDIA GeForce RTX 4090
gpu gpu1 pci=00000000:0B:00.0 uuid=GPU-1 total=80000 used=900 busy=0 settable=1 migable=1 power=250000 power-min=100000 power-max=300000 name=NVIDIA A100-PCIE-40GB
`

// Their addresses.
const first, second = "0000:0a:00.0", "0000:0b:00.0"

// ordered runs the real verb as moded-gpu.service does, and returns its report.
func ordered(t *testing.T, dir, pci, settings string, args ...string) (actions.GPUReport, error) {
	t.Helper()
	own := t.TempDir()
	order, report := filepath.Join(own, "order.json"), filepath.Join(own, "report.json")
	text := `{"id":"7","pci":"` + pci + `","settings":` + settings + `}`
	if err := os.WriteFile(order, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary(t), append(append([]string{"--nvml-deadline=1m"}, args...), "--order", order, "--report", report, "apply")...)
	cmd.Env = []string{"LD_LIBRARY_PATH=" + dir}
	out, failed := cmd.CombinedOutput()
	t.Logf("it says %s", out)
	var r actions.GPUReport
	raw, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil || r.ID != "7" {
		t.Fatalf("the report is %q, %v", raw, err)
	}
	return r, failed
}

// is asks a probe of its own what a GPU is set to.
func is(t *testing.T, dir, pci string) facts.GPUSettings {
	t.Helper()
	a := start(t, dir).ask(t, probe.Question{Settings: []string{pci}})
	s, ok := a.Settings[pci]
	if !ok || !s.Known() {
		t.Fatalf("got %+v", a.Settings)
	}
	return s
}

func TestWhatIsOrderedIsSetAndReadBackByAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := library(t, settable)
	if r, err := ordered(t, dir, first, `{"compute-mode":"prohibited","power-limit":"250W","persistence":true}`); err != nil || len(r.Problems) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	s := is(t, dir, first)
	if s.ComputeMode != "prohibited" || s.PowerLimit != 250_000 || s.Persistence == nil || !*s.Persistence {
		t.Errorf("got %+v", s)
	}
	if s.PowerDefault != 300_000 || s.PowerMin != 100_000 || s.PowerMax != 350_000 || s.MIG != "" {
		t.Errorf("got %+v", s)
	}
	if s := is(t, dir, second); s.ComputeMode != "default" || s.PowerLimit != 250_000 || s.MIG != "off" || !slices.Contains(s.Profiles, "3g.20gb") {
		t.Errorf("the other GPU is %+v", s)
	}
	if r, err := ordered(t, dir, first, `{"compute-mode":"default","power-limit":"default","persistence":false,"mig":["off"]}`); err != nil || len(r.Problems) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := is(t, dir, first); s.ComputeMode != "default" || s.PowerLimit != 300_000 || *s.Persistence {
		t.Errorf("back it is %+v", s)
	}
}

// 4g.20gb fits only at the beginning, where a driver that is asked for a small
// part first puts that one.
func TestAGPUIsCutIntoPartsAndMadeWhole(t *testing.T) {
	t.Parallel()
	dir := library(t, settable)
	for _, c := range []struct {
		want  string
		parts []string
		mig   string
	}{
		{`["1g.5gb","4g.20gb","1g.5gb+me"]`, []string{"1g.5gb", "1g.5gb+me", "4g.20gb"}, "on"},
		{`["3g.20gb","3g.20gb"]`, []string{"3g.20gb", "3g.20gb"}, "on"},
		{`["on"]`, nil, "on"},
		{`["2g.10gb"]`, []string{"2g.10gb"}, "on"},
		{`["off"]`, nil, "off"},
	} {
		if r, err := ordered(t, dir, second, `{"mig":`+c.want+`,"power-limit":"200W"}`); err != nil {
			t.Fatalf("%s: %+v, %v", c.want, r, err)
		}
		s := is(t, dir, second)
		slices.Sort(s.Parts)
		if s.MIG != c.mig || s.MIGPending != c.mig || !slices.Equal(s.Parts, c.parts) || s.PowerLimit != 200_000 {
			t.Errorf("%s: got %+v", c.want, s)
		}
	}
}

func TestWhatTheDriverRefusesIsReported(t *testing.T) {
	t.Parallel()
	const all = `{"compute-mode":"exclusive-process","power-limit":"250W","persistence":true}`
	for name, c := range map[string]struct {
		conf, pci, want string
		lacks           []string
		problems        []string // in the report's order
		left            func(s facts.GPUSettings) bool
	}{
		"not supported, and the rest is set": {conf: "NOT_SUPPORTED nvmlDeviceSetPowerManagementLimit gpu0\n", pci: first, want: all,
			problems: []string{"power-limit: the device does not support it"},
			left: func(s facts.GPUSettings) bool {
				return s.ComputeMode == "exclusive-process" && s.PowerLimit == 300_000 && *s.Persistence
			}},
		"no permission": {conf: "NO_PERMISSION nvmlDeviceSetComputeMode\n", pci: first, want: `{"compute-mode":"prohibited"}`,
			problems: []string{"compute-mode: no permission to ask the driver"}},
		"a power out of bounds": {pci: first, want: `{"power-limit":"900W"}`, problems: []string{"power-limit: the driver does not take that value"}},
		"a card without MIG":    {pci: first, want: `{"mig":["1g.5gb"]}`, problems: []string{"mig: the device does not support it"}},
		"a profile of another":  {pci: second, want: `{"mig":["1g.10gb"]}`, problems: []string{"mig: it has no profile 1g.10gb"}},
		"parts that do not fit": {pci: second, want: `{"mig":["4g.20gb","4g.20gb"]}`, problems: []string{"mig: the GPU has no room for it"}},
		"MIG with a client": {conf: "process gpu1 pid=77 kind=compute\n", pci: second, want: `{"mig":["1g.5gb"]}`,
			problems: []string{"mig: the GPU is in use, and MIG changes only when nobody has it open"},
			left:     func(s facts.GPUSettings) bool { return s.MIG == "off" && s.MIGPending == "off" }},
		"MIG that needs a reset": {conf: "RESET_REQUIRED activation gpu1\n", pci: second, want: `{"mig":["1g.5gb"]}`,
			problems: []string{"mig: the GPU must be reset for it, which its driver cannot do here: say nvidia-smi --gpu-reset, or restart the machine"},
			left:     func(s facts.GPUSettings) bool { return s.MIG == "off" && s.MIGPending == "off" }},
		"a lost GPU": {conf: "lost gpu0\n", pci: first, want: `{"compute-mode":"default","persistence":true}`,
			problems: []string{"persistence: the GPU has fallen off the bus", "compute-mode: the GPU has fallen off the bus"}},
		"a GPU that is not there": {pci: "0000:0c:00.0", want: `{"compute-mode":"default"}`, problems: []string{"compute-mode: the driver has no such device"}},
		"an update without a reboot": {conf: "init LIB_RM_VERSION_MISMATCH\n", pci: first, want: `{"power-limit":"default"}`,
			problems: []string{"power-limit: library and driver have different versions: reboot after the update"}},
		"an older driver": {pci: second, want: `{"mig":["1g.5gb"]}`, lacks: []string{"nvmlDeviceSetMigMode"},
			problems: []string{"mig: the driver is too old for it: its library has no nvmlDeviceSetMigMode"}},
		"a driver from before MIG": {pci: second, want: `{"mig":["off"]}`, lacks: standin.Older},
		"a library that crashes": {conf: "crash nvmlDeviceSetComputeMode\n", pci: first, want: all,
			problems: []string{"persistence: the call broke", "compute-mode: the call broke", "power-limit: the call broke"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := library(t, settable+c.conf, c.lacks...)
			r, err := ordered(t, dir, c.pci, c.want)
			if (err == nil) != (len(c.problems) == 0) {
				t.Errorf("it ended with %v", err)
			}
			if len(r.Problems) != len(c.problems) {
				t.Fatalf("got %+v", r.Problems)
			}
			for i, p := range r.Problems {
				if got := p.Setting + ": " + p.Problem; !strings.HasPrefix(got, c.problems[i]) {
					t.Errorf("it reports %q, want %q", got, c.problems[i])
				}
			}
			if c.left != nil {
				if s := is(t, dir, c.pci); !c.left(s) {
					t.Errorf("it left %+v", s)
				}
			}
		})
	}
}

// The unit must end although the call does not, with words.
func TestALibraryThatHangsIsLeftBehind(t *testing.T) {
	t.Parallel()
	dir := library(t, settable+"hang nvmlDeviceSetPowerManagementLimit gpu0\n")
	began := time.Now()
	r, err := ordered(t, dir, first, `{"power-limit":"250W"}`, "--nvml-deadline=2s")
	if err == nil || len(r.Problems) != 1 || r.Problems[0].Problem != "no answer within 2s" {
		t.Errorf("%+v, %v", r, err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Reading is no different: the daemon goes on, and says why nothing is known.
func TestSettingsThatCannotBeReadAreUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ conf, says, deadline string }{
		"a hang":          {"hang nvmlDeviceGetComputeMode gpu0\n", "no answer within 2s", "2s"},
		"a crash":         {"crash nvmlDeviceGetComputeMode gpu0\n", "the call broke", "1m"},
		"a lost GPU":      {"lost gpu0\n", "the GPU has fallen off the bus", "1m"},
		"another version": {"init LIB_RM_VERSION_MISMATCH\n", "reboot after the update", "1m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, library(t, settable+c.conf), "--nvml-deadline="+c.deadline).ask(t, probe.Question{Settings: []string{first}})
			if s := a.Settings[first]; s.Known() || !strings.Contains(s.Unknown, c.says) {
				t.Errorf("got %+v, want %q", s, c.says)
			}
		})
	}
	// Where there is no driver, nothing can be set, and that is no problem.
	a := start(t, t.TempDir(), "--nvml-library=/nonexistent/libnvidia-ml.so.1").ask(t, probe.Question{Settings: []string{first}})
	if s := a.Settings[first]; !s.Known() || s.Without == "" {
		t.Errorf("got %+v", s)
	}
}

// To call what a library lacks would end the process.
func TestALibraryWithoutSomeOfTheCallsTellsTheRest(t *testing.T) {
	t.Parallel()
	dir := library(t, settable, append([]string{"nvmlDeviceGetComputeMode", "nvmlDeviceGetPowerManagementDefaultLimit",
		"nvmlDeviceGetPowerManagementLimitConstraints", "nvmlDeviceGetGpuInstanceProfileInfo", "nvmlDeviceGetGpuInstanceProfileInfoV",
		"nvmlDeviceSetComputeMode"}, standin.Older...)...)
	s := is(t, dir, second)
	if s.ComputeMode != "" || s.PowerDefault != 0 || s.PowerMax != 0 || s.MIG != "" || len(s.Profiles) > 0 || s.PowerLimit != 250_000 || s.Persistence == nil {
		t.Errorf("got %+v", s)
	}
	r, err := ordered(t, dir, second, `{"compute-mode":"prohibited","persistence":true}`)
	if err == nil || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0].Problem, "the driver is too old for it") {
		t.Errorf("%+v, %v", r, err)
	}
	if s := is(t, dir, second); !*s.Persistence {
		t.Error("persistence was possible")
	}
}
