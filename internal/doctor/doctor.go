// Package doctor looks at a machine and says what is in the way of what it is
// meant for, with what to do about it and when that takes effect. It changes
// nothing and needs no rights. System looks at what moded stands on, and is told
// what the bus says; Audio asks no daemon.
//
// The checks of Audio are those of rtcqs (https://codeberg.org/rtcqs/rtcqs), seen
// from a machine with modes: what a mode sets when it is entered need not be set
// now.
package doctor

import (
	"errors"
	"io/fs"
	"strings"
)

// Level is how a finding is to be taken.
type Level string

// The levels. A note is a cost that has its reasons: nothing is wrong. With a
// failure something that the configuration wants cannot work.
const (
	Failure Level = "fail"
	Fine    Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Unknown Level = "unknown"
)

// When a remedy takes effect.
const (
	Now      = "now"
	Entering = "mode"     // when the mode is entered
	Login    = "login"    // at the next login
	Boot     = "boot"     // at the next boot: not at run time
	Firmware = "firmware" // in the computer's setup, or by another slot
)

// Finding is what one check found.
type Finding struct {
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Summary string `json:"summary"`
	// Why says what comes of it.
	Why string `json:"why,omitempty"`
	// Remedy says what to do, and At when that takes effect.
	Remedy string `json:"remedy,omitempty"`
	At     string `json:"at,omitempty"`
}

// Report is all that a doctor has to say.
type Report struct {
	// Mode is the mode that the machine was looked at for; empty when there is
	// none. Sets is what it sets when it is entered, a line each.
	Mode     string    `json:"mode"`
	Sets     []string  `json:"sets"`
	Findings []Finding `json:"findings"`
}

// Count counts the findings of a level.
func (r Report) Count(l Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// Machine is the one that is looked at.
type Machine struct {
	// Root holds proc, sys, dev, etc and boot.
	Root fs.FS
	// User is who asks; Super is true for root.
	User  string
	Super bool
	// Home is where projects are, as an absolute path.
	Home string
	// FIFO tries to run a thread with SCHED_FIFO at that priority; nil when it is
	// not to be tried.
	FIFO func(priority int) error
	// Writable tells whether the user may write to a file; nil when it cannot be
	// told.
	Writable func(path string) bool
}

// Studio is what the configuration's mode for realtime audio sets.
type Studio struct {
	// Mode is empty when there is no such mode, or it cannot be told because the
	// configuration is Unread.
	Mode   string
	Unread bool
	// Quantum and Rate are 0 when it forces none.
	Quantum, Rate uint32
	// Tuned is true when it has the kernel tuned for low latency.
	Tuned bool
	// Sets is everything, a line each.
	Sets []string
}

// patient is a machine while it is looked at.
type patient struct {
	Machine
	studio Studio
	config map[string]string // the kernel's, nil when it cannot be read
	boot   []string          // the kernel's command line
}

func (p *patient) get(path string) (string, error) {
	raw, err := fs.ReadFile(p.Root, path)
	return strings.TrimSpace(string(raw)), err
}

func (p *patient) exists(path string) bool {
	_, err := fs.Stat(p.Root, path)
	return err == nil
}

// glob is fs.Glob with a constant pattern.
func (p *patient) glob(pattern string) []string {
	paths, _ := fs.Glob(p.Root, pattern)
	return paths
}

// byStudio tells whether studio turns the knobs of the kernel, and with what.
func (p *patient) byStudio() bool { return p.studio.Tuned && p.tuneInstalled() }

func (p *patient) tuneInstalled() bool {
	for _, dir := range []string{"etc", "run", "usr/local/lib", "usr/lib", "lib"} {
		if p.exists(dir + "/systemd/system/moded-tune.service") {
			return true
		}
	}
	return false
}

// letStudio is the remedy for a knob that studio can turn, when it is entered.
func (p *patient) letStudio(by string) string {
	switch {
	case p.studio.Unread:
		return "mend the configuration, or " + by
	case p.studio.Mode == "":
		return "have a mode with audio = \"realtime\" and tune = \"low-latency\", or " + by
	case !p.studio.Tuned:
		return "say tune = \"low-latency\" in [modes." + p.studio.Mode + "], or " + by
	default:
		return "install moded-tune.service, without which " + p.studio.Mode + " tunes nothing; or " + by
	}
}

// why is the end of an error's chain: what the system said.
func why(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
