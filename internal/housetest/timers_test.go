package housetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modectlPath is where the examples say that modectl is.
const modectlPath = "/usr/bin/modectl"

func TestExamplesOfTimersAreGoodUnits(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/timers/*")
	if err != nil || len(files) != 4 {
		t.Fatalf("found %q, %v", files, err)
	}
	dir := t.TempDir()
	verify := []string{"verify", "--man=no"}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if strings.HasSuffix(file, ".service") && !strings.Contains(text, "ExecStart="+modectlPath+" switch ") {
			t.Errorf("%s does not call modectl", file)
		}
		to := filepath.Join(dir, filepath.Base(file))
		// verify wants a program that is there.
		if err := os.WriteFile(to, []byte(strings.ReplaceAll(text, modectlPath, "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		verify = append(verify, to)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("without systemd-analyze the units are not verified")
		return
	}
	out, err := exec.Command(analyze, verify...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
