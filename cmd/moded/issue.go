package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/modectl/moded/internal/atomicfile"
	"github.com/modectl/moded/pkg/fsm"
)

// issueDir is what agetty shows above its login prompt, beside /etc/issue.
const issueDir = "/run/issue.d"

const issueFile = "50-moded.issue"

// issue tells the person at the console of a machine without a GUI how to get
// one back. It is courtesy: where the directory is not there, nothing is said.
type issue struct {
	dir      string
	headless func(mode string) (way string, yes bool)
	shown    string
}

// Changed keeps the text as the settled mode wants it.
func (i *issue) Changed(s fsm.State) {
	if s.Mode == i.shown || s.Mode == fsm.Transitioning {
		return
	}
	i.shown = s.Mode
	path := filepath.Join(i.dir, issueFile)
	way, yes := i.headless(s.Mode)
	if !yes {
		_ = os.Remove(path) // it may not be there
		return
	}
	text := fmt.Sprintf("This machine is in %s mode, without a desktop. Log in here and say: modectl switch %s\n\n", s.Mode, way)
	_ = atomicfile.Write(path, []byte(text), 0o644)
}

// Started and the others change nothing at the console.
func (*issue) Started(fsm.Transition)             {}
func (*issue) StepChanged(uint32, int, fsm.Step)  {}
func (*issue) Finished(fsm.Transition)            {}
func (*issue) ModeChanged(string, string, uint32) {}

// wayOut names the mode that leads out of one without a GUI.
func (d *daemon) wayOut(mode string) (string, bool) {
	catalog := d.config().Catalog
	m, ok := catalog.Mode(mode)
	if !ok || !m.Headless {
		return "", false
	}
	if way := catalog.Way(mode, catalog.Default()); len(way) > 1 {
		return way[1], true
	}
	return catalog.Default(), true
}
