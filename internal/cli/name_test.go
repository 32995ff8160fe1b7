package cli_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/cli"
)

func TestModeIsASecondName(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	code := cli.Run(t.Context(), cli.Env{
		Args: []string{"/usr/bin/mode", "plan", "--help"}, Stdin: &out, Stdout: &out, Stderr: &out,
		Getenv: func(string) string { return "" }, Now: time.Now,
	})
	if code != 0 || !strings.Contains(out.String(), "mode plan MODE") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

func TestCompletionScriptsAreForTheShellsThatAreSaid(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{"bash": "__start_modectl", "zsh": "#compdef modectl", "fish": "complete -c modectl"} {
		r := play(t, scene{args: "completion " + shell})
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("%s: exit code %d, no %q", shell, r.code, want)
		}
	}
	if r := play(t, scene{args: "completion tcsh"}); r.code != 2 {
		t.Errorf("tcsh: %+v", r)
	}
}
