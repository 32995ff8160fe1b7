// Package serve is moded-workload: it answers package workload's questions on a
// socket until nobody has asked for a while.
package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/modectl/moded/internal/workload"
)

// maxConnections is how many questions are answered side by side. Others wait
// in the socket's backlog.
const maxConnections = 8

// Server answers. All fields must be set.
type Server struct {
	Version string
	// Idle is how long after the last question Serve returns.
	Idle time.Duration
	// Ready answers; Patience bounds it.
	Ready    func(ctx context.Context, url string) error
	Patience time.Duration
}

// Serve answers until the context ends or nobody has asked for Idle, and
// returns nil then. It closes the listener and waits for answers under way. The
// socket is systemd's: a caller that comes just now starts the helper again.
func (s Server) Serve(ctx context.Context, l net.Listener) error {
	var connections sync.WaitGroup
	defer connections.Wait()
	open, shut := context.WithCancel(ctx)
	defer shut()
	defer context.AfterFunc(open, func() { _ = l.Close() })() // ends Accept
	idle := newIdle(s.Idle, shut)
	slots := make(chan struct{}, maxConnections)
	for {
		conn, err := l.Accept()
		if err != nil && open.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot accept: %w", err)
		}
		slots <- struct{}{}
		idle.busy(+1)
		connections.Go(func() {
			defer func() { idle.busy(-1); <-slots }()
			s.answer(ctx, conn)
		})
	}
}

// answer talks over one connection. What goes wrong on it is told to the other
// side, or lost with it.
func (s Server) answer(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }() // all has been said
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	_ = conn.SetDeadline(time.Now().Add(s.Patience + time.Second)) // a socket can
	r := bufio.NewReader(conn)
	heard := workload.ReadHello(r)
	if heard != nil && !errors.Is(heard, workload.ErrVersion) {
		return
	}
	hello := workload.Hello{Protocol: workload.Protocol, Version: s.Version}
	if err := workload.Write(conn, hello); err != nil || heard != nil {
		return
	}
	q, err := workload.Read[workload.Question](r)
	if err != nil {
		return
	}
	answer := workload.Answer{Ready: true}
	if err := s.Ready(ctx, q.Ready); err != nil {
		answer = workload.Answer{Detail: err.Error()}
	}
	_ = workload.Write(conn, answer) // who has gone does not want it
}

// idle calls a function when nothing has been busy for a while.
type idle struct {
	mu    sync.Mutex
	n     int
	after time.Duration
	timer *time.Timer
}

func newIdle(after time.Duration, call func()) *idle {
	return &idle{after: after, timer: time.AfterFunc(after, call)}
}

func (i *idle) busy(by int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n += by; i.n > 0 {
		i.timer.Stop()
	} else {
		i.timer.Reset(i.after)
	}
}
