package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong, or worth a warning, and where.
type Problem struct {
	Position
	// Text says what is wrong and what to do about it.
	Text string
}

// String returns "file:line:column: text", the form that editors jump to.
func (p Problem) String() string { return p.Position.String() + ": " + p.Text }

// Error makes a problem an error by itself, for a place with room for one.
func (p Problem) Error() string { return p.String() }

// Position is a place in a source. Line and Column start at 1 and count bytes;
// both are 0 when the problem is about the whole file.
type Position struct {
	File   string
	Line   int
	Column int
	// layer orders files as they were read; 0 is the embedded default.
	layer int
}

// String returns "file:line:column", or the file alone.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error is a configuration that cannot be used. It lists all that is wrong,
// not only what was found first.
type Error struct {
	// Problems are sorted by layer, line and column, each different.
	Problems []Problem
}

// Error returns one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// problems collects while a configuration is read.
type problems struct {
	list []Problem
	// asked, when there, keeps the path of each key that was asked for and the
	// words that it takes: the reference is held against it.
	asked map[string][]string
}

func (p *problems) ask(path string, words ...string) {
	if p.asked != nil {
		p.asked[path] = append(p.asked[path], words...)
	}
}

func (p *problems) addf(at Position, format string, args ...any) {
	p.list = append(p.list, Problem{at, fmt.Sprintf(format, args...)})
}

// err returns an *Error with all problems, or nil when there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.sorted()}
}

// sorted drops repetitions too: what is wrong in base is found once a mode.
func (p *problems) sorted() []Problem {
	list := slices.Clone(p.list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.layer, b.layer), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(list)
}
