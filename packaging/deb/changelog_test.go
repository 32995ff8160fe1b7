package main

import (
	"strings"
	"testing"
)

func TestTheChangelogIsOneThatDebianReads(t *testing.T) {
	t.Parallel()
	text := "# Changelog\n\nLines are so.\n\n## Unreleased\n\n- [FEATURE] modectl: " + strings.Repeat("says much ", 12) + "\n\n" +
		"## 0.2.0 (2026-10-02)\n\n- [BUGFIX] dbus: one.\n- [BUGFIX] dbus: two.\n"
	want := `moded (0.2.0+3.gabc1234-1) unstable; urgency=medium

  * [FEATURE] modectl: says much says much says much says much says much says
    much says much says much says much says much says much says much

 -- moded developers <moded@modectl.org>  Mon, 23 Nov 2026 22:30:05 +0000

moded (0.2.0-1) unstable; urgency=medium

  * [BUGFIX] dbus: one.
  * [BUGFIX] dbus: two.

 -- moded developers <moded@modectl.org>  Fri, 02 Oct 2026 00:00:00 +0000
`
	got, err := debianChangelog(text, "moded", "0.2.0+3.gabc1234-1", day)
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := debianChangelog("# Changelog\n", "moded", "1-1", day); err == nil {
		t.Error("a changelog without notes passed")
	}
}
