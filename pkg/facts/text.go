package facts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many runes of a foreign name are kept.
const MaxText = 64

// Clean makes a name that somebody else chose fit to be shown: Line of at most
// MaxText runes, without space around it.
func Clean(s string) string { return strings.TrimSpace(Line(s, MaxText)) }

// Line makes a text that somebody else wrote one line of printable runes, at most
// so many of them. Each rune that could move a cursor, turn the direction of
// writing or break a line becomes "?".
func Line(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == most {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
