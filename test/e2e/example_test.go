package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/internal/cli"
)

// examplesNeed is what has to be so before the examples of a command make sense:
// what happens on the machine, and what modectl is told.
var examplesNeed = map[string]struct{ simulate, modectl []string }{
	"confirm": {modectl: []string{"switch studio --yes --confirm 5m"}},
	"cancel":  {modectl: []string{"switch studio --yes --confirm 5m"}},
	"recover": {
		simulate: []string{"fail unit start ai.service", "fail unit start gdm.service"},
		modectl:  []string{"switch compute --yes --now"},
	},
}

// endless are examples that go on until somebody has seen enough.
var endless = []string{"watch", "--until"}

// findsFault are commands that end with 1 on the machine of the test, which has
// no moded.
var findsFault = []string{"doctor"}

func TestEveryCommandHasExamplesThatWork(t *testing.T) {
	t.Parallel()
	for _, cmd := range runnable(cli.Tree()) {
		words := strings.TrimPrefix(cmd.CommandPath(), "modectl ")
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(cmd.Example, "modectl "+words) && len(cmd.Commands()) == 0 {
				t.Fatalf("modectl %s has no example of itself: see examples in internal/cli", words)
			}
			a := attempt{play: open(t), words: words, dir: readersDir(t)}
			for _, line := range examplesNeed[words].simulate {
				a.simulate(line)
			}
			for _, line := range examplesNeed[words].modectl {
				_ = a.Modectl(t.Context(), strings.Fields(line)...).Run() // a switch that gets stuck fails
			}
			a.simulate("heal")
			for line := range strings.SplitSeq(cmd.Example, "\n") {
				a.try(strings.TrimSpace(line))
			}
		})
	}
}

func runnable(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.Runnable() && !c.Hidden && c.Name() != "help" {
			list = append(list, c)
		}
		list = append(list, runnable(c)...)
	}
	return list
}

// readersDir is where somebody tries the examples: with the files that they name,
// and a journal.
func readersDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"night.toml": "default-mode = \"compute\"\n", "projects/song.rpp": "", "bin/journalctl": "#!/bin/sh\necho \"$*\"\n",
	} {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil { //nolint:gosec // one of them is a program
			t.Fatal(err)
		}
	}
	return dir
}

// attempt is somebody who types examples.
type attempt struct {
	*play
	words, dir string
}

func (a attempt) try(line string) {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), "sh", "-c", "exec "+line)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "MODECTL_BUS="+a.Bus, "PATH="+filepath.Join(a.dir, "bin")+":"+a.Bin+":"+os.Getenv("PATH"))
	out := &heard{first: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	want := 0
	if contains(line, endless) {
		select {
		case <-out.first:
		case <-a.t.Context().Done():
		}
		_ = cmd.Process.Signal(syscall.SIGINT)
		if strings.Contains(line, "--until") {
			want = 130
		}
	}
	_ = cmd.Wait() // the exit code tells
	code := cmd.ProcessState.ExitCode()
	if code != want && (code != 1 || !contains(a.words, findsFault)) {
		a.t.Errorf("%s\nexit code %d, want %d:\n%s", line, code, want, out.text.String())
	}
}

func contains(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// heard is what a command says; first is closed when it has said something.
type heard struct {
	once  sync.Once
	first chan struct{}
	text  bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	defer h.once.Do(func() { close(h.first) })
	return h.text.Write(b)
}
