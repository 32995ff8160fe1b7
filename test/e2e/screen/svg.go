package screen

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// What a picture looks like: a dark terminal, whatever the reader's theme.
const (
	charWidth  = 7.8
	lineHeight = 18
	margin     = 16
	titleBar   = 30
	background = "#1b1e28"
	foreground = "#d7dae0"
)

var palette = map[int]string{
	30: "#5c6370", 31: "#f2777a", 32: "#8fd18a", 33: "#f0c674", 34: "#7aa6f5", 35: "#c397d8", 36: "#70c8c8", 37: foreground,
	90: "#7f8796", 91: "#ff9a9c", 92: "#b2e6ad", 93: "#ffdd99", 94: "#a3c2ff", 95: "#dcb8ec", 96: "#9be0e0", 97: "#ffffff",
}

// SVG is a picture of the screen in a window with a title. It holds text, so it
// can be searched, copied and read aloud, and loads nothing.
func (s *Screen) SVG(title string) string {
	lines := s.lines
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	columns := 0
	for _, line := range lines {
		columns = max(columns, len(line))
	}
	width := float64(columns)*charWidth + 2*margin
	height := titleBar + len(lines)*lineHeight + 2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(title))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	for i, color := range []string{"#f2777a", "#f0c674", "#8fd18a"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="16" r="5.5" fill="%s"/>`+"\n", 20+i*18, color)
	}
	fmt.Fprintf(&b, `<text x="50%%" y="20" text-anchor="middle" font-family="sans-serif" font-size="12" fill="#7f8796">%s</text>`+"\n", escape(title))
	fmt.Fprintf(&b, `<g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="13" fill="%s" xml:space="preserve" style="white-space:pre">`+"\n", foreground)
	for i, line := range lines {
		if text := spans(line); text != "" {
			fmt.Fprintf(&b, `<text x="%d" y="%d" textLength="%.1f">%s</text>`+"\n",
				margin, titleBar+margin+i*lineHeight, float64(len(line))*charWidth, text)
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// spans are the runs of a line that look the same.
func spans(line []cell) string {
	var b strings.Builder
	for len(line) > 0 {
		n := 1
		for n < len(line) && line[n].style == line[0].style {
			n++
		}
		var text strings.Builder
		for _, c := range line[:n] {
			text.WriteRune(c.r)
		}
		b.WriteString(line[0].style.span(escape(text.String())))
		line = line[n:]
	}
	return b.String()
}

func (s Style) span(text string) string {
	var attributes string
	if color, ok := palette[s.Color]; ok {
		attributes += ` fill="` + color + `"`
	}
	if s.Bold {
		attributes += ` font-weight="bold"`
	}
	if s.Dim {
		attributes += ` opacity="0.6"`
	}
	if attributes == "" {
		return text
	}
	return "<tspan" + attributes + ">" + text + "</tspan>"
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
