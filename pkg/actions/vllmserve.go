package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// serve starts the unit and returns when its server is ready, serves the right
// model and holds its GPUs. One time bounds all of it but the last.
func (a vllm) serve(ctx context.Context, v vllmValue) error {
	began, limit := time.Now(), v.ReadyTimeout.or(vllmReady)
	begun, err := a.start(ctx, v.Unit, limit)
	if err != nil {
		return err
	}
	server, err := a.awaitReady(ctx, v, began, limit)
	if err != nil {
		return err
	}
	if err := v.misserved(server); err != nil {
		return err
	}
	if server.Paused != nil && *server.Paused {
		if err := a.resume(ctx, v.Unit, v.URL); err != nil {
			return err
		}
	}
	if err := a.awaitHeld(ctx, v); err != nil {
		return err
	}
	return a.jobs.stays(ctx, begun)
}

// start brings the unit up, and tells how long it has taken: a unit that is up
// when its model is loaded has a start job of many minutes.
func (a vllm) start(ctx context.Context, unit string, limit time.Duration) (watched, error) {
	began, done := time.Now(), make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		tick := time.NewTicker(8 * a.Timing.Poll)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fsm.Report(ctx, fmt.Sprintf("starting %s (%s of %s)", unit, sinceText(began), limit))
			case <-done:
				return
			}
		}
	}()
	begun, err := a.jobs.begin(ctx, unit, limit)
	close(done)
	<-told
	return begun, err
}

func sinceText(began time.Time) string { return time.Since(began).Round(time.Second).String() }

// awaitReady asks until the server is healthy. It gives up at once when the unit
// goes down, or has begun anew.
func (a vllm) awaitReady(ctx context.Context, v vllmValue, began time.Time, limit time.Duration) (server Server, err error) {
	first, err := a.jobs.state(ctx, v.Unit)
	if err != nil {
		return server, err
	}
	var last error
	ok, err := until(ctx, max(0, limit-time.Since(began)), 4*a.Timing.Poll, func() (bool, error) {
		server, last = a.Servers.Server(ctx, v.URL)
		if last == nil && server.Problem == "" {
			return true, nil
		}
		if last == nil {
			last = errors.New(server.Problem)
		}
		fsm.Report(ctx, fmt.Sprintf("waiting for %s to be ready (%s of %s): %v", v.Unit, sinceText(began), limit, last))
		now, err := a.jobs.state(ctx, v.Unit)
		switch {
		case err != nil:
			return false, err
		case !now.wanted():
			return false, fmt.Errorf("it is %s", now.describe())
		case now.InvocationID != first.InvocationID:
			return false, errors.New("it ended and was started again")
		}
		return false, nil
	})
	switch {
	case err != nil:
		return server, fmt.Errorf("%s did not become ready: %w", v.Unit, err)
	case !ok:
		return server, fmt.Errorf("%s is not ready after %s: %w", v.Unit, limit, last)
	}
	return server, nil
}

// misserved says that a server which is ready serves another model.
func (v vllmValue) misserved(s Server) error {
	switch {
	case v.Model == "" || slices.Contains(s.Models, v.Model):
		return nil
	case s.Unlisted != "":
		return fmt.Errorf("cannot see whether %s serves %s: %s", v.Unit, v.Model, s.Unlisted)
	}
	return fmt.Errorf("%s does not serve %s, but %s", v.Unit, v.Model, orNone(strings.Join(s.Models, ", ")))
}

func orNone(text string) string {
	if text == "" {
		return "no model"
	}
	return text
}

// awaitHeld waits until the unit holds its GPUs. A server that is ready has
// loaded its model, so this is for the eyes, and for a server that was given one
// GPU and took another.
func (a vllm) awaitHeld(ctx context.Context, v vllmValue) error {
	s, err := a.jobs.glance(ctx, v.Unit)
	if err != nil {
		return err
	}
	problem, err := cleared(ctx, "waiting: ", a.Timing.GPUBarrier, 2*a.Timing.Poll,
		func() (string, error) { return a.misheld(ctx, v, s.ID) })
	if err == nil && problem != "" {
		err = errors.New(problem + ": see what it says of its devices, journalctl -u " + v.Unit)
	}
	return err
}

// resume lets the server accept requests again.
func (a vllm) resume(ctx context.Context, unit, url string) error {
	now, err := a.Servers.Server(ctx, url)
	if err == nil && now.Paused != nil && !*now.Paused {
		return nil
	}
	if err == nil && now.Paused == nil {
		return nil // a server that was started anew, and is not up yet
	}
	if err := a.Servers.Pause(ctx, url, false); err != nil {
		return fmt.Errorf("cannot let %s accept requests again: %w", unit, err)
	}
	return nil
}
