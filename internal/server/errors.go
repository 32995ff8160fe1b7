package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// errFailed is all that a caller learns of what nobody foresaw.
var errFailed = &manager1.Error{Name: manager1.ErrFailed, Message: "something went wrong inside moded; its journal says what"}

// noUID is nobody's, for lines of the log that no caller is known for.
const noUID = ^uint32(0)

// maxMessage is how long an error's message may be, in bytes before cleaning.
const maxMessage = 8 << 10

// busError is one of the bus's own errors.
func busError(name, text string) error {
	return &manager1.Error{Name: "org.freedesktop.DBus.Error." + name, Message: text}
}

// kinds maps what the engine says to what the bus says.
var kinds = []struct {
	kind error
	name string
}{
	{fsm.ErrUnknownMode, manager1.ErrUnknownMode},
	{fsm.ErrNotAllowed, manager1.ErrNotAllowed},
	{fsm.ErrBusy, manager1.ErrBusy},
	{fsm.ErrRefused, manager1.ErrRefused},
	{fsm.ErrStuck, manager1.ErrStuck},
	{fsm.ErrSafeMode, manager1.ErrStuck},
	{fsm.ErrNotFound, manager1.ErrNotFound},
	{fsm.ErrInvalid, manager1.ErrInvalidArgument},
	{fsm.ErrAccessDenied, manager1.ErrAccessDenied},
}

// wireError gives every error a name of the closed set. Errors that are not
// made for people are logged here and not shown.
func (s *Server) wireError(err error) *dbus.Error {
	var ours *manager1.Error
	var request *fsm.RequestError
	switch {
	case errors.As(err, &ours):
	case errors.As(err, &request):
		ours = fromRequest(request)
	case errors.Is(err, context.DeadlineExceeded):
		ours = manager1.Errorf(manager1.ErrFailed, "that took too long")
	}
	if ours == nil {
		if s.audit.room(noUID, time.Now().Unix()) {
			s.log.Error("call failed", zap.String("error", manager1.Clean(err.Error(), 512)))
		}
		ours = errFailed
	}
	clean := *ours
	clean.Message = manager1.CleanLines(ours.Message[:min(len(ours.Message), maxMessage)])
	return clean.DBus()
}

func fromRequest(r *fsm.RequestError) *manager1.Error {
	for _, k := range kinds {
		if errors.Is(r.Kind, k.kind) {
			return &manager1.Error{Name: k.name, Message: requestText(r), ID: refusedID(r)}
		}
	}
	return errFailed
}

// refusedID is the second argument of a refusal, and of nothing else.
func refusedID(r *fsm.RequestError) uint32 {
	if errors.Is(r.Kind, fsm.ErrRefused) {
		return r.ID
	}
	return 0
}

// requestText is the engine's sentence, or for a refusal the id and one line a
// reason.
func requestText(r *fsm.RequestError) string {
	if !errors.Is(r.Kind, fsm.ErrRefused) || r.ID == 0 || len(r.Verdicts) == 0 {
		return r.Text
	}
	lines := []string{fmt.Sprintf("refused; the history keeps it as %d", r.ID)}
	for _, v := range r.Verdicts {
		if v.Blocks(false) {
			lines = append(lines, reason(v))
		}
	}
	return strings.Join(lines, "\n")
}

// reason is a verdict in a line: what, how much, who, and what to do.
func reason(v fsm.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.Guard, v.Summary)
	switch {
	case v.Measured != "" && v.Limit != "":
		fmt.Fprintf(&b, " (%s, the limit is %s)", v.Measured, v.Limit)
	case v.Measured != "":
		fmt.Fprintf(&b, " (%s)", v.Measured)
	}
	if names := culpritNames(v.Culprits); names != "" {
		fmt.Fprintf(&b, "; by %s", names)
	}
	if v.Remedy != "" {
		fmt.Fprintf(&b, "; %s", v.Remedy)
	}
	return b.String()
}

// maxNamed is how many culprits a line names.
const maxNamed = 4

func culpritNames(culprits []fsm.Culprit) string {
	var names []string
	for _, c := range culprits[:min(len(culprits), maxNamed)] {
		names = append(names, culpritName(c))
	}
	if more := len(culprits) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func culpritName(c fsm.Culprit) string {
	for _, name := range []string{c.Client, c.Comm, c.Unit, c.User} {
		if name == "" {
			continue
		}
		if c.PID != 0 {
			return fmt.Sprintf("%s (%d)", name, c.PID)
		}
		return name
	}
	if c.Session != "" {
		return "session " + c.Session
	}
	return c.Kind
}
