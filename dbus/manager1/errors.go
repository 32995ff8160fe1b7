package manager1

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Names of the errors that the daemon answers.
const (
	ErrUnknownMode     = "org.modectl.Error.UnknownMode"
	ErrNotAllowed      = "org.modectl.Error.NotAllowed"
	ErrBusy            = "org.modectl.Error.Busy"
	ErrRefused         = "org.modectl.Error.Refused"
	ErrStuck           = "org.modectl.Error.Stuck"
	ErrInvalidArgument = "org.modectl.Error.InvalidArgument"
	ErrNotFound        = "org.modectl.Error.NotFound"
	ErrNotSupported    = "org.modectl.Error.NotSupported"
	ErrLimitsExceeded  = "org.modectl.Error.LimitsExceeded"
	ErrFailed          = "org.modectl.Error.Failed"
	ErrAccessDenied    = "org.freedesktop.DBus.Error.AccessDenied"
	ErrInteractive     = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
)

// ErrNoDaemon is what a Client makes of every way in which nobody answers: no
// bus, no owner of the name, or one that left in the middle of the call.
const ErrNoDaemon = "org.modectl.Error.NoDaemon"

// Error is an error of the contract, on both sides of the bus.
type Error struct {
	// Name is one of the names above, or the bus's own.
	Name string
	// Message is a text for people, of one or more lines; clean if it came
	// from a Client.
	Message string
	// ID is the history's number of a refusal; 0 otherwise.
	ID uint32
}

// Errorf returns an Error with a formatted message.
func Errorf(name, format string, args ...any) *Error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Name
	}
	return e.Message
}

// DBus returns e as a bus method returns it.
func (e *Error) DBus() *dbus.Error {
	body := []any{e.Message}
	if e.ID != 0 {
		body = append(body, e.ID)
	}
	return dbus.NewError(e.Name, body)
}

// Is tells whether err is an Error of that name.
func Is(err error, name string) bool {
	var e *Error
	return errors.As(err, &e) && e.Name == name
}

// asError turns what godbus returns from a call into an *Error. Errors of the
// caller's context stay what they are.
func asError(err error) error {
	var remote dbus.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &remote):
		return fromRemote(remote)
	case errors.Is(err, dbus.ErrClosed):
		return &Error{Name: ErrNoDaemon, Message: "the connection to the bus is closed"}
	default:
		return err
	}
}

func fromRemote(remote dbus.Error) error {
	e := &Error{Name: remote.Name}
	if len(remote.Body) > 0 {
		text, _ := remote.Body[0].(string)
		e.Message = CleanLines(text)
	}
	if len(remote.Body) > 1 {
		e.ID, _ = remote.Body[1].(uint32)
	}
	switch remote.Name {
	case "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.Disconnected":
		e.Name = ErrNoDaemon
	}
	return e
}
