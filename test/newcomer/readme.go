package main

import (
	"fmt"
	"slices"
	"strings"
)

// story is what the README tells a newcomer.
type story struct {
	install, clone string
	commands       []string
}

// wanted are the commands that must work for everybody. The README has them in
// its own words, with a remark behind.
var wanted = []string{"make demo", `sudo -E env PATH="$PATH" make test`}

// read finds the commands in the README's blocks of shell.
func read(readme string) (story, error) {
	var s story
	lines := shell(readme)
	first := func(begins string) (string, error) {
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, begins) })
		if i < 0 {
			return "", fmt.Errorf("cannot find a command %q in the README", begins)
		}
		return lines[i], nil
	}
	var err error
	if s.install, err = first("sudo apt install git "); err != nil {
		return s, err
	}
	if s.clone, err = first("git clone "); err != nil {
		return s, err
	}
	for _, want := range wanted {
		command, err := first(want)
		if err != nil {
			return s, err
		}
		s.commands = append(s.commands, command)
	}
	return s, nil
}

// shell lists the commands of all blocks of shell, without remarks.
func shell(markdown string) []string {
	var out []string
	inside := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		switch {
		case inside && line == "```":
			inside = false
		case line == "```sh":
			inside = true
		case inside:
			command, _, _ := strings.Cut(line, " # ")
			if command = strings.TrimSpace(command); command != "" {
				out = append(out, command)
			}
		}
	}
	return out
}

// choose picks the commands that begin so.
func (s story) choose(only string) ([]string, error) {
	chosen := slices.DeleteFunc(slices.Clone(s.commands), func(c string) bool { return !strings.HasPrefix(c, only) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("cannot find %q among the commands: %s", only, strings.Join(s.commands, "; "))
	}
	return chosen, nil
}
