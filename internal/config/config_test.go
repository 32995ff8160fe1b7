package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/fsm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// layers returns the embedded default and the case's files over it.
func layers(t *testing.T, dir string) []config.Source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	list := []config.Source{config.Default()}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, config.Source{Name: filepath.Base(path), Text: string(text)})
	}
	return list
}

// outcome is what the golden files of good cases hold.
type outcome struct {
	Default  string
	Modes    []fsm.Mode
	Edges    []fsm.Edge
	Guards   []fsm.GuardSpec
	GPUs     []config.GPU
	AutoGPUs bool
	GUIUnits []string
	VLLM     []config.VLLM
	K3s      *config.K3s
	Restore  bool
	Drift    config.Drift
	Idle     config.Idle
	Warnings []string
}

func outcomeOf(c *config.Config) outcome {
	o := outcome{
		Default: c.Catalog.Default(), Modes: c.Catalog.Modes(), Edges: c.Catalog.Edges(), Guards: c.Catalog.AllGuards(),
		GPUs: c.GPUs, AutoGPUs: c.AutoGPUs, GUIUnits: c.GUIUnits, VLLM: c.VLLM, K3s: c.K3s,
		Restore: c.Restore, Drift: c.Drift, Idle: c.Idle,
	}
	for _, w := range c.Warnings {
		o.Warnings = append(o.Warnings, w.String())
	}
	return o
}

func TestEachCaseGivesItsCatalogOrItsErrors(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/*.toml")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	for _, dir := range slices.Compact(dirs) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			c, err := config.Compile(layers(t, dir))
			if err != nil {
				golden(t, dir, "want.err", "want.json", err.Error()+"\n")
				return
			}
			golden(t, dir, "want.json", "want.err", pretty(t, outcomeOf(c)))
		})
	}
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw) + "\n"
}

// golden compares with the wanted file; that the other one exists means that
// the case should have ended the other way.
func golden(t *testing.T, dir, want, other, got string) {
	t.Helper()
	if *update {
		_ = os.Remove(filepath.Join(dir, other))
		if err := os.WriteFile(filepath.Join(dir, want), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, want))
	if err != nil {
		t.Fatalf("got\n%s\nbut %v", got, err)
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", want, diff)
	}
}

func TestEveryProblemIsSaidWithItsPlace(t *testing.T) {
	t.Parallel()
	wants, err := filepath.Glob("testdata/*/want.err")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range wants {
		_, err := config.Compile(layers(t, filepath.Dir(want)))
		var bad *config.Error
		if !errors.As(err, &bad) {
			t.Errorf("%s: got %T %v", want, err, err)
			continue
		}
		for _, p := range bad.Problems {
			if p.Line < 1 || p.Column < 1 || p.File == "" {
				t.Errorf("%s: no position: %s", want, p)
			}
		}
	}
}

func TestExamplesAreGood(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"workstation", "minimal"} {
		c, err := config.Load(config.Options{Files: []string{"../../examples/" + name + ".toml"}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := strings.ReplaceAll(pretty(t, outcomeOf(c)), "../../examples/", "")
		golden(t, "testdata", name+".json", name+".err", got)
	}
}

func TestTheEmbeddedDefaultIsGoodAndWithoutWarnings(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Options{Root: t.TempDir(), Trust: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	if way := c.Catalog.Way("studio", "compute"); len(way) != 3 || way[1] != "desktop" {
		t.Errorf("studio to compute goes %v", way)
	}
}

func TestRenderedTextGivesTheSameCatalog(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"workstation", "minimal"} {
		c, err := config.Load(config.Options{Files: []string{"../../examples/" + file + ".toml"}})
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Compile([]config.Source{{Name: "rendered", Text: config.Render(c)}})
		if err != nil {
			t.Fatalf("%v in\n%s", err, config.Render(c))
		}
		want, got := outcomeOf(c), outcomeOf(again)
		want.Warnings, got.Warnings = nil, nil
		if diff := cmp.Diff(pretty(t, want), pretty(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func FuzzNoTextPanics(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*/*.toml")
	for _, path := range append(paths, "default.toml", "../../examples/workstation.toml") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), true)
		f.Add(string(text), false)
	}
	f.Fuzz(func(t *testing.T, text string, over bool) {
		list := []config.Source{{Name: "fuzz.toml", Text: text}}
		if over {
			list = append([]config.Source{config.Default()}, list...)
		}
		c, err := config.Compile(list)
		if err != nil {
			var bad *config.Error
			if !errors.As(err, &bad) || len(bad.Problems) == 0 {
				t.Errorf("error of type %T: %v", err, err)
			}
			return
		}
		again, err := config.Compile([]config.Source{{Name: "rendered", Text: config.Render(c)}})
		if err != nil {
			t.Fatalf("rendered text is not good: %v\n%s", err, config.Render(c))
		}
		if len(again.Catalog.Names()) != len(c.Catalog.Names()) {
			t.Errorf("modes were lost: %v", again.Catalog.Names())
		}
	})
}

func TestAHugeFileIsReadInReasonableTime(t *testing.T) {
	t.Parallel()
	for what, unit := range map[string]string{
		"keys": "k%d = 1\n", "modes": "[modes.m%d]\n", "units": "[base.units.\"u%d.service\"]\nstate = \"active\"\n",
		"names": "# %d\ndefault-mode.a%[1]d.b = [1, 2]\n",
		"edges": "[[edges]]\nevent = \"e%d\"\nfrom = \"desktop\"\nto = \"studio\"\n",
	} {
		var text strings.Builder
		for i := 0; text.Len() < 1<<20; i++ {
			fmt.Fprintf(&text, unit, i)
		}
		began := time.Now()
		_, err := config.Compile([]config.Source{config.Default(), {Name: "huge.toml", Text: text.String()}})
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
		if took := time.Since(began); took > 30*time.Second { // a fraction of a second, but on a busy machine
			t.Errorf("%s: took %v", what, took)
		} else {
			t.Logf("%s: %v", what, took)
		}
	}
}
