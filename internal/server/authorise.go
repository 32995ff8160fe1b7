package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/journal"
	"github.com/modectl/moded/internal/polkit"
	"github.com/modectl/moded/pkg/fsm"
)

// interactive tells whether the caller wants to be prompted if need be. Only
// the message's flag says so; there is no argument for it.
func (c *call) interactive() bool { return c.Flags&dbus.FlagAllowInteractiveAuthorization != 0 }

// authorise asks polkit whether the caller may, once. Callers with the
// daemon's own uid may always, polkit or not. Everything unexpected denies.
func (s *Server) authorise(ctx context.Context, c *call, action string, details map[string]string) error {
	if !slices.Contains(c.method.actions, action) {
		panic("internal error: action " + action + " is not in the table of " + c.method.member)
	}
	if c.caller.is(s.own) {
		s.audit.log(s.log, c, action, details, "own uid")
		return nil
	}
	if !c.caller.known {
		return denied()
	}
	result, err := s.polkit.Check(ctx, polkit.Check{Sender: c.Sender, UID: c.caller.uid, Action: action,
		Details: details, Interactive: c.interactive()})
	answer, refusal := decide(c, result, err)
	s.audit.log(s.log, c, action, details, answer)
	return refusal
}

// decide reads polkit's answer: the word for the log, and the caller's error.
func decide(c *call, result polkit.Result, err error) (string, error) {
	switch {
	case errors.Is(err, polkit.ErrTooManyPrompts):
		return "too many prompts", manager1.Errorf(manager1.ErrLimitsExceeded, "another question to you is open; answer it first")
	case err != nil:
		return "no answer", denied()
	case result.Authorized():
		return "yes", nil
	case result.Challenge() && !c.interactive():
		return "challenge", &manager1.Error{Name: manager1.ErrInteractive, Message: "this needs a password; the call did not allow to ask for it"}
	}
	return "no", denied()
}

func denied() error {
	return &manager1.Error{Name: manager1.ErrAccessDenied, Message: "you are not allowed to do that"}
}

// authoriseSwitch is the engine's question about an effect.
func (s *Server) authoriseSwitch(c *call) func(ctx context.Context, e fsm.Effect) error {
	return func(ctx context.Context, e fsm.Effect) error {
		action := actionFor(e, c.caller, s.othersInteractive(ctx, e, c.caller))
		return s.authorise(ctx, c, action, effectDetails(e))
	}
}

// actionFor is the strongest action that applies, and the only one asked for, see
// dbus/org.modectl.policy. The caller is known.
func actionFor(e fsm.Effect, who caller, othersInteractive bool) string {
	own, others := false, false
	for _, session := range e.Ends {
		if !isPerson(session) {
			continue
		}
		if who.is(session.UID) {
			own = true
		} else {
			others = true
		}
	}
	switch {
	case e.Override:
		return manager1.ActionOverrideGuards
	case e.Revert:
		return manager1.ActionAdminister
	case others, e.SkipCountdown && othersInteractive:
		return manager1.ActionEndSessions
	case e.Headless:
		return manager1.ActionLeaveHeadless
	case own:
		return manager1.ActionEndOwnSession
	}
	return manager1.ActionSwitchMode
}

// isPerson tells sessions of people from those of greeters and managers. What
// is not known to be neither is somebody's.
func isPerson(s fsm.Session) bool {
	return s.Class != "greeter" && s.Class != "lock-screen" && !strings.HasPrefix(s.Class, "manager")
}

// othersInteractive tells whether somebody else is at the machine, in so far
// as it matters for the effect. Who cannot be seen is there.
func (s *Server) othersInteractive(ctx context.Context, e fsm.Effect, who caller) bool {
	if !e.SkipCountdown {
		return false
	}
	if s.cfg.Interactive == nil {
		return true
	}
	uids, err := s.cfg.Interactive(ctx)
	return err != nil || slices.ContainsFunc(uids, func(uid uint32) bool { return !who.is(uid) })
}

// maxVictims is how many sessions a prompt names.
const maxVictims = 6

// effectDetails is what a prompt shows: polkit's messages name these keys.
func effectDetails(e fsm.Effect) map[string]string {
	return map[string]string{"mode": e.To, "from": e.From, "victims": victims(e.Ends)}
}

func victims(ends []fsm.Session) string {
	var list []string
	for _, session := range ends {
		if isPerson(session) {
			list = append(list, "session "+manager1.Clean(session.ID, 16)+" of "+manager1.Clean(session.User, 32))
		}
	}
	if len(list) == 0 {
		return "no session"
	}
	if more := len(list) - maxVictims; more > 0 {
		list = append(list[:maxVictims], fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

// auditPerSecond bounds the lines that one uid can cause.
const auditPerSecond = 10

// audit writes one line for each decision. The zero value is ready.
type audit struct {
	mu     sync.Mutex
	second int64
	lines  map[uint32]int
}

func (a *audit) log(log *zap.Logger, c *call, action string, details map[string]string, answer string) {
	if !a.room(c.caller.uid, time.Now().Unix()) {
		return
	}
	log.Info("authorisation decided", zap.String("message_id", journal.IDAuthorised), zap.Uint32("uid", c.caller.uid), zap.String("sender", c.Sender),
		zap.String("method", c.method.member), zap.String("action", action), zap.String("answer", answer),
		zap.Bool("interactive", c.interactive()), zap.String("mode", details["mode"]), zap.String("victims", details["victims"]))
}

// room tells whether the uid has a line left in this second.
func (a *audit) room(uid uint32, now int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now != a.second {
		a.second, a.lines = now, map[uint32]int{}
	}
	a.lines[uid]++
	return a.lines[uid] <= auditPerSecond
}

// couldSwitch answers CanSwitch for somebody who is not the daemon's own uid.
// It never prompts.
func (s *Server) couldSwitch(ctx context.Context, c *call, e fsm.Effect) string {
	result, err := s.polkit.Check(ctx, polkit.Check{Sender: c.Sender, UID: c.caller.uid,
		Action: actionFor(e, c.caller, s.othersInteractive(ctx, e, c.caller)), Details: effectDetails(e)})
	switch {
	case err != nil:
		return manager1.CanNo
	case result.Authorized():
		return manager1.CanYes
	case result.Challenge():
		return manager1.CanChallenge
	}
	return manager1.CanNo
}
