package nixosmodule_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/guards"
)

//go:generate go test . -run NotStale -update

const keysFile = "options/keys.json"

// keys is what the module knows of the configuration: one description of each
// key, for the daemon's manual and for the options of NixOS alike.
type keys struct {
	// Tables are by their path, as in config.Table, then by key.
	Tables map[string]map[string]keyDoc `json:"tables"`
	// Knob are the keys that every knob takes.
	Knob map[string]keyDoc `json:"knob"`
	// Guards says by kind what a guard passes.
	Guards map[string]string `json:"guards"`
	// Default is what the embedded default has names for.
	Default struct {
		Modes  []string `json:"modes"`
		Guards []string `json:"guards"`
		GPUs   []string `json:"gpus"`
	} `json:"default"`
}

type keyDoc struct {
	Description string `json:"description"`
	Example     any    `json:"example"`
}

func knownKeys(t *testing.T) keys {
	t.Helper()
	k := keys{Tables: map[string]map[string]keyDoc{}, Knob: map[string]keyDoc{}, Guards: map[string]string{}}
	for _, table := range config.Reference() {
		docs := map[string]keyDoc{}
		for _, key := range table.Keys {
			docs[key.Name] = docOf(t, key, table.Path)
		}
		k.Tables[table.Path] = docs
	}
	for _, key := range config.EveryKnob() {
		k.Knob[key.Name] = docOf(t, key, "MODE.NAME")
	}
	for _, kind := range guards.Builtin() {
		k.Guards[kind.Name] = kind.Summary
	}
	c, err := config.Compile([]config.Source{config.Default()})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Catalog.Modes() {
		k.Default.Modes = append(k.Default.Modes, m.Name)
	}
	for _, g := range c.Catalog.AllGuards() {
		k.Default.Guards = append(k.Default.Guards, g.Name)
	}
	slices.Sort(k.Default.Guards)
	k.Default.GPUs = []string{"primary", "others"}
	return k
}

// docOf makes sentences of a key's row in the table. What may be written is the
// option's type.
func docOf(t *testing.T, key config.Key, path string) keyDoc {
	t.Helper()
	text := upper(strings.ReplaceAll(cmp.Or(key.Doc, key.Type), "[guards.md](guards.md)", "docs/reference/guards.md")) + "."
	if key.Default != "" && key.Default != config.Required {
		text += " The daemon's default is `" + key.Default + "`."
	}
	example := exampleOf(t, path, key.Name)
	if example == nil {
		example = rare[path+"."+key.Name]
	}
	if example == nil {
		t.Errorf("no example of %s.%s", path, key.Name)
	}
	return keyDoc{text, example}
}

// rare are values of keys that no example has.
var rare = map[string]any{
	"k3s.start-timeout": "5m", "k3s.evict-unmanaged": true, "k3s.evict-system": true, "k3s.cpu-weight": 100, "k3s.minimal-cpu-weight": 5,
	"MODE.enabled": false, "MODE.target.isolate": true, "edges.after": []string{"tell-everyone.service"}, "edges.enabled": false,
}

func upper(text string) string {
	for i, r := range text {
		return string(unicode.ToUpper(r)) + text[i+len(string(r)):]
	}
	return text
}

// exampleOf finds a value of the key in any of the examples.
func exampleOf(t *testing.T, path, key string) any {
	t.Helper()
	all := texts(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var v map[string]any
		if err := toml.Unmarshal([]byte(all[name]), &v); err != nil {
			t.Fatal(err)
		}
		steps := strings.Split(path+"."+key, ".")
		if path == "" {
			steps = []string{key}
		}
		if found := at(v, steps); found != nil {
			return found
		}
	}
	return nil
}

// at follows a path with names in capitals into a document.
func at(v any, steps []string) any {
	if len(steps) == 0 {
		return v
	}
	switch v := v.(type) {
	case []any:
		return first(v, steps)
	case map[string]any:
		step := steps[0]
		switch {
		case step == "MODE":
			return at(map[string]any{"modes": append([]any{v["base"]}, values(v["modes"])...)}, append([]string{"modes"}, steps[1:]...))
		case step == strings.ToUpper(step):
			return first(values(v), steps[1:])
		case step == "environment" && len(steps) == 2:
			return v[step] // the key is environment.NAME
		}
		if next, there := v[step]; there {
			return at(next, steps[1:])
		}
	}
	return nil
}

func first(list []any, steps []string) any {
	for _, v := range list {
		if found := at(v, steps); found != nil {
			return found
		}
	}
	return nil
}

func values(v any) []any {
	table, _ := v.(map[string]any)
	var list []any
	for _, name := range slices.Sorted(maps.Keys(table)) {
		list = append(list, table[name])
	}
	return list
}

func TestTheKeysThatTheModuleDescribesAreNotStale(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(knownKeys(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, keysFile, text.String())
}

// golden compares a file with what it should be, or writes it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(have), want); diff != "" {
		t.Errorf("%s is stale: say make generate (-file +wanted):\n%s", path, diff)
	}
}
