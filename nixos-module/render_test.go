// Package nixosmodule_test renders configurations with the real Nix evaluator
// and reads them back with the daemon's own decoder.
package nixosmodule_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func render(t *testing.T, file string) (string, error) {
	t.Helper()
	cmd := exec.Command("nix-instantiate", "--eval", "--strict", "--json", "--expr",
		"(import ./render.nix) (import ./"+file+")")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NIX_STATE_DIR="+t.TempDir())
	raw, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it unwrapped.
			t.Logf("nix-instantiate: %s", exit.Stderr)
		}
		return "", err
	}
	var text string
	return text, json.Unmarshal(raw, &text)
}

func TestSettingsRenderAsTOML(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*.nix")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no inputs: ", err)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			t.Parallel()
			got, err := render(t, input)
			if err != nil {
				t.Fatalf("cannot render (is nix-bin installed? make deps): %v", err)
			}
			path := strings.TrimSuffix(input, ".nix") + ".toml"
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}
