package server

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/modectl/moded/dbus/manager1"
)

// modeRE is what a mode's name must match before anything else is done with it.
var modeRE = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// checkMode refuses what cannot be a mode's name, without repeating it.
func (s *Server) checkMode(mode string) error {
	if modeRE.MatchString(mode) {
		return nil
	}
	return manager1.Errorf(manager1.ErrUnknownMode, "there is no such mode; modes are %s",
		strings.Join(s.engine.Catalog().Names(), ", "))
}

// checkText refuses a caller's text that is too long, or that a terminal or a
// log would not show as it is.
func checkText(what, text string) error {
	if utf8.RuneCountInString(text) > manager1.MaxText || manager1.Clean(text, len(text)+2) != text {
		return manager1.Errorf(manager1.ErrInvalidArgument,
			"the %s must be at most %d characters, without control characters", what, manager1.MaxText)
	}
	return nil
}

// checkFlags refuses bits that nobody knows.
func checkFlags(flags, known uint32) error {
	if flags&^known != 0 {
		return manager1.Errorf(manager1.ErrInvalidArgument, "unknown flags")
	}
	return nil
}
