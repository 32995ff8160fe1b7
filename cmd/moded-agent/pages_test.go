package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test's binary be the agent for one look at itself.
func TestMain(m *testing.M) {
	if os.Getenv("MODED_TEST_PAGES") != "" {
		smallPages()
		status, err := os.ReadFile("/proc/self/status")
		fmt.Println(string(status), err)
		return
	}
	os.Exit(m.Run())
}

func TestTheAgentTakesSmallPages(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MODED_TEST_PAGES=1")
	status, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Name:\tmoded-agent.tes\n", "THP_enabled:\t0\n", fmt.Sprintf("Pid:\t%d\n", cmd.Process.Pid)} {
		if !strings.Contains(string(status), line) {
			t.Errorf("%q is not in\n%s", line, status)
		}
	}
}
