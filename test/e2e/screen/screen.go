// Package screen is a small terminal that keeps what is written to it: enough
// of one for modectl, which colours its words and draws its progress over a
// line. A Screen can be shown as plain text and as a picture.
package screen

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Style is how a character looks. The zero Style is plain.
type Style struct {
	// Color is the SGR parameter of the foreground, 30 to 37 or 90 to 97, or 0.
	Color     int
	Bold, Dim bool
}

type cell struct {
	r     rune
	style Style
}

// Screen is an endless roll of lines. The zero Screen is empty and ready. It is
// not safe for use by several goroutines.
type Screen struct {
	lines  [][]cell
	column int
	style  Style
	rest   []byte // of a sequence that was cut
}

// Write interprets text with carriage returns, erasures of the line and
// colours; other sequences are ignored. It never fails.
func (s *Screen) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	s.rest = nil
	for len(text) > 0 {
		n := s.one(text)
		if n == 0 {
			s.rest = bytes.Clone(text)
			break
		}
		text = text[n:]
	}
	return len(p), nil
}

// one takes a character or a sequence off the front; 0 asks for more.
func (s *Screen) one(text []byte) int {
	switch text[0] {
	case '\n':
		s.lines = append(s.lines, nil)
		s.column = 0
		return 1
	case '\r':
		s.column = 0
		return 1
	case 0x1b:
		return s.sequence(text)
	}
	if !utf8.FullRune(text) {
		return 0
	}
	r, n := utf8.DecodeRune(text)
	if r >= ' ' {
		s.put(r)
	}
	return n
}

func (s *Screen) put(r rune) {
	if len(s.lines) == 0 {
		s.lines = append(s.lines, nil)
	}
	line := s.lines[len(s.lines)-1]
	for len(line) <= s.column {
		line = append(line, cell{r: ' '})
	}
	line[s.column] = cell{r, s.style}
	s.lines[len(s.lines)-1] = line
	s.column++
}

// sequence takes an escape sequence: ESC [ parameters final.
func (s *Screen) sequence(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	if text[1] != '[' {
		return 2
	}
	end := bytes.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return 0
	}
	parameters := string(text[2 : 2+end])
	switch text[2+end] {
	case 'm':
		s.graphics(parameters)
	case 'K':
		s.erase()
	}
	return end + 3
}

// erase empties the line from the cursor on.
func (s *Screen) erase() {
	if last := len(s.lines) - 1; last >= 0 && s.column < len(s.lines[last]) {
		s.lines[last] = s.lines[last][:s.column]
	}
}

func (s *Screen) graphics(parameters string) {
	for _, p := range strings.Split(parameters, ";") {
		n, _ := strconv.Atoi(p) // nothing is 0
		switch {
		case n == 0:
			s.style = Style{}
		case n == 1:
			s.style.Bold = true
		case n == 2:
			s.style.Dim = true
		case n >= 30 && n <= 37, n >= 90 && n <= 97:
			s.style.Color = n
		case n == 39:
			s.style.Color = 0
		}
	}
}

// Lines are the lines without their looks. The last one may still grow.
func (s *Screen) Lines() []string {
	lines := make([]string, len(s.lines))
	for i, line := range s.lines {
		var text strings.Builder
		for _, c := range line {
			text.WriteRune(c.r)
		}
		lines[i] = strings.TrimRight(text.String(), " ")
	}
	return lines
}

// String is the text without its looks, each line with an end.
func (s *Screen) String() string {
	lines := s.Lines()
	if n := len(lines); n > 0 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}
