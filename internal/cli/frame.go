package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// frame is a block of lines on a terminal that is drawn over in place. It uses
// no alternate screen and hides nothing: whenever the program ends, what was
// drawn last stays, with the cursor below it.
type frame struct {
	out   io.Writer
	size  func() (columns, rows int)
	lines []string // on the screen
}

// draw replaces the block. Of one that is higher than the terminal the end is
// left out: what has scrolled away could not be drawn over.
func (f *frame) draw(text string) {
	columns, rows := f.size()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if rows > 2 && len(lines) > rows-1 {
		more := len(lines) - (rows - 2)
		lines = append(lines[:rows-2:rows-2], fmt.Sprintf("… %d more lines", more))
	}
	var b strings.Builder
	// Lines that are too long for the terminal, because they have wide letters,
	// are cut by it: wrapped ones would be counted wrong.
	b.WriteString("\x1b[?7l\r")
	if up := f.height(columns, rows); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	for i, line := range lines {
		lines[i] = clip(line, columns)
		b.WriteString(lines[i])
		// After the last column the cursor still stands on it, and would take
		// its letter away.
		if columns <= 0 || visible(lines[i]) < columns {
			b.WriteString("\x1b[K")
		}
		b.WriteString("\r\n")
	}
	b.WriteString("\x1b[J\x1b[?7h")
	f.lines = lines
	_, _ = io.WriteString(f.out, b.String()) // a terminal that is gone is told by the context
}

// height is how many rows the block takes now: a terminal that became narrower
// has wrapped it.
func (f *frame) height(columns, rows int) int {
	n := 0
	for _, line := range f.lines {
		n++
		if columns > 0 {
			n += max(visible(line)-1, 0) / columns
		}
	}
	if rows > 0 {
		n = min(n, rows-1)
	}
	return n
}

// page is an app that prints into a text for a frame, and that text.
func (a *app) page() (*app, *strings.Builder) {
	var text strings.Builder
	ui := *a.ui
	ui.out, ui.drawn = &text, ""
	ui.width, _ = a.size()
	page := *a
	page.ui = &ui
	return &page, &text
}

// gone is what a page says while moded is away.
func gone(since time.Time) string {
	return "moded is not on the bus since " + since.Format("15:04:05") + "; waiting for it"
}

// leave takes away what the terminal has echoed below the block.
func (f *frame) leave() { _, _ = io.WriteString(f.out, "\r\x1b[J") }

// clip cuts a line with SGR sequences to a width; 0 is no width.
func clip(line string, width int) string {
	if width <= 0 || visible(line) <= width {
		return line
	}
	var b strings.Builder
	for n := 0; n < width-1; {
		if strings.HasPrefix(line, "\x1b[") {
			end := strings.IndexByte(line, 'm') + 1
			b.WriteString(line[:end])
			line = line[end:]
			continue
		}
		_, size := utf8.DecodeRuneInString(line)
		b.WriteString(line[:size])
		line = line[size:]
		n++
	}
	return b.String() + "…\x1b[0m"
}
