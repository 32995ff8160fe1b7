package look

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/modectl/moded/pkg/facts"
)

// Place is how a cgroup file is read; one that procfs does not understand says
// nothing.
func Place(t *testing.T, text string) (unit, userUnit, session string) {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "7", "cgroup"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	fs, err := procfs.NewFS(root)
	if err != nil {
		t.Fatal(err)
	}
	w := walker{fs: fs}
	cgroups, _ := w.cgroups(7)
	p := placeIn(cgroups)
	return p.unit, p.userUnit, p.session
}

// Identified tells whether a process is whose a descriptor of its directory says.
func Identified(m *Machine, dir *os.File, pid uint32) bool {
	fs, err := m.procfs()
	w := walker{fs: fs}
	return err == nil && w.identify(int(dir.Fd()), &proc{Process: facts.Process{PID: pid}})
}

// Fdinfo is how an fdinfo file is read.
func Fdinfo(text string) (id string, engines map[string]uint64, ok bool) {
	c, ok := parseFdinfo(text)
	return c.id, c.engines, ok
}

// Since is the busiest engine of a client between two fdinfo files.
func Since(was, is string, elapsed time.Duration) float64 {
	a, _ := parseFdinfo(was)
	b, _ := parseFdinfo(is)
	return busiest(b.since(a, elapsed))
}
