package nixosmodule_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// option is one of the module's.
type option struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
	Default     any    `json:"default"`
	Required    bool   `json:"required"`
	Example     any    `json:"example"`
}

func options(t *testing.T) []option {
	t.Helper()
	var all []option
	if err := evaluate(t, "s.options", &all); err != nil {
		t.Fatalf("cannot list the options (is nix-bin installed? make deps): %v", err)
	}
	return all
}

const (
	optionsPage  = "../docs/nixos.md"
	optionsBegin = "<!-- Made from nixos-module/options by make generate; a test fails when it is stale. -->\n"
	sameAsModes  = "services.moded.settings.base."
)

func TestThePageOfOptionsIsNotStale(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(optionsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(page), optionsBegin)
	if !found {
		t.Fatal("docs/nixos.md has no place for the options")
	}
	golden(t, optionsPage, head+optionsBegin+optionsText(options(t)))
}

// optionsText is a table for each set of options, one level deep.
func optionsText(all []option) string {
	groups := map[string][]option{}
	for _, o := range all {
		if !strings.HasPrefix(o.Name, sameAsModes) {
			at := strings.LastIndex(o.Name, ".")
			groups[o.Name[:at]] = append(groups[o.Name[:at]], o)
		}
	}
	var text strings.Builder
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&text, "\n### `%s`\n\n| option | type | what it is | example |\n|---|---|---|---|\n", group)
		for _, o := range groups[group] {
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", o.Name[len(group)+1:], cell(kind(o)), cell(o.Description), code(o.Example))
		}
	}
	return text.String()
}

// kind is the type in few words, with the default where it says something.
func kind(o option) string {
	text := strings.TrimPrefix(o.Type, "null or ")
	switch {
	case o.Required:
		return text + "; required"
	case o.Default == nil, text == "submodule", strings.HasPrefix(text, "attribute set of"):
		return text
	}
	return text + "; default " + code(o.Default)
}

// spaces are as good as one in a cell of a table.
var spaces = regexp.MustCompile(`\s+`)

func cell(text string) string {
	text = regexp.MustCompile(`\{(option|file)\}`).ReplaceAllString(text, "")
	return strings.ReplaceAll(strings.TrimSpace(spaces.ReplaceAllString(text, " ")), "|", `\|`)
}

// code is a value as Nix writes it.
func code(v any) string {
	if literal, ok := v.(map[string]any); ok && literal["_type"] == "literalExpression" {
		return "`" + cell(literal["text"].(string)) + "`"
	}
	return "`" + cell(nix(v)) + "`"
}

// plainName is what needs no quotes in Nix.
var plainName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_'-]*$`)

func nix(v any) string {
	switch v := v.(type) {
	case map[string]any:
		text := "{ "
		for _, name := range slices.Sorted(maps.Keys(v)) {
			value := v[name]
			if !plainName.MatchString(name) {
				name = `"` + name + `"`
			}
			text += name + " = " + nix(value) + "; "
		}
		return text + "}"
	case []any:
		text := "[ "
		for _, e := range v {
			text += nix(e) + " "
		}
		return text + "]"
	default:
		raw, _ := json.Marshal(v) //nolint:errchkjson // it came from JSON
		return string(raw)
	}
}

func TestEveryOptionSaysWhatItIsAndHasAnExample(t *testing.T) {
	t.Parallel()
	all := options(t)
	for _, o := range all {
		if text := strings.TrimSpace(o.Description); len(text) < 3 || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: the description is no sentence: %q", o.Name, o.Description)
		}
		if o.Example == nil {
			t.Errorf("%s has no example", o.Name)
		}
	}
	if len(all) < 150 {
		t.Errorf("only %d options", len(all))
	}
}

// places are where a table of the configuration is among the options.
func places(table string) []string {
	name := regexp.MustCompile(`\b(NAME|UNIT|SLICE)\b`).ReplaceAllString(table, "<name>")
	switch {
	case table == "":
		return []string{"settings"}
	case strings.HasPrefix(table, "MODE"):
		return []string{strings.Replace(name, "MODE", "modes.<name>", 1), strings.Replace(name, "MODE", "settings.base", 1)}
	case table == "edges":
		return []string{"edges.*"}
	case strings.HasPrefix(table, "gpus"), strings.HasPrefix(table, "guards"):
		return []string{name}
	}
	return []string{"settings." + name}
}

func TestEveryKeyOfTheConfigurationIsAnOption(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, o := range options(t) {
		there[o.Name] = true
	}
	elsewhere := map[string]bool{"settings.default-mode": true, "settings.gpus": true, "settings.base.summary": true, "settings.base.enabled": true}
	k := knownKeys(t)
	for table, docs := range k.Tables {
		if strings.HasPrefix(table, "MODE.") {
			docs = maps.Clone(docs)
			maps.Copy(docs, k.Knob)
		}
		for key := range docs {
			for _, place := range places(table) {
				name := place + "." + strings.TrimSuffix(key, ".NAME")
				if !there["services.moded."+name] && !elsewhere[name] {
					t.Errorf("there is no option services.moded.%s: add it to nixos-module/options", name)
				}
			}
		}
	}
}

func TestEveryOptionIsUsedByAnExample(t *testing.T) {
	t.Parallel()
	var tables []any
	var text strings.Builder
	for _, file := range examples(t) {
		var v map[string]any
		if err := toml.Unmarshal([]byte(machineOf(t, file).TOML), &v); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, v)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(raw)
	}
	k := knownKeys(t)
	k.Tables["MODE.NAME"] = k.Knob // of any knob
	for table, docs := range k.Tables {
		for key := range docs {
			steps := slices.DeleteFunc(strings.Split(table+"."+key, "."), func(s string) bool { return s == "" })
			if first(tables, steps) == nil && first(tables, append([]string{steps[0], "NAME"}, steps[1:]...)) == nil {
				t.Errorf("no example says %s of %q", key, table)
			}
		}
	}
	for _, name := range []string{"enable", "package", "agents.enable", "applets", "defaultMode"} {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(text.String()) {
			t.Errorf("no example has services.moded.%s", name)
		}
	}
}
