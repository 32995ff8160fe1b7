package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/modectl/moded/dbus/manager1"
)

// Exit codes of modectl.
const (
	exitDone          = 0
	exitFailed        = 1
	exitUsage         = 2
	exitRefused       = 3
	exitNotAuthorised = 4
	exitBusy          = 5
	exitStuck         = 6
	exitNoDaemon      = 7
	exitInterrupted   = 130
)

// exitError ends the program with a code. An empty text says that everything
// was said already.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func exitf(code int, format string, args ...any) error {
	return &exitError{code, fmt.Sprintf(format, args...)}
}

// silent is an exit code about which nothing is left to say.
func silent(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

var codes = map[string]int{
	manager1.ErrUnknownMode:     exitUsage,
	manager1.ErrInvalidArgument: exitUsage,
	manager1.ErrNotAllowed:      exitRefused,
	manager1.ErrRefused:         exitRefused,
	manager1.ErrAccessDenied:    exitNotAuthorised,
	manager1.ErrInteractive:     exitNotAuthorised,
	manager1.ErrBusy:            exitBusy,
	manager1.ErrLimitsExceeded:  exitBusy,
	manager1.ErrStuck:           exitStuck,
	manager1.ErrNoDaemon:        exitNoDaemon,
}

// exit reports an error, if there is one, and returns the exit code.
func (a *app) exit(err error) int {
	var e *exitError
	var remote *manager1.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		if e.text != "" {
			a.complain(e.text)
		}
		return e.code
	case errors.As(err, &remote):
		a.complain(explain(remote))
		if code, ok := codes[remote.Name]; ok {
			return code
		}
		return exitFailed
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		a.complain("moded does not answer")
		return exitNoDaemon
	case !a.begun:
		a.complain(manager1.CleanLines(err.Error()) + "\nSay modectl help for how to use it.")
		return exitUsage
	default:
		a.complain(manager1.CleanLines(err.Error()))
		return exitFailed
	}
}

// complain prints an error the way all programs do.
func (a *app) complain(text string) {
	a.ui.erase()
	fmt.Fprintf(a.Stderr, "modectl: %s\n", text)
}

// explain adds what to do to errors that do not say it themselves.
func explain(e *manager1.Error) string {
	text := e.Error()
	switch e.Name {
	case manager1.ErrNoDaemon:
		return "moded is not running (" + text + ")\nAs root: systemctl start moded; journalctl -u moded tells why it is not."
	case manager1.ErrAccessDenied:
		return "not authorised: " + text
	case manager1.ErrInteractive:
		return "not authorised: a password is needed, and there is nowhere to ask for it\nUse a terminal, or sudo."
	default:
		return text
	}
}
