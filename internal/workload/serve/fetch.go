package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/modectl/moded/internal/workload/loopback"
)

// Deadline is how long a service may take to answer, all its answers together.
const Deadline = 5 * time.Second

// local speaks to this machine only: no proxy, no redirect, and no name is
// looked up. The unit's IPAddressDeny= says the same once more.
var local = &http.Client{
	Transport: &http.Transport{
		DialContext:            loopback.Dial,
		DisableKeepAlives:      true,
		DisableCompression:     true, // an answer is as long as it looks
		MaxResponseHeaderBytes: 64 << 10,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// target reads the URL of a service that may be asked.
func target(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("cannot read the URL")
	case u.Scheme != "http" || u.User != nil:
		return nil, fmt.Errorf("%s is not a plain http:// URL", u.Redacted())
	case len(loopback.Addresses(u.Hostname())) == 0:
		return nil, fmt.Errorf("%s is not on this machine's loopback", u.Host)
	}
	return u, nil
}

// get asks for u, and gives the status and a body that must be closed. Its
// errors are fit to be shown.
func get(ctx context.Context, u *url.URL) (*http.Response, error) {
	return send(ctx, http.MethodGet, u)
}

func send(ctx context.Context, method string, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, errors.New("cannot read the URL")
	}
	req.Header.Set("User-Agent", "moded-workload")
	resp, err := local.Do(req)
	if err != nil {
		return nil, plain(ctx, err)
	}
	return resp, nil
}

// read hands the body of a 200 to parse, at most limit bytes of it: more is an
// error, and so is any other status.
func read[T any](ctx context.Context, u *url.URL, limit int64, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	resp, err := get(ctx, u)
	if err != nil {
		return none, err
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read
	if err := accepted(resp); err != nil {
		return none, err
	}
	v, err := parse(&bounded{resp.Body, limit})
	if err != nil {
		return none, plain(ctx, err)
	}
	return v, nil
}

// errStatus is an answer with another status than 200.
type errStatus int

func (e errStatus) Error() string {
	return fmt.Sprintf("it answers %d %s", int(e), http.StatusText(int(e)))
}

// accepted is nil for the answer 200, else an errStatus.
func accepted(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return errStatus(resp.StatusCode)
}

// bounded is a body that fails instead of being longer than left.
type bounded struct {
	body io.Reader
	left int64
}

var errLong = errors.New("its answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLong
	}
	return n, err
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
