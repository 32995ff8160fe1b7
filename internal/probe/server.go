package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Looker looks at the machine. It never fails: a part that cannot be seen is
// unknown in the answer.
type Looker interface {
	Look(ctx context.Context, q Question) Answer
}

// Server answers questions on a socket until nobody has asked for a while.
type Server struct {
	Looker  Looker
	Version string
	// Idle is how long after the last question Serve returns.
	Idle time.Duration
	// Patience bounds one connection, from accept to the last byte.
	Patience time.Duration
	// Allow tells who may ask; nil allows everybody that reaches the socket.
	Allow func(net.Conn) error
	// Problem is told of connections that came to nothing; nil tells nobody.
	Problem func(error)
}

// maxConnections is how many questions are answered side by side. Others wait in
// the socket's backlog.
const maxConnections = 4

// Serve answers until the context ends or nobody has asked for Idle, and returns
// nil then. It closes the listener and waits for answers under way.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	// A caller that comes while the listener closes is still answered.
	open, shut := context.WithCancel(ctx)
	defer shut()
	stop := context.AfterFunc(open, func() { _ = l.Close() })
	defer stop()
	idle := time.AfterFunc(s.Idle, shut)
	defer idle.Stop()
	var busy busy
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			if open.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot accept: %w", err)
		}
		busy.enter(idle)
		wg.Go(func() {
			defer func() { busy.leave(idle, s.Idle); <-slots }()
			s.handle(ctx, conn)
		})
	}
}

// busy counts connections, so that the idle timer runs only between them.
type busy struct {
	sync.Mutex
	n int
}

func (b *busy) enter(t *time.Timer) {
	b.Lock()
	defer b.Unlock()
	b.n++
	t.Stop()
}

func (b *busy) leave(t *time.Timer, idle time.Duration) {
	b.Lock()
	defer b.Unlock()
	if b.n--; b.n == 0 {
		t.Reset(idle)
	}
}

// handle talks over one connection. A panic costs that connection only.
func (s *Server) handle(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer func() {
		if p := recover(); p != nil {
			s.problem(fmt.Errorf("internal error: %v", p))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.talk(ctx, conn); err != nil {
		s.problem(err)
	}
}

func (s *Server) talk(ctx context.Context, conn net.Conn) error {
	if s.Allow != nil {
		if err := s.Allow(conn); err != nil {
			return err
		}
	}
	r := bufio.NewReader(conn)
	heard := readHello(r)
	if heard != nil && !errors.Is(heard, ErrVersion) {
		return heard
	}
	if err := writeLine(conn, hello{Protocol, s.Version}); err != nil {
		return fmt.Errorf("cannot greet: %w", err)
	}
	if heard != nil {
		return heard // the other side has our number now and says so to people
	}
	line, err := readLine(r, maxQuestion)
	if err != nil {
		return fmt.Errorf("cannot read question: %w", err)
	}
	q, err := decode[Question](line)
	if err != nil {
		return fmt.Errorf("cannot understand question: %w", err)
	}
	if err := writeLine(conn, s.Looker.Look(ctx, q)); err != nil {
		return fmt.Errorf("cannot answer: %w", err)
	}
	return nil
}

func (s *Server) problem(err error) {
	if s.Problem != nil {
		s.Problem(err)
	}
}
