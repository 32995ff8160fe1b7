// Command manpages writes the man pages: modectl(1) and one for each of its
// commands from the commands themselves, moded.toml(5) from the reference of the
// configuration, and moded(8) from docs/man. `make man` runs it.
//
//	go run ./internal/reference/manpages -out build/man -version 1.2.3
//
// The date on the pages is SOURCE_DATE_EPOCH's, so that two builds are the same.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra/doc"

	"github.com/modectl/moded/internal/cli"
	"github.com/modectl/moded/internal/reference"
)

func main() {
	out := flag.String("out", "build/man", "the directory to write to")
	version := flag.String("version", "", "the version on the pages")
	flag.Parse()
	if err := write(*out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

func write(out, version string) error {
	date, err := date()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	tree := cli.Tree()
	tree.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "moded " + version, Manual: "moded"}
	if err := doc.GenManTree(tree, header, out); err != nil {
		return err
	}
	daemon, err := os.ReadFile(filepath.Join("docs", "man", "moded.8.md"))
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"moded.8":      string(daemon),
		"moded.toml.5": configuration(reference.Settings()),
	} {
		title, section, _ := strings.Cut(name, ".")
		if section != "8" {
			title, section = "moded.toml", "5"
		}
		text = fmt.Sprintf("%% %s %s %q %q moded\n\n%s", strings.ToUpper(title), section, date.Format("2006-01-02"), "moded "+version, text)
		if err := os.WriteFile(filepath.Join(out, name), md2man.Render([]byte(text)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// configuration makes a man page of the reference: with the sections that one
// begins with, and without what only a browser follows.
func configuration(page string) string {
	_, body, _ := strings.Cut(page, "-->\n")
	before, tables, _ := strings.Cut(body, "## Tables\n")
	if _, rest, found := strings.Cut(tables, "\n## "); found {
		tables = "\n## " + rest
	}
	return "# NAME\n\nmoded.toml - the configuration of moded\n\n# DESCRIPTION\n" + lists(links.ReplaceAllString(before+tables, "$1")) +
		"\n# SEE ALSO\n\n**modectl-config**(1), **moded**(8)\n"
}

// links are between pages of the web.
var links = regexp.MustCompile(`\[([^][]+)\]\([^()]+\)`)

// lists makes a list of each table: a terminal is too narrow for four columns.
func lists(page string) string {
	var b strings.Builder
	var heads []string
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			heads = nil
			b.WriteString(line)
		case heads == nil:
			heads = cells
		case strings.HasPrefix(line, "|--"):
		default:
			b.WriteString("\n" + strings.TrimSpace(cells[0]) + "\n: ")
			for i, cell := range cells[1:] {
				if cell = strings.TrimSpace(cell); cell == "" {
					continue
				}
				if len(cells) > 2 && i+2 < len(cells) {
					cell = strings.TrimSpace(heads[min(i+1, len(heads)-1)]) + ": " + cell + ". "
				}
				b.WriteString(cell)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func date() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
