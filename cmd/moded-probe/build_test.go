package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	standin "github.com/modectl/moded/test/nvml"
)

// workshop is where this package's tests build; TestMain takes it away.
var workshop string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "moded-probe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workshop = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// probeFlags are the linker's flags of the Makefile, where they are said once.
func probeFlags() (string, error) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^PROBE_LDFLAGS := \$\(LDFLAGS\) (.*)$`).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("the Makefile has no PROBE_LDFLAGS")
	}
	return string(found[1]), nil
}

// build makes a command as it is shipped, but with its symbols.
func build(pkg, flags string, cgo int) (string, error) {
	bin := filepath.Join(workshop, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-ldflags="+flags, "-o", bin, pkg)
	cmd.Env = append(os.Environ(), fmt.Sprintf("CGO_ENABLED=%d", cgo), "CGO_CFLAGS=-O2 -g -Wno-deprecated-declarations")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", pkg, err, out)
	}
	return bin, nil
}

var buildProbe = sync.OnceValues(func() (string, error) {
	flags, err := probeFlags()
	if err != nil {
		return "", err
	}
	return build("github.com/modectl/moded/cmd/moded-probe", flags, 1)
})

// binary is the real moded-probe.
func binary(t *testing.T) string {
	t.Helper()
	bin, err := buildProbe()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// built are the stand-in libraries by what they lack.
var built sync.Map

// library makes a directory with a stand-in of NVIDIA's library in it that
// answers by conf and has none of the symbols in lacks.
func library(t *testing.T, conf string, lacks ...string) string {
	t.Helper()
	key := strings.Join(lacks, " ")
	make, _ := built.LoadOrStore(key, sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp(workshop, "library")
		if err != nil {
			return "", err
		}
		return dir, standin.Build(dir, lacks...)
	}))
	once, _ := make.(func() (string, error))
	dir, err := once()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, standin.Name))
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, standin.Name), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := standin.Configure(own, conf); err != nil {
		t.Fatal(err)
	}
	return own
}
