package reference_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/reference"
	"github.com/modectl/moded/pkg/guards"
)

var update = flag.Bool("update", false, "write the pages")

func TestEachPageIsNotStale(t *testing.T) {
	t.Parallel()
	bus, err := reference.Bus()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"guards.md": reference.Guards(), "settings.md": reference.Settings(),
		"modectl.md": reference.Modectl(), "bus.md": bus} {
		path := filepath.Join("..", "..", "docs", "reference", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), text); diff != "" {
			t.Errorf("%s: say make generate (-page +table):\n%s", name, diff)
		}
	}
}

func TestEveryLinkInTheListOfTablesLeadsToItsHeading(t *testing.T) {
	t.Parallel()
	page := reference.Settings()
	links := regexp.MustCompile(`(?m)^- \[(.+)\]\(#([a-z0-9-]+)\)$`).FindAllStringSubmatch(page, -1)
	if len(links) < 15 {
		t.Fatalf("only %d links", len(links))
	}
	seen := map[string]bool{}
	for _, l := range links {
		if !strings.Contains(page, "\n## "+l[1]+"\n") || seen[l[2]] {
			t.Errorf("%s has no heading of its own", l[0])
		}
		seen[l[2]] = true
	}
}

func TestEveryKindTellsAnAdminWhatThereIs(t *testing.T) {
	t.Parallel()
	for _, k := range guards.Builtin() {
		if !strings.HasPrefix(k.Summary, "passes ") || strings.HasSuffix(k.Summary, ".") {
			t.Errorf("%s: the summary must begin with passes and have no full stop: %q", k.Name, k.Summary)
		}
		for _, p := range k.Params {
			if p.Doc == "" || p.Type == "" {
				t.Errorf("%s: parameter %s is not described", k.Name, p.Name)
			}
		}
		for _, c := range k.Codes {
			passes := c.Outcome == "pass"
			if c.Meaning == "" || passes != (c.Remedy == "") {
				t.Errorf("%s: code %s needs a meaning, and a remedy unless it passes", k.Name, c.Name)
			}
		}
	}
}

func TestEveryExampleIsGoodConfiguration(t *testing.T) {
	t.Parallel()
	for _, k := range guards.Builtin() {
		c, err := config.Compile([]config.Source{config.Default(), {Name: k.Name, Text: k.Example}})
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		found := false
		for _, g := range c.Catalog.AllGuards() {
			found = found || g.Kind == k.Name && strings.Contains(k.Example, "[guards."+g.Name+"]")
		}
		if !found || len(c.Warnings) > 0 {
			t.Errorf("%s: the example makes no guard of the kind, or warns: %v", k.Name, c.Warnings)
		}
	}
}

func TestTheBusPageHasEveryMemberOfTheContract(t *testing.T) {
	t.Parallel()
	page, err := reference.Bus()
	if err != nil {
		t.Fatal(err)
	}
	members := regexp.MustCompile(`<(?:method|signal|property) name="(\w+)"`)
	seen := 0
	for _, doc := range []string{dbusxml.Manager1, dbusxml.Agents1, dbusxml.Agent1} {
		for _, m := range members.FindAllStringSubmatch(doc, -1) {
			seen++
			_, after, found := strings.Cut(page, "\n### "+m[1]+"\n")
			about, _, _ := strings.Cut(after, "\n### ")
			if _, prose, _ := strings.Cut(about, "\n```\n\n"); !found || len(prose) < 20 {
				t.Errorf("%s is not there, or nothing is said about it: %q", m[1], about)
			}
		}
	}
	if rights := strings.Count(page, "\n| `org.modectl."); seen < 25 || rights != strings.Count(dbusxml.PolkitPolicy, "<action ") {
		t.Errorf("%d members and %d rights", seen, rights)
	}
}
