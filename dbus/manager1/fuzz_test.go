package manager1_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/modectl/moded/dbus/manager1"
)

func FuzzCleanLeavesNothingThatATerminalObeys(f *testing.F) {
	for _, seed := range []string{"plain", "a\x1b[2Jb", "\u202eabc\u2066", "a\u200bb", "\xff\xfe", "e\u0301", "a\r\nb"} {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + int(uint(limit)%1000)
		clean := manager1.Clean(s, limit)
		bad := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
		switch {
		case !utf8.ValidString(clean):
			t.Errorf("%q is not UTF-8", clean)
		case utf8.RuneCountInString(clean) > limit:
			t.Errorf("%q is longer than %d", clean, limit)
		case strings.ContainsFunc(clean, bad):
			t.Errorf("%q has a control", clean)
		case manager1.Clean(clean, limit) != clean:
			t.Errorf("%q changes again", clean)
		}
	})
}
