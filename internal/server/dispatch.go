package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/server/frame"
)

const (
	// maxCall is the size of any call but those whose method says otherwise.
	maxCall = 4 << 10
	// callTimeout ends what a handler waits for; it is longer than a prompt and
	// all guards together.
	callTimeout = 4 * time.Minute
	// identifyTimeout is for asking the bus who somebody is.
	identifyTimeout = 5 * time.Second
)

// call is one method call on its way.
type call struct {
	frame.Header
	method *method
	caller caller
	args   []any
}

// caller is who calls, by the bus. Its zero value is nobody: nobody is not
// root, and nothing but identify makes somebody.
type caller struct {
	known bool
	uid   uint32
}

// is tells whether the caller is known to be uid.
func (c caller) is(uid uint32) bool { return c.known && c.uid == uid }

// serve handles one method call from the guard, in a goroutine of its own.
func (s *Server) serve(h frame.Header, message []byte) {
	<-s.ready
	body, err := s.answer(h, message)
	if errors.Is(err, errIgnored) || !h.ExpectsReply() {
		return
	}
	if err != nil {
		e := s.wireError(err)
		s.conn.Send(frame.Error(h.Sender, h.Serial, e.Name, e.Body...), nil)
		return
	}
	s.conn.Send(frame.Reply(h.Sender, h.Serial, body...), nil)
}

// errIgnored is for calls that get no answer at all.
var errIgnored = errors.New("ignored")

// answer finds the method and calls it. It survives a panic: one broken
// handler must not take the machine's only way back with it.
func (s *Server) answer(h frame.Header, message []byte) (body []any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("handler panicked", zap.String("member", h.Member), zap.String("panic", fmt.Sprint(p)),
				zap.ByteString("stack", debug.Stack()))
			body, err = nil, errFailed
		}
	}()
	c := call{Header: h}
	if c.method, err = s.find(h); err != nil {
		return nil, err
	}
	if c.method.changes && !h.ExpectsReply() {
		return nil, errIgnored // the caller could not learn what became of it
	}
	leave, err := s.decode(&c, message)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.run(&c)
}

// find looks the method up. The signature is compared before anything of the
// body is decoded.
func (s *Server) find(h frame.Header) (*method, error) {
	m, ok := s.table[route{h.Interface, h.Member}]
	switch {
	case !ok:
		return nil, busError("UnknownMethod", "there is no such method")
	case !m.anywhere && h.Path != string(manager1.Path):
		return nil, busError("UnknownObject", "there is no such object")
	case m.in != h.Signature:
		return nil, busError("InvalidArgs", "the arguments have wrong types")
	case h.Size > m.size():
		return nil, manager1.Errorf(manager1.ErrLimitsExceeded, "the message is too large")
	}
	return m, nil
}

// decode decodes the body. Only two large ones are decoded and handled at a
// time: decoding is what costs memory.
func (s *Server) decode(c *call, message []byte) (leave func(), err error) {
	leave = func() {}
	if c.Size > maxCall {
		select {
		case s.large <- struct{}{}:
			leave = func() { <-s.large }
		case <-s.ctx.Done():
			return nil, errFailed
		}
	}
	m, err := dbus.DecodeMessage(bytes.NewReader(message))
	if err != nil {
		leave()
		return nil, busError("InvalidArgs", "the message cannot be read")
	}
	c.args = m.Body
	return leave, nil
}

// run identifies the caller, where the method asks for it, and handles.
func (s *Server) run(c *call) ([]any, error) {
	if !c.method.identified() {
		return c.method.handle(s, s.ctx, c)
	}
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	if err := s.identify(ctx, c); err != nil {
		return nil, err
	}
	if c.method.slow && !c.caller.is(s.own) {
		if !s.slow.enter(c.caller.uid) {
			return nil, manager1.Errorf(manager1.ErrLimitsExceeded, "too many calls at once; try again")
		}
		defer s.slow.leave(c.caller.uid)
	}
	return c.method.handle(s, ctx, c)
}

// identify asks the bus for the caller's uid. Unique names are never given
// twice, so the answer stays true.
func (s *Server) identify(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	var uid uint32
	err := s.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixUser", 0, c.Sender).Store(&uid)
	if err != nil {
		return manager1.Errorf(manager1.ErrAccessDenied, "the bus does not know you")
	}
	c.caller = caller{known: true, uid: uid}
	return nil
}
