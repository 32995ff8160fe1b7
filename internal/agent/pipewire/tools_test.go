package pipewire_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

// TestMain makes the test binary stand for PipeWire's programs: with fakeScript
// set it becomes a shell that runs it. A script on disk could be busy: another
// test may fork while it is being written.
func TestMain(m *testing.M) {
	if script := os.Getenv(fakeScript); script != "" {
		err := syscall.Exec("/bin/sh", append([]string{"sh", "-c", script, "sh"}, os.Args[1:]...), os.Environ()) // #nosec G204 -- the test's
		panic(err)
	}
	os.Exit(m.Run())
}

const fakeScript = "MODED_TEST_SCRIPT"

// programs are PipeWire's, all played by one script.
func programs(t *testing.T, script string) pipewire.Tools {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return pipewire.Tools{Dump: self, Metadata: self, Env: []string{fakeScript + "=" + script}}
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFollowReadsAProgram(t *testing.T) {
	t.Parallel()
	tools := programs(t, fmt.Sprintf(`[ "$1" = -m ] && cat '%s'`, fixture(t, "recording.json")))
	var last pipewire.Summary
	if err := tools.Follow(t.Context(), func(s pipewire.Summary) { last = s }); err != nil {
		t.Errorf("ended with %v, want nil: PipeWire went away", err)
	}
	if last.Recording != 1 {
		t.Errorf("last summary %v", short(last))
	}
}

func TestFollowSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tools pipewire.Tools
		want  string
	}{
		"no such program":           {pipewire.Tools{Dump: filepath.Join(t.TempDir(), "none")}, "pw-dump is not installed"},
		"PipeWire does not answer":  {programs(t, `echo "can't connect: Host is down" >&2; exit 255`), "can't connect: Host is down"},
		"the stream is not pw-dump": {programs(t, "echo nonsense; exec sleep 60"), "cannot read pw-dump"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.tools.Follow(t.Context(), func(pipewire.Summary) {})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestFollowEndsItsProgramWithTheContext(t *testing.T) {
	t.Parallel()
	tools := programs(t, "echo '[]'; exec sleep 600")
	ctx, stop := context.WithCancel(t.Context())
	began := time.Now()
	err := tools.Follow(ctx, func(pipewire.Summary) { stop() })
	if !errors.Is(err, context.Canceled) || time.Since(began) > time.Minute {
		t.Errorf("ended with %v after %v", err, time.Since(began))
	}
}

func TestForceSetsQuantumAndRate(t *testing.T) {
	t.Parallel()
	said := filepath.Join(t.TempDir(), "said")
	tools := programs(t, fmt.Sprintf(`printf '%%s ' "$@" >> '%s'`, said))
	if err := tools.Force(t.Context(), 64, 48000); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(said) // #nosec G304 -- the test's own
	if want := "-n settings 0 clock.force-quantum 64 -n settings 0 clock.force-rate 48000 "; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if err := programs(t, "exit 255").Force(t.Context(), 64, 0); err == nil {
		t.Error("a failing pw-metadata is no error")
	}
}
