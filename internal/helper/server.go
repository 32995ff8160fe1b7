package helper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Server answers questions on a socket until nobody has asked for a while.
type Server[Q, A any] struct {
	Protocol Protocol
	// Version is told to the brain.
	Version string
	// Answer answers; Patience bounds it. It is called side by side and cannot
	// fail: what went wrong is part of an answer.
	Answer func(ctx context.Context, q Q) A
	// Idle is how long after the last question Serve returns.
	Idle time.Duration
	// Patience bounds one connection, from accept to the last byte.
	Patience time.Duration
	// Slots is how many questions are answered side by side, at least one.
	// Others wait in the socket's backlog.
	Slots int
	// Allow tells who may ask; nil is SameUser.
	Allow func(net.Conn) error
	// Problem is told of connections that came to nothing; nil tells nobody.
	Problem func(error)
}

// Serve answers until the context ends or nobody has asked for Idle, and returns
// nil then. It closes the listener and waits for answers under way. The socket
// is PID 1's: a caller that comes just now starts the helper again.
func (s *Server[Q, A]) Serve(ctx context.Context, l net.Listener) error {
	// A caller that comes while the listener closes is still answered.
	open, shut := context.WithCancel(ctx)
	defer shut()
	stop := context.AfterFunc(open, func() { _ = l.Close() })
	defer stop()
	idle := newIdle(s.Idle, shut)
	defer idle.timer.Stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	slots := make(chan struct{}, max(s.Slots, 1))
	for {
		slots <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			if open.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot accept: %w", err)
		}
		idle.busy(+1)
		connections.Go(func() {
			defer func() { idle.busy(-1); <-slots }()
			s.handle(ctx, conn)
		})
	}
}

// handle talks over one connection. A panic costs that connection only.
func (s *Server[Q, A]) handle(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer func() {
		if p := recover(); p != nil {
			s.problem(fmt.Errorf("internal error: %v", p))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	stop := hangUp(ctx, conn)
	defer stop()
	if err := s.talk(ctx, conn); err != nil {
		s.problem(err)
	}
}

func (s *Server[Q, A]) talk(ctx context.Context, conn net.Conn) error {
	if err := s.allow(conn); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	heard := s.Protocol.readHello(r)
	if heard != nil && !errors.Is(heard, ErrVersion) {
		return heard
	}
	if err := writeLine(conn, s.Protocol.hello(s.Version)); err != nil {
		return fmt.Errorf("cannot greet: %w", err)
	}
	if heard != nil {
		return heard // the other side has our number now and says so to people
	}
	line, err := readLine(r, s.Protocol.MaxQuestion)
	if err != nil {
		return fmt.Errorf("cannot read question: %w", err)
	}
	q, err := Decode[Q](line)
	if err != nil {
		return fmt.Errorf("cannot understand question: %w", err)
	}
	if err := writeLine(conn, s.Answer(ctx, q)); err != nil {
		return fmt.Errorf("cannot answer: %w", err)
	}
	return nil
}

func (s *Server[Q, A]) allow(conn net.Conn) error {
	if s.Allow == nil {
		return SameUser(conn)
	}
	return s.Allow(conn)
}

func (s *Server[Q, A]) problem(err error) {
	if s.Problem != nil {
		s.Problem(err)
	}
}
