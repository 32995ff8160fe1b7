package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// Bounds of holds.
const (
	holdsInAll  = 128
	holdsPerUID = 16
)

// Holds are the claims that the mode must not change: each bound to the
// connection that made it, and gone with it. They do not outlive the server's
// own connection. All methods may be called at any time; before Listen there are
// none.
type Holds struct {
	server *Server

	mu      sync.Mutex
	list    []*hold // the oldest first
	cookie  uint32  // the last one given
	changed chan struct{}
}

// hold is one claim. It is not changed once it is in the list.
type hold struct {
	manager1.HoldInfo
	cookie uint32
	sender string
	ended  chan struct{} // closed when it is let go
}

var _ fsm.Holds = (*Holds)(nil)

func newHolds(s *Server) *Holds { return &Holds{server: s, changed: make(chan struct{})} }

// Held implements fsm.Holds.
func (h *Holds) Held() (now []fsm.Hold, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.list {
		now = append(now, fsm.Hold{Scope: fsm.HoldScope(one.Scope), Who: facts.Clean(one.Who), Why: facts.Clean(one.Why),
			UID: one.UID, User: facts.Clean(one.User)})
	}
	return now, h.changed
}

// Holds lists them for guards and readers.
func (h *Holds) Holds() []facts.Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]facts.Hold, 0, len(h.list))
	for _, one := range h.list {
		list = append(list, facts.Hold{Scope: one.Scope, Who: facts.Clean(one.Who), Why: facts.Clean(one.Why),
			UID: one.UID, User: facts.Clean(one.User), Since: one.Since})
	}
	return list
}

func (h *Holds) count() uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return uint32(len(h.list))
}

// room tells why the uid can take no further hold, if so.
func (h *Holds) room(uid uint32) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.roomLocked(uid)
}

func (h *Holds) roomLocked(uid uint32) error {
	mine := 0
	for _, one := range h.list {
		if one.UID == uid {
			mine++
		}
	}
	switch {
	case mine >= holdsPerUID:
		return manager1.Errorf(manager1.ErrLimitsExceeded, "you have %d holds already; release one", holdsPerUID)
	case len(h.list) >= holdsInAll:
		return manager1.Errorf(manager1.ErrLimitsExceeded, "there are %d holds already; modectl holds lists them", holdsInAll)
	}
	return nil
}

// add takes the hold and gives it a cookie.
func (h *Holds) add(one *hold) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.roomLocked(one.UID); err != nil {
		return err
	}
	one.cookie, one.ended = h.nextLocked(), make(chan struct{})
	h.list = append(h.list, one)
	h.tellLocked()
	return nil
}

// nextLocked returns a cookie that no hold has. It is never 0. Cookies are not
// secret: each is good for its sender only.
func (h *Holds) nextLocked() uint32 {
	for {
		h.cookie++
		taken := slices.ContainsFunc(h.list, func(one *hold) bool { return one.cookie == h.cookie })
		if h.cookie != 0 && !taken {
			return h.cookie
		}
	}
}

// release lets a hold of the sender's go, and tells whether there was one.
func (h *Holds) release(sender string, cookie uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.list, func(one *hold) bool { return one.cookie == cookie && one.sender == sender })
	if at < 0 {
		return false
	}
	close(h.list[at].ended)
	h.list = slices.Delete(h.list, at, at+1)
	h.tellLocked()
	return true
}

func (h *Holds) tellLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// accompany lets the hold go when its sender leaves the bus, or when the bus is
// lost: then nobody can tell whether the sender is there.
func (h *Holds) accompany(one *hold, gone <-chan struct{}, stop func()) {
	defer stop()
	select {
	case <-one.ended:
		return
	case <-h.server.ctx.Done():
		return
	case <-gone:
	case <-h.server.conn.Context().Done():
	}
	if h.release(one.sender, one.cookie) {
		h.server.touch()
	}
}

func (s *Server) hold(ctx context.Context, c *call) ([]any, error) {
	one := &hold{sender: c.Sender, HoldInfo: manager1.HoldInfo{Scope: c.text(0), Who: c.text(1), Why: c.text(2),
		UID: c.caller.uid, User: s.cfg.UserName(c.caller.uid)}}
	if err := s.mayHold(ctx, c, one); err != nil {
		return nil, err
	}
	gone, stop, err := s.names.Watch(ctx, c.Sender)
	if err != nil {
		return nil, err
	}
	select {
	case <-gone: // while it was asked for a password, say
		stop()
		return nil, manager1.Errorf(manager1.ErrAccessDenied, "the bus does not know you")
	default:
	}
	one.Since = time.Now()
	if err := s.holds.add(one); err != nil {
		stop()
		return nil, err
	}
	s.touch()
	if s.audit.room(one.UID, time.Now().Unix()) {
		s.log.Info("hold taken", zap.Uint32("uid", one.UID), zap.String("sender", one.sender), zap.String("scope", one.Scope),
			zap.String("who", facts.Clean(one.Who)))
	}
	s.background(func() { s.holds.accompany(one, gone, stop) })
	return []any{one.cookie}, nil
}

// mayHold validates, and asks polkit last: nobody is to give a password for
// nothing.
func (s *Server) mayHold(ctx context.Context, c *call, one *hold) error {
	action, ok := map[string]string{manager1.HoldAutomatic: manager1.ActionHold, manager1.HoldAll: manager1.ActionHoldAll}[one.Scope]
	if !ok {
		return manager1.Errorf(manager1.ErrInvalidArgument, "the scope of a hold is automatic or all")
	}
	err := errors.Join(checkWords("holder's name", one.Who), checkWords("purpose", one.Why))
	if err == nil {
		err = s.holds.room(one.UID)
	}
	if err != nil {
		return err
	}
	if s.cfg.Stopping != nil && s.cfg.Stopping(ctx) {
		return manager1.Errorf(manager1.ErrBusy, "the machine or moded is stopping; there is nothing left to hold")
	}
	return s.authorise(ctx, c, action, map[string]string{"mode": s.engine.State().Mode, "victims": victims(nil)})
}

// checkWords is checkText for what must not be empty.
func checkWords(what, text string) error {
	if strings.TrimSpace(text) == "" {
		return manager1.Errorf(manager1.ErrInvalidArgument, "the %s must not be empty", what)
	}
	return checkText(what, text)
}

func (s *Server) release(_ context.Context, c *call) ([]any, error) {
	if !s.holds.release(c.Sender, c.number(0)) {
		return nil, manager1.Errorf(manager1.ErrNotFound, "you have no such hold")
	}
	s.touch()
	return nil, nil
}

func (s *Server) listHolds(context.Context, *call) ([]any, error) {
	return []any{manager1.EncodeList(s.holds.rows())}, nil
}

func (h *Holds) rows() []manager1.HoldInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := make([]manager1.HoldInfo, 0, len(h.list))
	for _, one := range h.list {
		rows = append(rows, one.HoldInfo)
	}
	return rows
}
