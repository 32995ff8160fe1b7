package housetest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const gnomeExtension = top + "/desktop/gnome/modectl@modectl.org"

// gnomeSources are the extension's files, by name.
func gnomeSources(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(gnomeExtension + "/*.js")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %q, %v", files, err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(text)
	}
	return all
}

func TestTheGNOMEExtensionSaysWhatItIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(gnomeExtension + "/metadata.json")
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		UUID     string   `json:"uuid"`
		Name     string   `json:"name"`
		About    string   `json:"description"`
		Versions []string `json:"shell-version"`
		Modes    []string `json:"session-modes"`
		URL      string   `json:"url"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	if meta.UUID != filepath.Base(gnomeExtension) {
		t.Errorf("the UUID is %q: the shell looks for it in a directory of that name", meta.UUID)
	}
	if meta.Name == "" || meta.About == "" || meta.URL == "" {
		t.Errorf("the shell's list of extensions wants more than %+v", meta)
	}
	if want := []string{"45", "46", "47", "48", "49"}; !slices.Equal(meta.Versions, want) {
		t.Errorf("for %q, want %q", meta.Versions, want)
	}
	if !slices.Contains(meta.Modes, "unlock-dialog") {
		t.Error("holds would end when the screen is locked")
	}
}

// member is a call of the manager's: this._call('Name', … or this._do('Name', …
// with the Variant that goes with it, if any.
var member = regexp.MustCompile(`this\._(?:call|do)\(\s*'(\w+)',\s*(?:new GLib\.Variant\('([^']*)'|(null|args))`)

// variant is the arguments of a call, made a line before it.
var variant = regexp.MustCompile(`const args = new GLib\.Variant\('([^']*)'`)

func TestTheGNOMEExtensionSpeaksTheContract(t *testing.T) {
	t.Parallel()
	source, c := gnomeSources(t)["manager.js"], readContract(t)
	calls := member.FindAllStringSubmatchIndex(source, -1)
	if len(calls) < 10 {
		t.Fatalf("found only %d calls", len(calls))
	}
	for _, at := range calls {
		name, signature := source[at[2]:at[3]], ""
		switch {
		case at[4] >= 0:
			signature = source[at[4]:at[5]]
		case source[at[6]:at[7]] == "args":
			before := variant.FindAllStringSubmatch(source[:at[0]], -1)
			signature = before[len(before)-1][1]
		}
		if name == "GetAll" { // of org.freedesktop.DBus.Properties
			continue
		}
		if want, ok := c.methods[name]; !ok || signature != want {
			t.Errorf("%s%s is called, the contract has %s%s (%v)", name, signature, name, want, ok)
		}
	}
	fields := regexp.MustCompile(`(?s)const FIELDS = \{(.*?)\};`).FindStringSubmatch(source)
	for _, m := range regexp.MustCompile(`(\w+): '`).FindAllStringSubmatch(fields[1], -1) {
		if !slices.Contains(c.properties, m[1]) {
			t.Errorf("the contract has no property %s", m[1])
		}
	}
}

// The keys that the sentences are made of are some dictionary's.
func TestTheGNOMEExtensionReadsKeysThatThereAre(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for _, m := range regexp.MustCompile(`pick\(.*\[([^\]]*)\]`).FindAllStringSubmatch(gnomeSources(t)["manager.js"], -1) {
		for _, quoted := range strings.Split(m[1], ", ") {
			if !c.hasKey(strings.Trim(quoted, "'")) {
				t.Errorf("no dictionary of the contract has the key %s", quoted)
			}
		}
	}
}

func (c contract) hasKey(name string) bool {
	for _, keys := range c.keys {
		if slices.Contains(keys, name) {
			return true
		}
	}
	return false
}

// What reviewers of extensions refuse, and what makes a shell stutter.
var refusedInTheShell = map[string]string{
	`\w+_sync\b|\bsync\(null|Sync\(`:                   "it waits for an answer",
	`Gio\.DBus\.(system|session)`:                      "it connects while the shell waits",
	`gi://(Gtk|Gdk|Adw)`:                               "the shell's process has no GTK",
	`imports\.|\bByteArray\b|\bLang\b|\bMainloop\b`:    "it is deprecated",
	`Gio\._promisify`:                                  "it changes classes for everybody",
	`\bconsole\.(log|error)\(|\blog\(`:                 "the log is not ours to fill",
	`run_dispose|\beval\(`:                             "reviewers refuse it",
	`GLib\.spawn|Gio\.Subprocess|load_contents\(null`:  "it starts programs, or reads files while the shell waits",
	`(timeout|idle)_add\w*\([^;]*(?:[^;]*)=> \{\}`:     "it is a source that does nothing",
	`Hold'.*cancellable: this|\.spawn_command_line_\w`: "a hold must be given back whatever happens",
}

func TestTheGNOMEExtensionDoesNothingThatStopsTheShell(t *testing.T) {
	t.Parallel()
	for name, source := range gnomeSources(t) {
		for pattern, why := range refusedInTheShell {
			if found := regexp.MustCompile(pattern).FindString(source); found != "" {
				t.Errorf("%s has %q: %s", name, found, why)
			}
		}
	}
}

// A callback that is not measured is one that nobody knows the cost of.
func TestEveryCallbackOfTheGNOMEExtensionIsMeasured(t *testing.T) {
	t.Parallel()
	asks := regexp.MustCompile(`(?:\.connect(?:Object)?\('|_add(?:_seconds)?\(|\baction: )[^\n]*\n?[^\n]*`)
	for name, source := range gnomeSources(t) {
		for _, call := range asks.FindAllString(source, -1) {
			if !strings.Contains(call, "measured(") && !strings.Contains(call, "dialog.c") {
				t.Errorf("%s: %s", name, strings.TrimSpace(call))
			}
		}
	}
}
