package helper

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// Client asks a helper. It keeps no connection, so that the helper can go away
// when nobody asks; each question starts it again through its socket. It is safe
// for many goroutines; its fields must be set before and stay as they are.
type Client[Q, A any] struct {
	Protocol Protocol
	// Version is told to the helper, for people who look why the two do not
	// understand each other.
	Version string
	// Dial reaches the helper; see Socket.
	Dial func(context.Context) (net.Conn, error)
}

// Socket returns what dials the unix socket at path.
func Socket(path string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
}

// Ask puts one question. It returns when the answer is there, or the context
// ends; the error says why there is no answer, fit to be shown.
func (c *Client[Q, A]) Ask(ctx context.Context, q Q) (A, error) {
	var none A
	conn, err := c.Dial(ctx)
	if err != nil {
		return none, fmt.Errorf("cannot reach %s: %w", c.Protocol.Name, err)
	}
	defer conn.Close()
	stop := hangUp(ctx, conn)
	defer stop()
	a, err := c.talk(conn, q)
	if err != nil && ctx.Err() != nil {
		return none, fmt.Errorf("%s did not answer in time: %w", c.Protocol.Name, context.Cause(ctx))
	}
	if err != nil {
		return none, fmt.Errorf("cannot ask %s: %w", c.Protocol.Name, err)
	}
	return a, nil
}

func (c *Client[Q, A]) talk(conn net.Conn, q Q) (a A, err error) {
	if err := writeLine(conn, c.Protocol.hello(c.Version)); err != nil {
		return a, err
	}
	r := bufio.NewReader(conn)
	if err := c.Protocol.readHello(r); err != nil {
		return a, err
	}
	if err := writeLine(conn, q); err != nil {
		return a, err
	}
	line, err := readLine(r, c.Protocol.MaxAnswer)
	if err != nil {
		return a, fmt.Errorf("cannot read its answer: %w", err)
	}
	if a, err = Decode[A](line); err != nil {
		return a, fmt.Errorf("cannot understand its answer: %w", err)
	}
	return a, nil
}

// hangUp ends all reads and writes when the context ends, until it is stopped.
func hangUp(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a socket can
}
