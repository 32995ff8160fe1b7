package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Deadline is how long a service may take to say that it is ready.
const Deadline = 5 * time.Second

// loopback speaks to this machine only: no proxy, no redirect, and no name is
// looked up. The unit's IPAddressDeny= says the same once more.
var loopback = &http.Client{
	Transport: &http.Transport{
		DialContext:       dial,
		DisableKeepAlives: true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Ready gets the URL and returns nil when the answer is 200.
func Ready(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("cannot read the URL")
	case u.Scheme != "http" || u.User != nil:
		return fmt.Errorf("%s is not a plain http:// URL", u.Redacted())
	case len(addresses(u.Hostname())) == 0:
		return fmt.Errorf("%s is not on this machine's loopback", u.Host)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, Deadline, fmt.Errorf("no answer after %s", Deadline))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("cannot read the URL")
	}
	req.Header.Set("User-Agent", "moded-workload")
	resp, err := loopback.Do(req)
	if err != nil {
		return plain(ctx, err)
	}
	_ = resp.Body.Close() // nobody reads it
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// plain takes the URL, which people have just read, out of the error.
func plain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// addresses are what a host may be: a loopback address or localhost.
func addresses(host string) []string {
	if host == "localhost" {
		return []string{"127.0.0.1", "::1"}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() && addr.Zone() == "" {
		return []string{host}
	}
	return nil
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	err = errors.New("not on this machine's loopback")
	for _, addr := range addresses(host) {
		var dialer net.Dialer
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(addr, port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
