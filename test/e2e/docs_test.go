package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/config"
)

var update = flag.Bool("update", false, "write into the pages what the commands say")

const top = "../.."

// notRun says why commands on the pages are not run here. They stand in blocks of
// the language sh, one in each line, and have no output there.
var notRun = []struct{ command, why string }{
	{"git", "fetches from the network"},
	{"nixos-rebuild", "rebuilds a machine; nixos-module/test.nix does it on one of its own"},
	{"apt", "changes this machine; test/newcomer and test/vm do it on machines of their own"},
	{"make", "builds, installs or tests; each target is run by people and by itself"},
	{"systemctl", "changes this machine's systemd; test/vm does it on a machine of its own"},
	{"modectl doctor", "looks at the machine that the test runs on"},
	{"modectl hold --reason 'fine-tune of tuesday' -- python", "runs somebody's training"},
	{"cp", "changes the files of the machine that runs the test"},
	{"install", "changes the files of the machine that runs the test"},
	{"journalctl", "reads this machine's journal"},
	{"modectl -H", "needs another machine; cmd/modectl/host_test.go has a stand-in for ssh"},
	{"modectl cancel", "needs a switch that is under way; internal/cli/switch_test.go has one"},
	{"modectl log", "reads this machine's journal; test/vm does it on a machine of its own"},
	{"pw-top", "looks at the sound of this machine"},
}

// pages are the texts for people, but for the changelog.
func pages(t *testing.T) []page {
	t.Helper()
	var list []page
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
			if name, _ := filepath.Rel(top, file); name != "CHANGELOG.md" {
				list = append(list, read(name, string(raw)))
			}
		}
	}
	return list
}

// runs are the commands that a page may have run.
var runs = regexp.MustCompile(`^(modectl|moded simulate|echo|printf|cat) `)

func TestEveryExampleOfThePagesIsWhatModectlSays(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.parts, func(b part) bool { return b.language == "console" }) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := &reader{t: t, page: p, speed: 20}
			if *update {
				r.speed = 1 // so that the times on the page are true
			}
			follow(r)
		})
	}
}

// follow does all that the page says, from its top to its end.
func follow(r *reader) {
	r.t.Helper()
	lines, off := slices.Clone(r.page.lines), 0
	for _, b := range r.page.parts {
		if b.language == "console" || b.file != "" {
			r.happen(b.before)
		}
		if b.file != "" {
			r.write(b.file, r.page.text(b.first, b.last))
		}
		if b.language != "console" {
			continue
		}
		for _, e := range r.page.examples(b) {
			if !runs.MatchString(e.command + " ") {
				r.t.Errorf("%s:%d: %q is not run: see the table notRun", r.page.name, e.first, e.command)
				continue
			}
			shown, said := r.page.text(e.first, e.last), r.do(e)
			if e.first == e.last {
				shown = ""
			}
			if sameAs(asRoot(r.t, shown), asRoot(r.t, said)) {
				continue
			}
			if !*update || strings.Contains(shown, elided) {
				r.t.Errorf("%s:%d: %s\nthe page shows:\n%s\nand it says:\n%s", r.page.name, e.first, e.command, shown, said)
				continue
			}
			now := strings.Split(strings.TrimRight(said, "\n"), "\n")
			if said == "" {
				now = nil
			}
			lines = slices.Replace(lines, e.first+off, e.last+off, now...)
			off += len(now) - (e.last - e.first)
		}
	}
	if off != 0 || !slices.Equal(lines, r.page.lines) {
		if err := os.WriteFile(filepath.Join(top, r.page.name), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestEveryCommandThatIsNotRunHasItsReason(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, p := range pages(t) {
		for _, b := range p.parts {
			for i := b.first; i < b.last; i++ {
				line := strings.TrimSpace(p.lines[i])
				switch {
				case b.language == "console":
				case strings.HasPrefix(line, "$ "):
					t.Errorf("%s:%d: a command in a block that is %q and not console", p.name, i+1, b.language)
				case b.language == "sh" && line != "" && line[0] != '#':
					checkNotRun(t, p.name, i+1, line, used)
				}
			}
		}
	}
	for _, n := range notRun {
		if !used[n.command] {
			t.Errorf("no page has %s: take it from the table", n.command)
		}
	}
}

func checkNotRun(t *testing.T, page string, at int, line string, used map[string]bool) {
	t.Helper()
	line = strings.TrimPrefix(strings.TrimPrefix(line, "sudo "), "-E env PATH=\"$PATH\" ")
	for _, n := range notRun {
		if strings.HasPrefix(line+" ", n.command+" ") {
			used[n.command] = true
			return
		}
	}
	t.Errorf("%s:%d: %q could be run in a block of the language console, or needs a reason in notRun", page, at, line)
}

func TestEveryTOMLOfThePagesIsGoodConfiguration(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range pages(t) {
		before := []config.Source{config.Default()}
		for _, b := range p.parts {
			if b.language != "toml" || strings.HasPrefix(p.name, "docs/reference/") {
				continue // those have tests of their own
			}
			seen++
			this := append(slices.Clone(before), config.Source{Name: p.name, Text: p.text(b.first, b.last)})
			if _, err := config.Compile(this); err != nil {
				t.Errorf("%s:%d: %v", p.name, b.first, err)
			}
			if b.file != "" {
				before = this
			}
		}
	}
	if seen == 0 {
		t.Error("no page has any")
	}
}

func TestAPageThatIsNotTrueIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shown, said string
		same        bool
	}{
		"the same":                        {"Mode  desktop\n", "Mode        desktop\n", true},
		"another mode":                    {"Mode  desktop\n", "Mode  studio\n", false},
		"it took another time":            {"done (8.0 s).\n", "done (0.3 s).\n", true},
		"it says more":                    {"a\n", "a\nb\n", false},
		"it says less":                    {"a\nb\n", "a\n", false},
		"it says more before":             {"b\n", "a\nb\n", false},
		"lines are left out at the end":   {"a\n…\n", "a\nb\n", true},
		"lines are left out in between":   {"a\n…\nd\n", "a\nb\nc\nd\n", true},
		"what follows those is different": {"a\n…\nx\n", "a\nb\nc\nd\n", false},
		"what is left out is at the end":  {"a\n…\nc\n", "a\nb\nc\nd\n", false},
		"less time is left":               {"within 5 min to keep\n", "within 4 min 58 s to keep\n", true},
		"steps side by side":              {"1/2 x: done\n2/2 y: done\n", "2/2 y: done\n1/2 x: done\n", true},
	} {
		if sameAs(c.shown, c.said) != c.same {
			t.Errorf("%s: %q and %q", name, c.shown, c.said)
		}
	}
}
