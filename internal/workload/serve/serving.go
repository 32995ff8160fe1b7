package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/modectl/moded/internal/workload"
)

// pausePatience is how long a server may take to answer that it pauses: one
// that has requests answers when they have ended.
const pausePatience = 2 * time.Second

const maxPaused = 4 << 10 // bytes of /is_paused

// Serving looks once at a vLLM server: its health, its models, its requests, and
// whether it is paused, side by side.
func Serving(ctx context.Context, raw string) (s workload.Serving) {
	u, err := target(raw)
	if err != nil {
		return workload.Serving{Problem: why(err), Unlisted: why(err), Uncounted: why(err)}
	}
	var parts sync.WaitGroup
	beside(&parts, func() {
		err := health(ctx, u)
		s.Problem, s.Absent = why(err), errors.Is(err, syscall.ECONNREFUSED)
	}, func(why string) { s.Problem = why })
	beside(&parts, func() {
		var err error
		s.Models, err = read(ctx, u.JoinPath("v1", "models"), maxList, readModels)
		s.Unlisted = why(err)
	}, func(why string) { s.Unlisted = why })
	beside(&parts, func() {
		c, err := look(ctx, u)
		s.Running, s.Waiting, s.Uncounted = c.running, c.waiting, why(err)
	}, func(why string) { s.Uncounted = why })
	beside(&parts, func() { s.Paused = paused(ctx, u) }, ignored)
	parts.Wait()
	return s
}

func health(ctx context.Context, u *url.URL) error {
	resp, err := get(ctx, u.JoinPath("health"))
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // nobody reads it
	return accepted(resp)
}

// paused asks one of the endpoints that a server has with VLLM_SERVER_DEV_MODE=1
// only; nil is a server without them.
func paused(ctx context.Context, u *url.URL) *bool {
	state, err := read(ctx, u.JoinPath("is_paused"), maxPaused, readPaused)
	if err != nil {
		return nil
	}
	return &state
}

func readPaused(r io.Reader) (bool, error) {
	var answer struct {
		Paused *bool `json:"is_paused"`
	}
	if err := json.NewDecoder(r).Decode(&answer); err != nil || answer.Paused == nil {
		return false, errors.New("it does not say whether it is paused")
	}
	return *answer.Paused, nil
}

// Pause lets a vLLM server finish what it has and begin nothing new, or accept
// again. Whether it does is its own word afterwards: the answer to a pause comes
// when the requests have ended, which may take long.
func Pause(ctx context.Context, p workload.Pause) error {
	u, err := target(p.URL)
	if err != nil {
		return err
	}
	if paused(ctx, u) == nil {
		return errors.New("it cannot be paused: it has no endpoint /is_paused")
	}
	refused := post(ctx, order(u, p.On))
	if now := paused(ctx, u); now != nil && *now == p.On {
		return nil
	}
	if refused == nil {
		refused = errors.New("it goes on as before")
	}
	return refused
}

// order is what is posted. A server older than the parameter mode drops all
// requests when it is paused, unless the other parameter is there; newer ones
// take both.
func order(u *url.URL, pause bool) *url.URL {
	if !pause {
		return u.JoinPath("resume")
	}
	u = u.JoinPath("pause")
	u.RawQuery = url.Values{"mode": {"wait"}, "wait_for_inflight_requests": {"true"}, "clear_cache": {"false"}}.Encode()
	return u
}

func post(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeoutCause(ctx, pausePatience, fmt.Errorf("no answer after %s", pausePatience))
	defer cancel()
	resp, err := send(ctx, http.MethodPost, u)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // nobody reads it
	return accepted(resp)
}
