package pipewire_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/agent/pipewire"
)

// script writes a program.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pw-top")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// The files are from what pw-top 1.4.2 said.
func TestTheLastLookOfPwTopIsTheMeasurement(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]pipewire.Clock{
		"playing":   {{Driver: "alsa_output.pci-0000_00_03.0.analog-stereo", Quantum: 256, Rate: 48000}},
		"no driver": nil,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			said, err := filepath.Abs(filepath.Join("testdata", "pw-top", strings.ReplaceAll(file, " ", "-")+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			tools := pipewire.Tools{Top: script(t, fmt.Sprintf(`test "$*" = "-b -n 2" && cat %q`, said))}
			got, err := tools.Measure(t.Context())
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAPwTopThatCannotMeasureSaysWhy(t *testing.T) {
	t.Parallel()
	old := pipewire.Tools{Top: script(t, "echo \"pw-top: invalid option -- 'b'\" >&2; exit 255")}
	if _, err := old.Measure(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid option -- 'b'") {
		t.Errorf("%v", err)
	}
	if _, err := (pipewire.Tools{Top: "/nonexistent/pw-top"}).Measure(t.Context()); !errors.Is(err, pipewire.ErrMissing) {
		t.Errorf("%v", err)
	}
}
