package server

import (
	"context"
	"errors"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// maxConfirm is the longest time to confirm in.
const maxConfirm = 86400

// text and number read an argument. The table has compared the signature, so
// another type is an internal error and ends in a panic, which is caught.
func (c *call) text(i int) string   { return c.args[i].(string) }
func (c *call) number(i int) uint32 { return c.args[i].(uint32) }

// switchFlags are those of SwitchMode and Plan.
const switchFlags = manager1.OverrideGuards | manager1.SkipCountdown | manager1.Automatic

// trigger is what a request over the bus is begun by.
func trigger(flags uint32) string {
	if flags&manager1.Automatic != 0 {
		return fsm.TriggerAutomatic
	}
	return "manual"
}

func (s *Server) switchMode(ctx context.Context, c *call) ([]any, error) {
	mode, flags, within, reason := c.text(0), c.number(1), c.number(2), c.text(3)
	if err := errors.Join(checkFlags(flags, switchFlags), checkText("reason", reason)); err != nil {
		return nil, err
	}
	if within > maxConfirm {
		return nil, manager1.Errorf(manager1.ErrInvalidArgument, "the time to confirm is at most %d s", maxConfirm)
	}
	if err := s.checkMode(mode); err != nil {
		return nil, err
	}
	id, err := s.engine.Switch(ctx, fsm.Request{Mode: mode, Override: flags&manager1.OverrideGuards != 0,
		SkipCountdown: flags&manager1.SkipCountdown != 0, ConfirmWithin: time.Duration(within) * time.Second,
		Reason: reason, UID: c.caller.uid, Trigger: trigger(flags), Authorize: s.authoriseSwitch(c)})
	s.noteRefusal(err)
	return []any{id}, err
}

func (s *Server) plan(ctx context.Context, c *call) ([]any, error) {
	mode, flags := c.text(0), c.number(1)
	if err := checkFlags(flags, switchFlags); err != nil {
		return nil, err
	}
	if err := s.checkMode(mode); err != nil {
		return nil, err
	}
	p, err := s.engine.Plan(ctx, fsm.Request{Mode: mode, Override: flags&manager1.OverrideGuards != 0, UID: c.caller.uid,
		Trigger: trigger(flags)})
	if err != nil {
		return nil, err
	}
	steps := stepRows(p.Steps, p.Ends)
	expect(steps, s.memory.of(s.engine.History(), p.From, p.To))
	return []any{p.Allowed, manager1.EncodeList(verdictRows(p.Verdicts)), manager1.EncodeList(steps)}, nil
}

// canSwitch asks the law, who holds the mode, and polkit without a prompt.
func (s *Server) canSwitch(ctx context.Context, c *call) ([]any, error) {
	mode := c.text(0)
	if err := s.checkMode(mode); err != nil {
		return nil, err
	}
	effect, err := s.engine.CanSwitch(ctx, mode)
	switch {
	case errors.Is(err, fsm.ErrUnknownMode):
		return nil, err
	case err != nil || effect == nil:
		return []any{manager1.CanNotNow}, nil
	case c.caller.is(s.own):
		return []any{manager1.CanYes}, nil
	}
	return []any{s.couldSwitch(ctx, c, *effect)}, nil
}

func (s *Server) cancel(ctx context.Context, c *call) ([]any, error) {
	id := c.number(0)
	if err := s.open(id); err != nil {
		return nil, err
	}
	if err := s.ownOr(ctx, c, id, manager1.ActionAdminister); err != nil {
		return nil, err
	}
	return nil, notOpen(s.engine.Cancel(ctx, id, c.caller.uid))
}

func (s *Server) confirm(ctx context.Context, c *call) ([]any, error) {
	id := c.number(0)
	if p := s.engine.State().Open; p == nil || p.ID != id || p.Phase != fsm.AwaitingConfirm {
		return nil, manager1.Errorf(manager1.ErrNotFound, "no transition %d waits to be confirmed", id)
	}
	if err := s.ownOr(ctx, c, id, manager1.ActionAdminister); err != nil {
		return nil, err
	}
	return nil, notOpen(s.engine.Confirm(id))
}

func (s *Server) proceed(ctx context.Context, c *call) ([]any, error) {
	id := c.number(0)
	p := s.engine.State().Open
	if p == nil || p.ID != id || p.Phase != fsm.Grace {
		return nil, manager1.Errorf(manager1.ErrNotFound, "no transition %d counts down", id)
	}
	if !onlyVictim(p.Ends, c.caller) {
		if err := s.ownOr(ctx, c, id, manager1.ActionEndSessions); err != nil {
			return nil, err
		}
	}
	return nil, notOpen(s.engine.Proceed(id))
}

// onlyVictim tells whether sessions of the caller end, and nobody else's.
func onlyVictim(ends []fsm.Session, who caller) bool {
	found := false
	for _, session := range ends {
		if !isPerson(session) {
			continue
		}
		if !who.is(session.UID) {
			return false
		}
		found = true
	}
	return found
}

// open refuses ids that are not under way, before anybody is asked anything.
func (s *Server) open(id uint32) error {
	p := s.engine.State().Open
	switch {
	case p == nil || p.ID != id:
		return manager1.Errorf(manager1.ErrNotFound, "transition %d is not open", id)
	case p.Phase == fsm.StuckPhase:
		return manager1.Errorf(manager1.ErrStuck, "transition %d is stuck; say modectl recover", id)
	}
	return nil
}

// ownOr lets the transition's requester pass, and asks polkit about others.
func (s *Server) ownOr(ctx context.Context, c *call, id uint32, action string) error {
	if owner, ok := s.engine.Owner(id); ok && c.caller.is(owner) {
		return nil
	}
	return s.authorise(ctx, c, action, s.openDetails())
}

// openDetails is what a prompt about the open transition shows.
func (s *Server) openDetails() map[string]string {
	p := s.engine.State().Open
	if p == nil {
		return map[string]string{"mode": s.engine.State().Mode, "from": s.engine.State().Mode, "victims": victims(nil)}
	}
	return map[string]string{"mode": p.To, "from": p.From, "victims": victims(p.Ends)}
}

// notOpen turns the engine's "not now" into what the contract calls it.
func notOpen(err error) error {
	var request *fsm.RequestError
	if errors.As(err, &request) && errors.Is(request.Kind, fsm.ErrNotAllowed) {
		return &manager1.Error{Name: manager1.ErrNotFound, Message: request.Text}
	}
	return err
}

func (s *Server) recover(ctx context.Context, c *call) ([]any, error) {
	how := c.number(0)
	if how > manager1.RecoverAdopt {
		return nil, manager1.Errorf(manager1.ErrInvalidArgument, "recover knows 0 (undo again), 1 (fresh plan) and 2 (adopt)")
	}
	if err := s.authorise(ctx, c, manager1.ActionAdminister, s.openDetails()); err != nil {
		return nil, err
	}
	return nil, notOpen(s.engine.Recover(ctx, fsm.RecoverHow(how)))
}

func (s *Server) reload(ctx context.Context, c *call) ([]any, error) {
	if s.cfg.Reload == nil {
		return nil, manager1.Errorf(manager1.ErrNotSupported, "this moded cannot reload")
	}
	if err := s.authorise(ctx, c, manager1.ActionAdminister, s.openDetails()); err != nil {
		return nil, err
	}
	err := s.cfg.Reload(ctx)
	if err == nil || errors.Is(err, fsm.ErrBusy) {
		s.refreshModes()
		s.touch()
		return nil, err
	}
	return nil, manager1.Errorf(manager1.ErrInvalidArgument, "%s", err.Error())
}
