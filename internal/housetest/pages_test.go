package housetest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const top = "../.."

// pages are the texts for people, by their path from the top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(top, file)
			all[name] = string(raw)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

func TestEveryExampleIsShownToPeople(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for name, page := range pages(t) {
		if name != "CHANGELOG.md" {
			text.WriteString(page)
		}
	}
	err := filepath.WalkDir(filepath.Join(top, "examples"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(top, file)
		if !strings.Contains(text.String(), name) {
			t.Errorf("no page names %s: the README is the place", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// installed are the files and patterns that make install names.
func installed(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, found := strings.Cut(string(raw), "\ninstall:")
	recipe, _, _ = strings.Cut(recipe, "\n\n")
	if !found {
		t.Fatal("the Makefile installs nothing")
	}
	return strings.FieldsFunc(recipe, func(r rune) bool { return strings.ContainsRune(" \t\n;'", r) })
}

func TestEveryUnitAndExampleIsInstalled(t *testing.T) {
	t.Parallel()
	words := installed(t)
	named := func(file string) bool {
		return slices.ContainsFunc(words, func(word string) bool {
			whole, _ := filepath.Match(word, file) // what is no pattern matches nothing
			return whole || word == filepath.Base(file)
		})
	}
	for _, dir := range []string{"systemd", "examples"} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(file string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(top, file)
			if err == nil && !d.IsDir() && !named(name) {
				t.Errorf("make install does not install %s", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryRoomIsOnThePlanOfTheHouse(t *testing.T) {
	t.Parallel()
	plan := pages(t)["docs/ARCHITECTURE.md"]
	for _, floor := range []string{"cmd", "internal", "pkg", "test"} {
		rooms, err := os.ReadDir(filepath.Join(top, floor))
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range rooms {
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(room.Name()) + `\b`).MatchString(plan) {
				t.Errorf("docs/ARCHITECTURE.md does not say where %s/%s is", floor, room.Name())
			}
		}
	}
}

// link is a Markdown link to a place that is not on the network.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestNoLinkOfAPageLeadsNowhere(t *testing.T) {
	t.Parallel()
	links := 0
	for name, page := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(page, -1) {
			links++
			if _, err := os.Stat(filepath.Join(top, filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s: there is no %s", name, found[1])
			}
		}
	}
	if links < 15 {
		t.Errorf("only %d links", links)
	}
}
