// Package housetest has the tests of the house itself: what may import what,
// and that every room says what it is for.
package housetest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/modectl/moded/"

// pkg is one line of go list.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
	Deps       []string
	CgoFiles   []string
	GoFiles    []string
}

func (p pkg) room() string { return strings.TrimPrefix(p.ImportPath, module) }

func house(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Name,Doc,Imports,Deps,CgoFiles,GoFiles", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// floor is how high a room lies: cmd and test above internal above pkg and dbus.
func floor(room string) int {
	switch {
	case strings.HasPrefix(room, "pkg/"), room == "dbus", strings.HasPrefix(room, "dbus/"):
		return 0
	case strings.HasPrefix(room, "internal/"):
		return 1
	default:
		return 2
	}
}

// forbidden are arrows that the floors allow and the design does not, with the
// reason.
var forbidden = []struct{ from, to, why string }{
	{"pkg/fsm", "pkg/facts", "the core judges nothing itself"},
	{"pkg/actions", "pkg/facts", "hands do not look through the guards' eyes"},
	{"pkg/actions", "pkg/guards", "leaves do not call each other"},
	{"pkg/guards", "pkg/actions", "leaves do not call each other"},
	{"internal/cli", "internal/host", "modectl is a thin client of the bus"},
	{"internal/cli", "internal/ledger", "modectl is a thin client of the bus"},
	{"internal/cli", "internal/server", "modectl is a thin client of the bus"},
	{"internal/agent", "pkg/fsm", "the agent speaks the bus and nothing else"},
	{"internal/config", "pkg/actions", "what a configuration means is data"},
}

func TestArrowsNeverPointUp(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			if floor(to) > floor(p.room()) {
				t.Errorf("%s imports %s, which lies above it", p.room(), to)
			}
			for _, f := range forbidden {
				if p.room() == f.from && to == f.to {
					t.Errorf("%s imports %s: %s", f.from, f.to, f.why)
				}
			}
			if strings.HasPrefix(to, "cmd/") {
				t.Errorf("%s imports %s: nobody imports a command", p.room(), to)
			}
		}
	}
}

func TestTheBrainLinksNoCgoAndStartsNoPrograms(t *testing.T) {
	t.Parallel()
	rooms := house(t)
	at := slices.IndexFunc(rooms, func(p pkg) bool { return p.room() == "cmd/moded" })
	if at < 0 {
		t.Fatal("there is no cmd/moded")
	}
	for _, p := range rooms {
		if !slices.Contains(rooms[at].Deps, p.ImportPath) {
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("the brain links cgo through %s", p.room())
		}
		if slices.Contains(p.Imports, "os/exec") {
			t.Errorf("the brain can start programs through %s", p.room())
		}
	}
	if slices.Contains(rooms[at].Deps, "github.com/NVIDIA/go-nvml/pkg/nvml") {
		t.Error("the brain links go-nvml")
	}
}

// Anybody on a system bus may send signals of 32 MiB to anybody, which godbus
// decodes whole. A daemon goes through internal/server/frame; a client that a
// person has started may be ended.
func TestNoDaemonIsOnTheSystemBusWithoutTheGuard(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		if room := p.room(); floor(room) == 2 && !strings.HasPrefix(room, "cmd/") || room == "dbus/manager1" {
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join("../..", p.room(), name))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"dbus.ConnectSystemBus(", "dbus.SystemBus(", "dbus.SystemBusPrivate(", "NewSystemConnection"} {
				if strings.Contains(string(text), call) {
					t.Errorf("%s/%s calls %s…): use frame.Dial", p.room(), name, call)
				}
			}
		}
	}
}

func TestTheCoreIsPure(t *testing.T) {
	t.Parallel()
	alien := map[string]string{
		"github.com/godbus/dbus/v5":                "no D-Bus",
		"github.com/coreos/go-systemd/v22/dbus":    "no systemd",
		"go.uber.org/zap":                          "no log",
		"os/exec":                                  "no programs",
		"net/http":                                 "no network",
		"github.com/NVIDIA/go-nvml/pkg/nvml":       "no GPU",
		"github.com/modectl/moded/internal/config": "no configuration",
		"github.com/modectl/moded/dbus/manager1":   "no bus names",
	}
	for _, p := range house(t) {
		if p.room() != "pkg/fsm" {
			continue
		}
		for _, dep := range p.Deps {
			if why, bad := alien[dep]; bad {
				t.Errorf("pkg/fsm depends on %s: %s", dep, why)
			}
		}
	}
}

func TestEveryRoomSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment", p.room())
		}
	}
}
