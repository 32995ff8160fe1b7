package helper_test

import (
	"context"
	"errors"
	"net"

	"github.com/modectl/moded/internal/helper"
)

// The parrot is a helper that says how long the words are that it is told.
type (
	question struct {
		Words []string `json:"words,omitempty"`
	}
	answer struct {
		Letters int `json:"letters,omitempty"`
	}
	client = helper.Client[question, answer]
	server = helper.Server[question, answer]
)

var parrot = helper.Protocol{Name: "moded-parrot", Number: 1, MaxQuestion: 1 << 10, MaxAnswer: 4 << 20}

func count(_ context.Context, q question) (a answer) {
	for _, word := range q.Words {
		a.Letters += len(word)
	}
	return a
}

func anybody(net.Conn) error { return nil }

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return nil }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return mine, nil
	case <-p.done:
		return nil, errors.New("nobody listens")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client asks over the pipes.
func (p *pipes) client() *client { return &client{Protocol: parrot, Dial: p.dial} }
