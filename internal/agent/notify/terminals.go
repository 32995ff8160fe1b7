package notify

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Terminals writes to the terminals of the user it runs as. News go to those
// that allow it, as wall(1) has it (mesg(1)); warnings to all of them, as root's
// wall and shutdown's: systemd makes new terminals 0600 by now, which nobody
// chose. Those of somebody else are left alone, also when they are open to
// everybody.
type Terminals struct {
	// Patterns are the device files; the zero value means pseudo terminals
	// and virtual consoles.
	Patterns []string
}

// writeTimeout is for terminals that were stopped with ^S.
const writeTimeout = time.Second

// Write writes text to each terminal. One that cannot be written is skipped.
func (t Terminals) Write(text string, warning bool) {
	patterns := t.Patterns
	if patterns == nil {
		patterns = []string{"/dev/pts/[0-9]*", "/dev/tty[0-9]*"}
	}
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern) // a bad pattern is a programmer's error, and matches nothing
		for _, path := range paths {
			writeTo(path, text, warning)
		}
	}
}

func writeTo(path, text string, warning bool) {
	if !allows(path, warning) {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // #nosec G304 -- a terminal
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	_ = f.SetWriteDeadline(time.Now().Add(writeTimeout)) // files that cannot have one do not block
	_, _ = f.WriteString(text)                           // nobody to tell
}

// allows tells whether the device is ours and takes messages: mesg(1) sets the
// group's permission to write.
func allows(path string, warning bool) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || !warning && info.Mode().Perm()&0o020 == 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == uint32(os.Getuid()) // #nosec G115 -- a uid
}
