package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/modectl/moded/internal/config"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLaterLayersHaveTheLastWord(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root+"/usr/share/moded/50-vendor.toml", "drift = \"correct\"\nrestore = true\n[idle]\nafter = \"10m\"\n")
	write(t, root+"/etc/moded/moded.toml", "restore = false\n[idle]\nafter = \"20m\"\n")
	write(t, root+"/etc/moded/moded.d/20-b.toml", "[idle]\nafter = \"40m\"\n")
	write(t, root+"/etc/moded/moded.d/10-a.toml", "[idle]\nafter = \"30m\"\nsessions = \"locked\"\n")
	write(t, root+"/etc/moded/moded.d/.hidden.toml", "nonsense")
	write(t, root+"/etc/moded/moded.d/notes.txt", "nonsense")
	c, err := config.Load(config.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if c.Restore || c.Drift != config.CorrectDrift || c.Idle.After.Minutes() != 40 || c.Idle.Sessions != "locked" {
		t.Errorf("got restore %v, drift %v, idle %+v", c.Restore, c.Drift, c.Idle)
	}
}

func TestFilesThatCannotBeTrustedAreRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("not root: what root owns cannot be told apart here, so ownership is what refuses every case")
	}
	for what, make := range map[string]func(path string) error{
		"writable by others": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0o664))
		},
		"a FIFO": func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a link to a device": func(path string) error {
			return os.Symlink("/dev/zero", path)
		},
		"a directory":     func(path string) error { return os.Mkdir(path, 0o755) },
		"a dangling link": func(path string) error { return os.Symlink("nowhere", path) },
		"too large": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("#\n", 1<<20)), 0o644)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "etc/moded/moded.toml")
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), make(path)); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(config.Options{Root: root, Trust: true})
			if err == nil || !strings.HasPrefix(err.Error(), path+": cannot read configuration: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAChainOfLinksIsFollowed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root+"/store/real.toml", "restore = true\n")
	write(t, root+"/etc/moded/keep", "")
	if err := errors.Join(os.Symlink(root+"/store/real.toml", root+"/store/link"),
		os.Symlink("../../store/link", root+"/etc/moded/moded.toml")); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Root: root})
	if err != nil || !c.Restore {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAFileAskedForMustExist(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(config.Options{Files: []string{t.TempDir() + "/none.toml"}}); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestTheLastGoodConfigurationComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.LoadLastGood(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without one: %v", err)
	}
	c, err := config.Load(config.Options{Files: []string{"../../examples/workstation.toml"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := config.SaveLastGood(dir, c); err != nil {
			t.Fatal(err)
		}
	}
	again, err := config.LoadLastGood(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest != c.Digest || pretty(t, outcomeOf(again)) != pretty(t, outcomeOf(c)) {
		t.Error("what came back differs")
	}
	if err := os.WriteFile(dir+"/last-good.json", []byte(`{"version":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadLastGood(dir); err == nil {
		t.Error("a foreign form was accepted")
	}
}
