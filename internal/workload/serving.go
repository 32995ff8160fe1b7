package workload

import (
	"context"
	"errors"

	"github.com/modectl/moded/pkg/actions"
)

var _ actions.Servers = Client{}

// Server looks at the vLLM server at url.
func (c Client) Server(ctx context.Context, url string) (actions.Server, error) {
	answer, err := c.Look(ctx, Question{Serving: url})
	switch {
	case err != nil:
		return actions.Server{}, err
	case answer.Serving == nil:
		return actions.Server{}, errors.New("moded-workload did not speak of it")
	}
	s := answer.Serving
	if (s.Running < 0 || s.Waiting < 0) && s.Uncounted == "" {
		s.Uncounted = "its metrics make no sense"
	}
	return actions.Server{Problem: s.Problem, Absent: s.Absent, Models: s.Models, Unlisted: s.Unlisted,
		Running: s.Running, Waiting: s.Waiting, Uncounted: s.Uncounted, Paused: s.Paused}, nil
}

// Pause lets the vLLM server at url begin nothing new, or accept again.
func (c Client) Pause(ctx context.Context, url string, pause bool) error {
	answer, err := c.Look(ctx, Question{Pause: &Pause{URL: url, On: pause}})
	switch {
	case err != nil:
		return err
	case !answer.Paused && answer.Unpaused == "":
		return errors.New("moded-workload did not speak of it")
	case !answer.Paused:
		return errors.New(answer.Unpaused)
	}
	return nil
}
