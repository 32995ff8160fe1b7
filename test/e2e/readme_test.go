package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shown is an example of the README: a comment says what happens on the
// simulated machine before, the block has a command and what it says. A line of
// an ellipsis stands for lines that are left out.
var shown = regexp.MustCompile("(?s)<!-- simulated(?:: ([^>]*))? -->\n```console\n\\$ modectl ([^\n]*)\n(.*?)```\n")

var (
	space   = regexp.MustCompile(`\s+`)
	seconds = regexp.MustCompile(`\d+\.\d s\b`)
	stepped = regexp.MustCompile(`(?m)^(\d+)/\d+ [^\n]*: done\n`)
	passing = regexp.MustCompile(`(?m)^\d+/\d+ [^\n]*: doing\n`)
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
	return strings.TrimSpace(space.ReplaceAllString(seconds.ReplaceAllString(text, "N s"), " "))
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // digits only
	return n
}

func TestTheREADMEShowsWhatModectlSays(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := shown.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 3 || len(blocks) != strings.Count(string(readme), "<!-- simulated") {
		t.Fatalf("%d examples are of the form that is checked", len(blocks))
	}
	for _, block := range blocks {
		t.Run(block[2], func(t *testing.T) {
			t.Parallel()
			p := open(t)
			for line := range strings.SplitSeq(block[1], ";") {
				if line = strings.TrimSpace(line); line != "" {
					p.simulate(line)
				}
			}
			out, err := p.Modectl(t.Context(), strings.Fields(block[2])...).CombinedOutput()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			rest := plainly(string(out))
			for part := range strings.SplitSeq(block[3], "…\n") {
				_, after, found := strings.Cut(rest, plainly(part))
				if !found {
					t.Fatalf("the README shows:\n%s\nand modectl %s says:\n%s", part, block[2], out)
				}
				rest = after
			}
			if !strings.HasSuffix(block[3], "…\n") && rest != "" {
				t.Errorf("modectl %s says more than the README: %s", block[2], rest)
			}
		})
	}
}
