package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/config"
)

// segments splits a key's path where TOML would.
func segments(path string) []string {
	var out []string
	var part strings.Builder
	quoted := false
	for _, r := range path {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '.' && !quoted:
			out = append(out, part.String())
			part.Reset()
		default:
			part.WriteRune(r)
		}
	}
	return append(out, part.String())
}

// canonical writes base and every mode as MODE.
func canonical(asked string) []string {
	path := segments(asked)
	switch {
	case path[0] == "base":
		return append([]string{"MODE"}, path[1:]...)
	case path[0] == "modes" && len(path) > 1:
		return append([]string{"MODE"}, path[2:]...)
	}
	return path
}

// matches tells whether a path is the pattern, or a table on the way to it.
func matches(pattern, path []string) (whole, part bool) {
	if len(path) > len(pattern) {
		return false, false
	}
	for i, name := range path {
		if p := pattern[i]; p != name && !stands(p) {
			return false, false
		}
	}
	return len(path) == len(pattern), true
}

// stands tells whether a segment stands for any name.
func stands(segment string) bool {
	return segment != "" && segment != "MODE" && strings.ToUpper(segment) == segment
}

// documented is each key with its whole path.
func documented() map[string]config.Key {
	all := map[string]config.Key{}
	for _, table := range config.Reference() {
		keys := table.Keys
		if table.Knob != nil {
			keys = slices.Concat(keys, config.EveryKnob())
		}
		for _, k := range keys {
			all[strings.TrimPrefix(table.Path+"."+k.Name, ".")] = k
		}
	}
	return all
}

// askedFor compiles everything that the tests know, and says what the decoder
// asked for, with the words that it would take.
func askedFor(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	add := func(list []config.Source) {
		for path, words := range config.Asked(list) {
			all[path] = slices.Concat(all[path], words)
		}
	}
	dirs, err := filepath.Glob("testdata/*/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range dirs {
		add(layers(t, filepath.Dir(path)))
	}
	for _, table := range config.Reference() {
		add([]config.Source{config.Default(), {Name: table.Path, Text: table.Example}})
	}
	return all
}

func TestEveryKeyThatIsReadIsDocumented(t *testing.T) {
	t.Parallel()
	keys := documented()
	for path, words := range askedFor(t) {
		found := false
		for pattern, k := range keys {
			whole, part := matches(segments(pattern), canonical(path))
			found = found || part || path == "modes"
			for _, word := range words {
				if whole && !strings.Contains(k.Type, `"`+word+`"`) {
					t.Errorf("%s takes %q, and its type in keys*.go does not say so: %s", path, word, k.Type)
				}
			}
		}
		if !found {
			t.Errorf("%s is read and not documented: add it to the table of keys in keys*.go, then make generate", path)
		}
	}
}

func TestEveryKeyThatIsDocumentedIsRead(t *testing.T) {
	t.Parallel()
	asked := askedFor(t)
	for pattern, k := range documented() {
		read := false
		for path := range asked {
			whole, _ := matches(segments(pattern), canonical(path))
			read = read || whole
		}
		if !read {
			t.Errorf("%s is documented in keys*.go, and nothing reads it", pattern)
		}
		if k.Type == "" {
			t.Errorf("%s: what may be written?", pattern)
		}
	}
}

func TestEveryKindOfSettingSaysHowItMoves(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, table := range config.Reference() {
		k := table.Knob
		if k == nil {
			continue
		}
		kinds = append(kinds, k.Kind)
		for what, text := range map[string]string{
			"release": k.Release, "acquire": k.Acquire, "settled": k.Settled, "undo": k.Undo,
			"lost": k.Lost, "essential": k.Essential, "missing": k.Missing, "example": table.Example,
		} {
			if text == "" {
				t.Errorf("%s does not say %s", k.Kind, what)
			}
		}
	}
	slices.Sort(kinds)
	if want := config.Kinds(); !slices.Equal(kinds, want) {
		t.Errorf("documented are %v, there are %v", kinds, want)
	}
}

func TestEveryExampleOfTheReferenceIsGood(t *testing.T) {
	t.Parallel()
	for _, table := range config.Reference() {
		c, err := config.Compile([]config.Source{config.Default(), {Name: table.Path, Text: table.Example}})
		if err != nil {
			t.Errorf("%s: %v", table.Path, err)
			continue
		}
		for _, w := range c.Warnings {
			t.Errorf("%s: %s", table.Path, w)
		}
	}
}
