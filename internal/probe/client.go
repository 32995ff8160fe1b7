package probe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// Client asks moded-probe. It keeps no connection, so that the probe can go away
// when nobody asks; each question starts it again through its socket. It is safe
// for many goroutines.
type Client struct {
	dial    func(context.Context) (net.Conn, error)
	version string
}

// NewClient returns a client of the socket at path. version is told to the
// probe, for its log.
func NewClient(path, version string) *Client {
	return NewClientOn(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}, version)
}

// NewClientOn returns a client that reaches the probe through dial.
func NewClientOn(dial func(context.Context) (net.Conn, error), version string) *Client {
	return &Client{dial: dial, version: version}
}

// Ask puts one question. It returns when the answer is there, or the context
// ends; the error says why there is no answer, fit to be shown.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot reach moded-probe: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := c.talk(conn, q)
	if err != nil && ctx.Err() != nil {
		return Answer{}, fmt.Errorf("moded-probe did not answer in time: %w", context.Cause(ctx))
	}
	if err != nil {
		return Answer{}, fmt.Errorf("cannot ask moded-probe: %w", err)
	}
	return a, nil
}

func (c *Client) talk(conn net.Conn, q Question) (Answer, error) {
	if err := writeLine(conn, hello{Protocol, c.version}); err != nil {
		return Answer{}, err
	}
	r := bufio.NewReader(conn)
	if err := readHello(r); err != nil {
		return Answer{}, err
	}
	if err := writeLine(conn, q); err != nil {
		return Answer{}, err
	}
	line, err := readLine(r, maxAnswer)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot read its answer: %w", err)
	}
	a, err := decode[Answer](line)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot understand its answer: %w", err)
	}
	return a, nil
}
