package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// No t.Parallel: the stand-in for journalctl is found by the process's own PATH.
func TestTheLogOfATransitionIsTheJournals(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\necho \"$@\"\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	for args, want := range map[string]string{
		"log 15":     "--unit=moded.service MODED_TRANSITION=15",
		"log":        "--unit=moded.service MODED_TRANSITION=16",
		"log #15 -x": "--unit=moded.service MODED_TRANSITION=15 --catalog",
		"log --json": "--unit=moded.service MODED_TRANSITION=16 --output=json --no-pager",
	} {
		if r := play(t, scene{daemon: machine, args: args}); strings.TrimSpace(r.stdout) != want || r.code != 3 {
			t.Errorf("%s: exit code %d: %s%s, want %s", args, r.code, r.stdout, r.stderr, want)
		}
	}
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "journalctl")), os.Symlink(daemon, filepath.Join(dir, "dbus-daemon"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if r := play(t, scene{daemon: machine, args: "log 15"}); r.code != 1 || !strings.Contains(r.stderr, "modectl history show 15") {
		t.Errorf("without journalctl: exit code %d: %s", r.code, r.stderr)
	}
}
