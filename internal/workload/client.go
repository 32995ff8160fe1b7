package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/pkg/actions"
)

// Patience is how long a question may take: the helper gives the service 5 s.
const Patience = 8 * time.Second

// Client asks moded-workload. It is safe for use by several goroutines.
type Client struct {
	helper *helper.Client[Question, Answer]
}

var (
	_ actions.Prober  = Client{}
	_ actions.Cluster = Client{}
)

// NewClient returns a client of the socket at path. version is told to the
// helper.
func NewClient(path, version string) Client {
	return Client{&helper.Client[Question, Answer]{Protocol: Protocol, Version: version, Dial: helper.Socket(path)}}
}

// Ready returns nil when the service at url answers 200, else why it does not.
func (c Client) Ready(ctx context.Context, url string) error {
	if url == "" {
		return errors.New("there is no URL to ask")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errors.New("moded-workload did not answer in time"))
	defer cancel()
	answer, err := c.helper.Ask(ctx, Question{Ready: url})
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case !answer.Ready:
		return errors.New(Words(answer.Detail))
	}
	return nil
}

// Look returns what the services named in q are doing. Parts that could not be
// seen are unknown in the answer; an error is about the helper itself.
func (c Client) Look(ctx context.Context, q Question) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errors.New("moded-workload did not answer in time"))
	defer cancel()
	answer, err := c.helper.Ask(ctx, q)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	answer.clean()
	return answer, err
}

// Node gives an order about the cluster's node. That nobody answered, be it the
// API server or the helper, is actions.ErrClusterSilent.
func (c Client) Node(ctx context.Context, order actions.ClusterOrder) (actions.ClusterNode, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errors.New("moded-workload did not answer in time"))
	defer cancel()
	answer, err := c.helper.Ask(ctx, Question{Cluster: &order})
	answer.clean()
	switch out := answer.Cluster; {
	case err != nil && ctx.Err() != nil:
		return actions.ClusterNode{}, fmt.Errorf("%w: %w", actions.ErrClusterSilent, context.Cause(ctx))
	case err != nil:
		return actions.ClusterNode{}, err
	case out == nil:
		return actions.ClusterNode{}, errors.New("moded-workload does not speak of the cluster")
	case out.Silent:
		return actions.ClusterNode{}, silence(out.Problem)
	case out.Problem != "":
		return actions.ClusterNode{}, errors.New(out.Problem)
	default:
		return out.Node, nil
	}
}

// silence is actions.ErrClusterSilent in the helper's words, which say so
// already.
type silence string

func (s silence) Error() string { return string(s) }
func (silence) Unwrap() error   { return actions.ErrClusterSilent }
