// Package nvml builds a stand-in for NVIDIA's libnvidia-ml.so.1, so that
// moded-probe's own way to it can be shown on a machine without the card: a real
// library that is really loaded.
//
// What it answers is in nvml.conf beside it, read anew at each nvmlInit. A line
// is one of these; values end at a blank, but a name, which comes last:
//
//	driver 580.95.05
//	gpu gpu0 pci=00000000:01:00.0 uuid=GPU-… total=BYTES used=BYTES busy=PERCENT temperature=CELSIUS \
//	         settable=1 migable=1 power=MILLIWATTS power-min=… power-max=… name=…
//	mig gpu0 gi=1 ci=0 uuid=MIG-… total=BYTES used=BYTES name=…
//	process gpu0 pid=PID kind=compute|graphics|both|mps memory=BYTES sm=PERCENT gi=1 ci=0
//	lost gpu1                                 every call on it gives GPU_IS_LOST
//	init LIB_RM_VERSION_MISMATCH              nvmlInit gives that
//	NOT_SUPPORTED nvmlDeviceGetName [gpu0]    so does any other call, of any version
//	hang nvmlDeviceGetPciInfo [gpu0]          it never comes back
//	crash nvmlDeviceGetPciInfo [gpu0]         it aborts
//	RESET_REQUIRED activation [gpu0]          MIG is not turned on or off at once, for that reason
//	state PATH                                where what is set is kept, not in nvml.state beside the library
//
// A figure that is not given is not supported. Without the file the driver is
// not loaded. A device that is settable has compute modes and persistence, one
// with a power a limit, and one that is migable the profiles of an A100 with 40
// GB; what was set is there for the next process. Where a file nvml.log lies beside it, each call is written to it.
package nvml

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed nvml.c
var code []byte

//go:embed conf.h
var confH []byte

//go:embed knobs.h
var knobsH []byte

//go:embed set.h
var setH []byte

// Name is what the library is called, and the loader looks for.
const Name = "libnvidia-ml.so.1"

// Older are the symbols that the oldest driver which we meet, R450, does not
// have: lists with instances, and all that came with CUDA 11.
var Older = []string{
	"nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses_v3",
	"nvmlDeviceGetGraphicsRunningProcesses_v2", "nvmlDeviceGetGraphicsRunningProcesses_v3",
	"nvmlDeviceGetMPSComputeRunningProcesses",
	"nvmlDeviceGetMPSComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses_v3",
	"nvmlDeviceGetTemperatureV",
	"nvmlDeviceGetMigMode", "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex",
	"nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId",
}

// Build compiles the library into dir, without the symbols named in lacks. It
// needs cc and go, and must be called within this module.
func Build(dir string, lacks ...string) error {
	work, err := os.MkdirTemp("", "nvml")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	nvmlH, err := header()
	if err != nil {
		return fmt.Errorf("cannot find go-nvml's header: %w", err)
	}
	for name, text := range map[string][]byte{"nvml.c": code, "conf.h": confH, "knobs.h": knobsH, "set.h": setH, "nvml.h": nvmlH, "exports": script(lacks)} {
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations",
		"-Wl,--version-script="+filepath.Join(work, "exports"), "-Wl,-soname,"+Name,
		"-o", filepath.Join(dir, Name), filepath.Join(work, "nvml.c"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", Name, err, out)
	}
	return nil
}

// header is go-nvml's nvml.h, with the handles that the driver's own has:
// pointers. go-nvml wraps it, which changes nothing between caller and callee.
func header() ([]byte, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pkg", "nvml", "nvml.h"))
	if err != nil {
		return nil, err
	}
	wrapped := regexp.MustCompile(`typedef struct\s*\{\s*struct (nvmlDevice|nvmlGpuInstance|nvmlComputeInstance)_st\s*\*\s*handle;\s*\}\s*nvml\w+_t;`)
	return wrapped.ReplaceAll(text, []byte("typedef struct ${1}_st *${1}_t;")), nil
}

// script is a version script: an exact name goes before the pattern.
func script(lacks []string) []byte {
	var b strings.Builder
	b.WriteString("{\nglobal: nvml*;\nlocal:\n")
	for _, symbol := range lacks {
		b.WriteString(symbol + ";\n")
	}
	b.WriteString("*;\n};\n")
	return []byte(b.String())
}

// Configure writes what a library in dir answers from its next nvmlInit on. The
// file changes at once, so that nobody reads half of it.
func Configure(dir, conf string) error {
	path := filepath.Join(dir, "nvml.conf")
	if err := os.WriteFile(path+".new", []byte(conf), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
