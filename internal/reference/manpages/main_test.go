package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/modectl/moded/internal/cli"
)

// pages writes them for a fixed day.
func pages(t *testing.T) map[string]string {
	t.Helper()
	t.Chdir(filepath.Join("..", "..", ".."))
	t.Setenv("SOURCE_DATE_EPOCH", "1795435200")
	dir := t.TempDir()
	if err := write(dir, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = string(text)
	}
	return all
}

func TestEveryCommandHasAPage(t *testing.T) {
	all := pages(t)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Hidden {
			return
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if !strings.Contains(all[name], ".SH NAME") || !strings.Contains(all[name], cmd.Short) {
			t.Errorf("%s is not there, or says nothing", name)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(cli.Tree())
	for name, want := range map[string]string{
		"moded.8":      `.TH MODED 8 "2026-11-23" "moded 1.2.3" moded`,
		"moded.toml.5": "default-mode",
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s does not have %q:\n%.400s", name, want, all[name])
		}
	}
	if page := all["moded.toml.5"]; strings.Contains(page, "](") || strings.Contains(page, ".TS") {
		t.Error("the configuration's page has links or tables")
	}
}

func TestTwoBuildsAreTheSame(t *testing.T) {
	first := pages(t)
	t.Chdir(filepath.Join("internal", "reference", "manpages"))
	if diff := cmp.Diff(first, pages(t)); diff != "" {
		t.Error(diff)
	}
}
