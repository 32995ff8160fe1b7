package screen_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/modectl/moded/test/e2e/screen"
)

func TestAScreenShowsWhatATerminalWould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain lines":                    {"one\r\ntwo\r\n", "one\ntwo\n"},
		"a line drawn over":              {"step 1 ...\r\x1b[Kstep 2\r\n", "step 2\n"},
		"a longer line drawn over":       {"0123456789\rabc", "abc3456789\n"},
		"colours are looks, not text":    {"\x1b[1;31mno\x1b[0m way\n", "no way\n"},
		"other sequences are ignored":    {"\x1b[?25lhidden\x1b[2J\n", "hidden\n"},
		"characters of several bytes":    {"→ é\n", "→ é\n"},
		"control characters are nothing": {"a\x07b\n", "ab\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var whole, bytewise screen.Screen
			_, _ = whole.Write([]byte(c.in))
			for i := range len(c.in) {
				_, _ = bytewise.Write([]byte{c.in[i]})
			}
			if whole.String() != c.want || bytewise.String() != c.want {
				t.Errorf("got %q, and %q byte by byte; want %q", whole.String(), bytewise.String(), c.want)
			}
		})
	}
}

func TestAPictureIsADocumentWithItsTextAndColours(t *testing.T) {
	t.Parallel()
	var s screen.Screen
	_, _ = s.Write([]byte("a <b> & \x1b[32mgreen\x1b[0m\n"))
	picture := s.SVG("title & more")
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &lt;b&gt; &amp; ", `<tspan fill="#8fd18a">green</tspan>`, "title &amp; more"} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %s in %s", want, picture)
		}
	}
}
