package housetest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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
