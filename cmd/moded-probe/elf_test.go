package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/version"
)

// go-nvml leaves NVML's functions undefined. Bound at once, moded-probe would end
// before main on every machine without the driver.
func TestTheProbeIsBoundLazily(t *testing.T) {
	t.Parallel()
	bin := binary(t)
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for tag, bits := range map[elf.DynTag]uint64{elf.DT_FLAGS: uint64(elf.DF_BIND_NOW), elf.DT_FLAGS_1: uint64(elf.DF_1_NOW), elf.DT_BIND_NOW: ^uint64(0)} {
		values, err := f.DynValue(tag)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if v&bits != 0 || tag == elf.DT_BIND_NOW {
				t.Errorf("%v is %#x: it asks to be bound at once", tag, v)
			}
		}
	}
	wanted, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(wanted, func(s elf.ImportedSymbol) bool { return s.Name == "nvmlInit_v2" }) {
		t.Error("it does not call NVML at all")
	}
	for _, lib := range needed(t, f) {
		if strings.Contains(lib, "nvidia") {
			t.Errorf("it cannot start without %s", lib)
		}
	}
	cmd := exec.Command(bin, "--version")
	cmd.Env = []string{} // no LD_BIND_NOW, and no library
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != version.Version {
		t.Errorf("without the library it says %q, %v", out, err)
	}
}

func needed(t *testing.T, f *elf.File) []string {
	t.Helper()
	libs, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	return libs
}

// A crash in somebody's library must not be the brain's.
func TestTheBrainIsStatic(t *testing.T) {
	t.Parallel()
	bin, err := build("github.com/modectl/moded/cmd/moded", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a %v segment: it is linked dynamically", p.Type)
		}
	}
	if f.Section(".dynamic") != nil {
		t.Error("it has a dynamic section")
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	if len(symbols) == 0 {
		t.Error("there is nothing to look at")
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "nvml") || strings.Contains(s.Name, "go-nvml") || strings.HasPrefix(s.Name, "_cgo_") && s.Section != elf.SHN_UNDEF && strings.Contains(s.Name, "Cfunc") {
			t.Errorf("it has %s", s.Name)
		}
	}
}

// With eager binding the probe does not start, which is why the child's
// environment is made anew: this says that the trap is still there.
func TestTheChildIsNotBoundAtOnce(t *testing.T) {
	bin := binary(t)
	cmd := exec.Command(bin, "--version")
	cmd.Env = []string{"LD_BIND_NOW=1"}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "undefined symbol") {
		t.Errorf("it starts with LD_BIND_NOW: %q, %v", out, err)
	}
	t.Setenv("LD_BIND_NOW", "1")
	t.Setenv("LD_LIBRARY_PATH", "/somewhere")
	if env := environment(); !slices.Equal(env, []string{"LD_LIBRARY_PATH=/somewhere"}) {
		t.Errorf("the child gets %v", env)
	}
	if err := os.Unsetenv("LD_LIBRARY_PATH"); err != nil {
		t.Fatal(err)
	}
	if env := environment(); env == nil || len(env) != 0 {
		t.Errorf("the child gets %#v: nil would be all of ours", env)
	}
}
