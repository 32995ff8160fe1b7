package nixosmodule_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// texts are configurations by name that have every key between them: the
// examples, and those of the reference.
func texts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob("../examples/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(raw)
	}
	for _, table := range config.Reference() {
		all["["+table.Path+"]"] = table.Example
	}
	for _, kind := range guards.Builtin() {
		all["guard "+kind.Name] = kind.Example
	}
	return all
}

// rendered lets Nix read each text's values and render.nix write them.
func rendered(t *testing.T, all map[string]string) map[string]string {
	t.Helper()
	values := map[string]any{}
	for name, text := range all {
		var v map[string]any
		if err := toml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		values[name] = v
	}
	var texts map[string]string
	if err := evaluate(t, "builtins.mapAttrs (_: import ./render.nix) "+read(t, values), &texts); err != nil {
		t.Fatalf("cannot render (is nix-bin installed? make deps): %v", err)
	}
	return texts
}

// meaning is what a configuration says, wherever and in whatever order it says
// it: Nix sorts the names of tables.
func meaning(t *testing.T, name, text string) any {
	t.Helper()
	c, err := config.Compile([]config.Source{config.Default(), {Name: name, Text: text}})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	modes, specs := c.Catalog.Modes(), c.Catalog.AllGuards()
	slices.SortFunc(modes, func(a, b fsm.Mode) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(specs, func(a, b fsm.GuardSpec) int { return strings.Compare(a.Name, b.Name) })
	return struct {
		Default string
		Modes   []fsm.Mode
		Edges   []fsm.Edge
		Guards  []fsm.GuardSpec
		Rest    []any
	}{c.Catalog.Default(), modes, c.Catalog.Edges(), specs,
		[]any{c.GPUs, c.AutoGPUs, c.GUIUnits, c.VLLM, c.K3s, c.Restore, c.Drift, c.Idle}}
}

func TestEveryKeyPassesThroughNix(t *testing.T) {
	t.Parallel()
	all := texts(t)
	through := rendered(t, all)
	for name, text := range all {
		if diff := cmp.Diff(meaning(t, name, text), meaning(t, name, through[name])); diff != "" {
			t.Errorf("%s means something else after Nix (-as written +rendered):\n%s", name, diff)
		}
	}
	if len(through) < 20 {
		t.Errorf("only %d configurations", len(through))
	}
}
