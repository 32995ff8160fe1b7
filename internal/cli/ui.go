package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/modectl/moded/dbus/manager1"
)

// ui prints for people. Its palette is these few lines rather than a library:
// the ones there are look up terminfo and the environment when they are
// loaded, and modectl status runs in prompts and bars.
type ui struct {
	out   io.Writer
	err   io.Writer
	color bool
	live  bool // lines may be drawn over
	width int  // 0: do not wrap
	arrow string
	signs map[string]string // of outcomes
	drawn string            // the line on the screen that erase removes
}

// style is an SGR sequence's parameters.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func newUI(env Env) *ui {
	terminal := env.OutTTY && env.Getenv("TERM") != "dumb"
	u := &ui{out: env.Stdout, err: env.Stderr, live: terminal, arrow: "→",
		signs: map[string]string{manager1.Pass: "✓", manager1.Warn: "!", manager1.Deny: "✗"}}
	u.color = terminal && env.Getenv("NO_COLOR") == ""
	if env.OutTTY {
		u.width = max(env.Width, 20)
	}
	if !utf8Locale(env.Getenv) {
		u.arrow = "->"
		u.signs = map[string]string{manager1.Pass: "+", manager1.Warn: "!", manager1.Deny: "x"}
	}
	return u
}

// utf8Locale tells whether the terminal shows more than ASCII. A locale that is
// not set at all is that of a service or a script, which pass bytes on.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

func (u *ui) paint(s style, text string) string {
	if !u.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// printf prints a line. It is not wrapped: see text.
func (u *ui) printf(format string, args ...any) {
	u.erase()
	fmt.Fprintf(u.out, format+"\n", args...)
}

// text prints a paragraph after a head, wrapped to the terminal, its other
// lines indented as deep as the head is wide.
func (u *ui) text(head string, s style, body string) {
	u.erase()
	u.textTo(u.out, head, s, body)
}

func (u *ui) textTo(w io.Writer, head string, s style, body string) {
	indent := visible(head)
	for i, line := range wrap(body, u.width-indent) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		fmt.Fprintf(w, "%s%s\n", head, u.paint(s, line))
	}
}

// draw puts a line on the terminal that the next output replaces. It is cut,
// for a wrapped line could not be taken back.
func (u *ui) draw(line string) {
	if !u.live {
		return
	}
	runes := []rune(line)
	if len(runes) >= u.width {
		runes = append(runes[:u.width-2], '…')
	}
	if line = string(runes); line == u.drawn {
		return
	}
	u.erase()
	fmt.Fprint(u.out, line)
	u.drawn = line
}

func (u *ui) erase() {
	if u.drawn != "" {
		fmt.Fprint(u.out, "\r\x1b[K")
		u.drawn = ""
	}
}

// minWrap is the narrowest width in which a text is wrapped.
const minWrap = 20

// wrap breaks a text at spaces. A width under minWrap is none: it would be worse.
func wrap(text string, width int) []string {
	if width < minWrap || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines, line, length = append(lines, line), "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}

// pad fills a text up to a width; fmt would do, but counts escapes.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-visible(text)))
}

// visible counts the runes of a text that are not part of an SGR sequence.
func visible(text string) int {
	n := 0
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !found {
			return n
		}
		_, text, _ = strings.Cut(after, "m")
	}
}

// longest is the width of a column.
func longest[T any](items []T, text func(T) string) int {
	n := 0
	for _, item := range items {
		n = max(n, utf8.RuneCountInString(text(item)))
	}
	return n
}

// sprintArrow shows a way: "desktop → compute".
func (u *ui) sprintArrow(from, to string) string { return from + " " + u.arrow + " " + to }
