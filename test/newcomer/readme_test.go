package main

import (
	"os"
	"slices"
	"testing"
)

func TestCommandsAreReadFromBlocksOfShellAlone(t *testing.T) {
	t.Parallel()
	readme := "say `make demo`\n```console\n$ make demo\n```\n```sh\nsudo apt install git make\ngit clone URL && cd moded   # all of it\n" +
		"make demo       # the story\n\nsudo -E env PATH=\"$PATH\" make test\n```\nmake test\n"
	s, err := read(readme)
	if err != nil {
		t.Fatal(err)
	}
	if s.install != "sudo apt install git make" || s.clone != "git clone URL && cd moded" || !slices.Equal(s.commands, wanted) {
		t.Errorf("read %+v", s)
	}
	if got, err := s.choose("make"); err != nil || !slices.Equal(got, wanted[:1]) {
		t.Errorf("chose %q, %v", got, err)
	}
	if got, err := s.choose("make bench"); err == nil {
		t.Errorf("chose %q", got)
	}
}

func TestTheREADMETellsANewcomerEnough(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	s, err := read(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.commands, wanted) {
		t.Errorf("the README says %q", s.commands)
	}
}
