package nixosmodule_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/config"
)

// evaluate lets Nix say what an expression comes to, as JSON; s is the stand-in
// for nixpkgs. The error is what Nix says on stderr.
func evaluate(t *testing.T, expr string, into any) error {
	t.Helper()
	cmd := exec.Command("nix-instantiate", "--eval", "--strict", "--json", "--expr",
		"let s = import ./testdata/standin; in "+expr)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NIX_STATE_DIR="+t.TempDir())
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil {
		return &nixError{said.String()}
	}
	return json.Unmarshal(raw, into)
}

// read is the expression of a value that Nix gets from here.
func read(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "value.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return "(builtins.fromJSON (builtins.readFile " + file + "))"
}

type nixError struct{ said string }

func (e *nixError) Error() string { return e.said }

// machine is what the module makes of a configuration.
type machine struct {
	TOML            string            `json:"toml"`
	Build           string            `json:"build"`
	Failed          []string          `json:"failed"`
	Warnings        []string          `json:"warnings"`
	SystemPackages  []string          `json:"systemPackages"`
	PathsToLink     []string          `json:"pathsToLink"`
	DBus            []string          `json:"dbus"`
	Units           []string          `json:"units"`
	DropIns         map[string]string `json:"dropIns"`
	Tmpfiles        []string          `json:"tmpfiles"`
	Polkit          bool              `json:"polkit"`
	Services        map[string]any    `json:"services"`
	Sockets         map[string]any    `json:"sockets"`
	UserServices    map[string]any    `json:"userServices"`
	PreSwitchChecks map[string]string `json:"preSwitchChecks"`
}

// machineOf evaluates modules, one of which imports ours.
func machineOf(t *testing.T, module string) machine {
	t.Helper()
	var m machine
	if err := evaluate(t, "s.machine [ "+module+" ]", &m); err != nil {
		t.Fatalf("cannot evaluate %s (is nix-bin installed? make deps): %v", module, err)
	}
	return m
}

// examples are the modules that people copy.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../examples/nixos/*.nix")
	if err != nil || len(files) < 2 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	return files
}

func TestExamplesMakeTheirConfigurationAndUnits(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".nix")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machineOf(t, file)
			if len(m.Failed)+len(m.Warnings) > 0 {
				t.Errorf("complains: %q, %q", m.Failed, m.Warnings)
			}
			if _, err := config.Compile([]config.Source{config.Default(), {Name: "moded.toml", Text: m.TOML}}); err != nil {
				t.Errorf("moded --check: %v in\n%s", err, m.TOML)
			}
			golden(t, "testdata/examples/"+name+".toml", m.TOML)
			m.TOML, m.PreSwitchChecks = "", nil // its paths are hashes
			raw, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/examples/"+name+".json", string(raw)+"\n")
		})
	}
}

func TestTheWorkstationOfTheExamplesIsTheSameInBothLanguages(t *testing.T) {
	t.Parallel()
	// The knobs that the two examples share, by what they mean.
	raw, err := os.ReadFile("../examples/workstation.toml")
	if err != nil {
		t.Fatal(err)
	}
	compile := func(text string) *config.Config {
		c, err := config.Compile([]config.Source{config.Default(), {Name: "moded.toml", Text: text}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, other := compile(string(raw)), compile(machineOf(t, "../examples/nixos/workstation.nix").TOML)
	for _, mode := range one.Catalog.Modes() {
		if _, there := other.Catalog.Mode(mode.Name); !there {
			t.Errorf("workstation.nix has no mode %s", mode.Name)
		}
	}
	if a, b := len(one.Catalog.Edges()), len(other.Catalog.Edges()); a != b {
		t.Errorf("workstation.toml has %d edges, workstation.nix %d", a, b)
	}
}

func TestEveryNixFileParses(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.nix").Output()
	here := strings.Fields(string(out))
	if err != nil || len(here) < 10 {
		t.Fatalf("nix files: %v, %v", here, err)
	}
	more, err := filepath.Glob("../examples/nixos/*.nix")
	if err != nil {
		t.Fatal(err)
	}
	files := append(append(here, "../flake.nix"), more...)
	cmd := exec.Command("nix-instantiate", append([]string{"--parse"}, files...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NIX_STATE_DIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestThePagesShowTheSmallestExample(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../examples/nixos/minimal.nix")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"../README.md", "../docs/nixos.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), string(raw)) {
			t.Errorf("%s does not show examples/nixos/minimal.nix as it is", page)
		}
	}
}
