package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// page is a text for people, taken apart into what can be checked.
type page struct {
	name  string
	lines []string
	parts []part
	// files are those of /etc/moded that the page writes, in order.
	files []string
}

// part is one fenced block of a page.
type part struct {
	language string
	first    int // the line after the fence
	last     int // the line of the closing fence
	// before is what the comment above says that happens to the machine.
	before []string
	// file is where in /etc/moded the block belongs, by its first line.
	file string
}

// example is a command of a console block with the lines that it says.
type example struct {
	command     string
	first, last int // the lines of what it says
	answers     []string
}

var (
	happens  = regexp.MustCompile(`^<!-- machine: (.*) -->$`)
	belongs  = regexp.MustCompile(`^# (/etc/moded/[^\s,:]+\.toml)\b`)
	answered = regexp.MustCompile(`\[y/N\] (\S+)`)
)

// read takes a page apart.
func read(name, text string) page {
	p := page{name: name, lines: strings.Split(text, "\n")}
	var before []string
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		if m := happens.FindStringSubmatch(line); m != nil {
			before = strings.Split(m[1], ";")
			continue
		}
		if !strings.HasPrefix(line, "```") {
			continue
		}
		b := part{language: strings.TrimPrefix(line, "```"), first: i + 1, before: before}
		for i++; i < len(p.lines) && !strings.HasPrefix(p.lines[i], "```"); i++ {
		}
		b.last, before = i, nil
		if m := belongs.FindStringSubmatch(p.lines[b.first]); m != nil {
			b.file = m[1]
			p.files = append(p.files, m[1])
		}
		p.parts = append(p.parts, b)
	}
	return p
}

// text is what the page says from line first up to line last.
func (p page) text(first, last int) string {
	return strings.Join(p.lines[first:last], "\n") + "\n"
}

// examples are the commands of a console block.
func (p page) examples(b part) []example {
	var list []example
	for i := b.first; i < b.last; i++ {
		if command, is := strings.CutPrefix(p.lines[i], "$ "); is {
			list = append(list, example{command: command, first: i + 1, last: i + 1})
		} else if len(list) > 0 {
			list[len(list)-1].last = i + 1
		}
	}
	for i, e := range list {
		for _, m := range answered.FindAllStringSubmatch(p.text(e.first, e.last), -1) {
			list[i].answers = append(list[i].answers, m[1])
		}
	}
	return list
}

var (
	space   = regexp.MustCompile(`\s+`)
	stepped = regexp.MustCompile(`(?m)^(\d+)/\d+ [^\n]*: done\n`)
	// passing are lines that are not there each time: properties are coalesced.
	passing = regexp.MustCompile(`(?m)^(\d+/\d+ [^\n]*: doing|undoing\b[^\n]*)\n`)
	// times differ from run to run; how they are written does not.
	times = []struct {
		written *regexp.Regexp
		instead string
	}{
		{regexp.MustCompile(`\d{4}-\d\d-\d\d( |T)?`), ""},
		{regexp.MustCompile(`\b\d\d:\d\d(:\d\d)?(\.\d+)?\b`), "CLOCK"},
		{regexp.MustCompile(`just now|\b\d+ (s|min|h|days?)( \d+ (s|min))? ago`), "AGO"},
		{regexp.MustCompile(`\b\d+(\.\d+)? (ms|s|min|h)\b( \d+ (s|min)\b)?`), "SPAN"},
		{regexp.MustCompile(`\buid \d+\b`), "UID"},
	}
)

// plainly drops what differs from run to run and from terminal to terminal: how
// long it took, where lines are wrapped, and which of the steps that run side by
// side was done first.
func plainly(text string) string {
	text = passing.ReplaceAllString(text, "")
	steps := stepped.FindAllString(text, -1)
	slices.SortStableFunc(steps, func(a, b string) int {
		return number(stepped.FindStringSubmatch(a)[1]) - number(stepped.FindStringSubmatch(b)[1])
	})
	text = stepped.ReplaceAllStringFunc(text, func(string) string {
		next := steps[0]
		steps = steps[1:]
		return next
	})
	text = space.ReplaceAllString(text, " ")
	for _, t := range times {
		text = t.written.ReplaceAllString(text, t.instead)
	}
	return strings.TrimSpace(text)
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // digits only
	return n
}

// elided is a line that stands for lines that are left out.
const elided = "…\n"

// sameAs tells whether what a command said is what a page shows.
func sameAs(shown, said string) bool {
	parts := strings.Split(shown, elided)
	rest := plainly(said)
	for i, part := range parts {
		before, after, found := strings.Cut(rest, plainly(part))
		if !found || i == 0 && before != "" {
			return false
		}
		rest = after
	}
	return parts[len(parts)-1] == "" && len(parts) > 1 || strings.TrimSpace(rest) == ""
}
