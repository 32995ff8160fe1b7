package manager1

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is how many runes of a text from the bus are kept.
const MaxLine = 512

// Clean makes a text from the bus fit for a terminal, a log or JSON: one line,
// no control, bidirectional or zero-width characters, valid UTF-8, at most
// limit runes. Everything that a Client returns has been through it, except
// facts, which are JSON.
func Clean(s string, limit int) string {
	if len(s) <= limit && isPlain(s) {
		return s
	}
	var b strings.Builder
	count := 0
	for _, r := range s {
		if r, ok := keep(r); ok {
			if count == limit-1 {
				b.WriteRune('…')
				break
			}
			b.WriteRune(r)
			count++
		}
	}
	return b.String()
}

// CleanLines is Clean for texts that may have several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines[:min(len(lines), 64)] {
		lines[i] = Clean(line, MaxLine)
	}
	return strings.Join(lines[:min(len(lines), 64)], "\n")
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// keep decides about one rune. White space becomes a space; invalid UTF-8
// arrives here as U+FFFD already.
func keep(r rune) (rune, bool) {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' ', true
	case r == utf8.RuneError:
		return r, true
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
		return 0, false // controls, bidi, zero width, tags, private use
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x2800:
		return 0, false // letters that show nothing
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF:
		return 0, false // variation selectors
	default:
		return r, true
	}
}
