package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const good = "# Changelog\n\n## Unreleased\n\n## 0.3.0 (2026-12-01)\n\n- [FEATURE] one.\n\n## 0.2.0 (2026-10-01)\n\n- two.\n"

func TestAReleaseNeedsATagAndASectionOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ version, changelog, want string }{
		"all is there":              {"v0.3.0", good, ""},
		"a candidate":               {"v0.3.0-rc1", good, ""},
		"commits after the tag":     {"v0.3.0-2-gabc1234", good, "must be tagged"},
		"changes after the tag":     {"v0.3.0-dirty", good, "must be tagged"},
		"no tag":                    {"849fa1b", good, "must be tagged"},
		"no section":                {"v0.4.0", good, "no section"},
		"a longer version's":        {"v0.3.0", strings.ReplaceAll(good, "0.3.0", "0.3.01"), "no section"},
		"no date":                   {"v0.3.0", strings.ReplaceAll(good, " (2026-12-01)", ""), "no section"},
		"an empty section":          {"v0.3.0", strings.ReplaceAll(good, "- [FEATURE] one.\n", ""), "no notes"},
		"notes that were forgotten": {"v0.3.0", strings.Replace(good, "Unreleased\n", "Unreleased\n\n- late.\n", 1), "1 notes"},
	} {
		err := check(c.version, c.changelog)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSumsAreWhatOthersCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.deb", "b.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for range 2 { // the sums are not among the summed
		if err := run([]string{"sums", dir}, &out); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	cmd.Dir = dir
	if got, err := cmd.CombinedOutput(); err != nil || string(got) != "a.deb: OK\nb.json: OK\n" {
		t.Errorf("sha256sum says %v: %s", err, got)
	}
	if err := run([]string{"sums", t.TempDir()}, &out); err == nil {
		t.Error("nothing was summed without a word")
	}
}
