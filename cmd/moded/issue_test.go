package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/pkg/fsm"
)

func TestTheConsoleSaysHowToLeaveAModeWithoutAGUI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := &issue{dir: dir, headless: func(mode string) (string, bool) { return "desktop", mode == "compute" }}
	i.Changed(fsm.State{Mode: "compute"})
	text, err := os.ReadFile(filepath.Join(dir, issueFile))
	if err != nil || !strings.Contains(string(text), "modectl switch desktop") {
		t.Fatalf("%q, %v", text, err)
	}
	i.Changed(fsm.State{Mode: fsm.Transitioning})
	if _, err := os.Stat(filepath.Join(dir, issueFile)); err != nil {
		t.Error("it went away before the mode did")
	}
	i.Changed(fsm.State{Mode: "desktop"})
	if _, err := os.Stat(filepath.Join(dir, issueFile)); err == nil {
		t.Error("it stayed")
	}
}
