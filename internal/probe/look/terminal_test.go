package look_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/modectl/moded/internal/probe/look"
)

// TestARealShellAtItsPromptControlsJobs runs this machine's shells in terminals:
// at a prompt and with something to run.
func TestARealShellAtItsPromptControlsJobs(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"sh", "bash", "dash", "zsh", "mksh"} {
		if _, err := exec.LookPath(shell); err != nil && shell != "sh" {
			continue // sh is everywhere, the others are welcome
		}
		for _, c := range []struct {
			args []string
			want bool
		}{{nil, true}, {[]string{"-c", "echo ready; sleep 60; true"}, false}} {
			t.Run(fmt.Sprint(shell, c.args), func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command(shell, c.args...)
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TERM=dumb"}
				terminal, err := pty.Start(cmd)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = terminal.Close() }()
				if c.want {
					// What it says at its prompt it says when it has taken the terminal.
					if _, err := terminal.WriteString("echo re''ady\n"); err != nil {
						t.Fatal(err)
					}
				}
				for r := bufio.NewReader(terminal); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						t.Fatalf("it never got ready: %v", err)
					}
					if strings.Contains(line, "ready") {
						break
					}
				}
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
				if err != nil {
					t.Fatal(err)
				}
				if got := look.Interactive(string(stat)); got != c.want {
					t.Errorf("interactive %v, want %v: %s", got, c.want, stat)
				}
			})
		}
	}
}
