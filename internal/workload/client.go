package workload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/modectl/moded/pkg/actions"
)

// Patience is how long a question may take: the helper gives the service 5 s.
const Patience = 8 * time.Second

// Client asks moded-workload. It keeps no connection, so that the helper can go
// away when nobody asks; each question starts it again through its socket. It
// is safe for use by several goroutines.
type Client struct {
	path    string
	version string
}

var _ actions.Prober = Client{}

// NewClient returns a client of the socket at path. version is told to the
// helper, for people who look why the two do not understand each other.
func NewClient(path, version string) Client { return Client{path, version} }

// Ready returns nil when the service at url answers 200, else why it does not.
func (c Client) Ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errors.New("moded-workload did not answer in time"))
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		return fmt.Errorf("cannot reach moded-workload: %w", err)
	}
	defer func() { _ = conn.Close() }() // all has been said
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := c.ask(conn, Question{Ready: url})
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("cannot ask moded-workload: %w", err)
	case !answer.Ready:
		return errors.New(clean(answer.Detail))
	}
	return nil
}

func (c Client) ask(conn net.Conn, q Question) (Answer, error) {
	if err := Write(conn, Hello{Protocol, c.version}); err != nil {
		return Answer{}, err
	}
	r := bufio.NewReader(conn)
	if err := ReadHello(r); err != nil {
		return Answer{}, err
	}
	if err := Write(conn, q); err != nil {
		return Answer{}, err
	}
	return Read[Answer](r)
}
