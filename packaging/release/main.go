// Command release checks that a version may be released, and sums what is:
//
//	go -C packaging run ./release check -version v0.3.0 -changelog ../CHANGELOG.md
//	go -C packaging run ./release sums DIR
//
// `make release` calls both.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("say check -version VERSION -changelog FILE, or sums DIR")

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	version := flags.String("version", "", "what git describe says")
	changelog := flags.String("changelog", "../CHANGELOG.md", "the changelog `file`")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case args[0] == "check" && flags.NArg() == 0:
		text, err := os.ReadFile(*changelog)
		if err != nil {
			return fmt.Errorf("cannot read the changelog: %w", err)
		}
		return check(*version, string(text))
	case args[0] == "sums" && flags.NArg() == 1:
		return sums(flags.Arg(0), out)
	}
	return errUsage
}

// tag is what a release is tagged with.
var tag = regexp.MustCompile(`^v(\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)\d*)?)$`)

// check tells what is missing for a release of that version.
func check(version, changelog string) error {
	m := tag.FindStringSubmatch(version)
	if m == nil {
		return fmt.Errorf("cannot release %q: HEAD must be tagged (git tag -s v1.2.3), and nothing changed since", version)
	}
	base, _, _ := strings.Cut(m[1], "-") // a candidate has its release's section
	section, found := sectionOf(changelog, base)
	if !found {
		return fmt.Errorf("cannot release %s: CHANGELOG.md has no section \"## %s (YYYY-MM-DD)\"", version, base)
	}
	if len(section) == 0 {
		return fmt.Errorf("cannot release %s: its section in CHANGELOG.md has no notes", version)
	}
	if left, _ := sectionOf(changelog, "Unreleased"); len(left) > 0 {
		return fmt.Errorf("cannot release %s: %d notes in CHANGELOG.md are under Unreleased still", version, len(left))
	}
	return nil
}

// sectionOf gives the notes below a heading; that of a version needs its date.
func sectionOf(changelog, name string) (notes []string, found bool) {
	heading := "## " + name
	if name != "Unreleased" {
		heading += " ("
	}
	inside := false
	for line := range strings.Lines(changelog) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			inside = strings.HasPrefix(line, heading)
			found = found || inside
		case inside && strings.HasPrefix(line, "- "):
			notes = append(notes, line)
		}
	}
	return notes, found
}

// sumsFile is what sha256sum --check reads.
const sumsFile = "SHA256SUMS"

// sums writes the sums of all files of a directory into it.
func sums(dir string, out io.Writer) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) == sumsFile })
	if len(files) == 0 {
		return fmt.Errorf("cannot find anything in %s", dir)
	}
	var text strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cannot sum %s: %w", file, err)
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&text, "%s  %s\n", hex.EncodeToString(sum[:]), filepath.Base(file))
	}
	if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(text.String()), 0o644); err != nil {
		return err
	}
	_, err = io.WriteString(out, text.String())
	return err
}
