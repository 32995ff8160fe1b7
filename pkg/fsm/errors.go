package fsm

import (
	"errors"
	"fmt"
)

// ErrMissing says that the thing a setting is about does not exist here.
var ErrMissing = errors.New("does not exist on this machine")

// Errors of requests. The bus skin maps each to one D-Bus error name.
var (
	ErrUnknownMode  = errors.New("unknown mode")
	ErrNotAllowed   = errors.New("not allowed")
	ErrBusy         = errors.New("busy")
	ErrRefused      = errors.New("refused")
	ErrStuck        = errors.New("stuck")
	ErrNotFound     = errors.New("not found")
	ErrInvalid      = errors.New("invalid argument")
	ErrAccessDenied = errors.New("access denied")
	ErrSafeMode     = errors.New("safe mode")
)

// RequestError is a request that was not carried out. Kind is one of the
// sentinels above and is what errors.Is finds.
type RequestError struct {
	Kind error
	// Text is a sentence for people that says what to do next.
	Text string
	// ID is the transition that stands in the way (busy), or the one under
	// which the refusal is in the history (refused); 0 when there is none.
	ID uint32
	// Verdicts are the reasons of a refusal.
	Verdicts []Verdict
}

// Error returns the text.
func (e *RequestError) Error() string { return e.Text }

// Unwrap returns the kind.
func (e *RequestError) Unwrap() error { return e.Kind }

func requestErrorf(kind error, format string, args ...any) *RequestError {
	return &RequestError{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// ErrForeignSession is wrapped by an Undo that would have to end a session
// that was not in the plan. No rollback does that: the transition is stuck.
var ErrForeignSession = errors.New("a session is there that was not in the plan")
