package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// heading begins the notes of a version in CHANGELOG.md: `## 0.3.0 (2026-12-01)`.
var heading = regexp.MustCompile(`^## \[?v?([^\s\]]+)\]?(?:.*?(\d{4}-\d{2}-\d{2}))?`)

// debianChangelog turns CHANGELOG.md into the format of deb-changelog(5). What
// is not released yet is the notes of the version that is built.
func debianChangelog(text, name, version string, date time.Time) (string, error) {
	var out strings.Builder
	trailer := ""
	lines := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := heading.FindStringSubmatch(line); m != nil {
			out.WriteString(trailer)
			entry, when := m[1]+"-1", date
			if strings.EqualFold(m[1], "unreleased") {
				entry = version
			}
			if day, err := time.Parse(time.DateOnly, m[2]); err == nil {
				when = day
			}
			if out.Len() > 0 {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "%s (%s) unstable; urgency=medium\n\n", name, entry)
			trailer = fmt.Sprintf("\n -- %s  %s\n", maintainer, when.Format(time.RFC1123Z))
			continue
		}
		if note, ok := strings.CutPrefix(line, "- "); ok && trailer != "" {
			out.WriteString(wrap(note, 74))
			lines++
		}
	}
	if lines == 0 {
		return "", fmt.Errorf("cannot find any note in the changelog")
	}
	out.WriteString(trailer)
	return out.String(), nil
}

// wrap writes one note as an item.
func wrap(note string, width int) string {
	var out strings.Builder
	lead, line := "  * ", ""
	for _, word := range strings.Fields(note) {
		if line != "" && len(line)+1+len(word) > width {
			out.WriteString(lead + line + "\n")
			lead, line = "    ", ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return out.String() + lead + line + "\n"
}
