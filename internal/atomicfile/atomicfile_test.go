package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/atomicfile"
)

func TestAFileIsReplacedWithItsModeAndNothingStaysBeside(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(string, []byte, fs.FileMode) error{
		"written": atomicfile.Write, "synced": atomicfile.WriteSynced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			for _, text := range []string{"old and long", "new"} {
				if err := write(path, []byte(text), 0o640); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != text {
					t.Errorf("it reads %q, %v; want %q", got, err, text)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
				t.Errorf("its mode is %v, %v", info.Mode(), err)
			}
			alone(t, path)
		})
	}
}

// A reader that has opened the file goes on reading the old text.
func TestWhoeverReadsHasTheOldTextOrTheNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	writes, done := 200, make(chan struct{})
	texts := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)}
	if err := atomicfile.Write(path, []byte(texts[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		for i := range writes {
			if err := atomicfile.Write(path, []byte(texts[i%2]), 0o600); err != nil {
				t.Error(err)
			}
		}
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != texts[0] && string(got) != texts[1] {
			t.Fatalf("a reader had %d bytes, %v", len(got), err)
		}
	}
}

func TestAFailureLeavesTheOldFileAndNothingBeside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "taken")
	inside := filepath.Join(path, "by a directory")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteJSON(path, "text"); err == nil {
		t.Error("a directory was replaced")
	}
	alone(t, path)
	if err := atomicfile.WriteSynced(filepath.Join(path, "nowhere", "file"), nil, 0o600); err == nil {
		t.Error("a file was written where no directory is")
	}
	alone(t, inside)
}

func alone(t *testing.T, path string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 1 || names[0].Name() != filepath.Base(path) {
		t.Errorf("beside it are %v, %v", names, err)
	}
}
