// Package serve is moded-workload: it answers package workload's questions on a
// socket until nobody has asked for a while.
//
// All that is asked is on this machine's loopback. What answers there may be
// anything: each answer is bounded, each part has the same deadline, and what
// is not understood is unknown.
package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// Server is moded-workload's side of package helper.
type Server = helper.Server[workload.Question, workload.Answer]

// Sources are who is asked: this package's functions and cluster.Nodes' but in
// tests. Each ends with its context and says itself what it could not see.
type Sources struct {
	Ready func(ctx context.Context, url string) error
	VLLM  func(ctx context.Context, servers []workload.Server) facts.VLLM
	Web   func(ctx context.Context, urls []string) facts.Web
	Pods  func(ctx context.Context, node string) facts.Pods
	// Serving looks at one server, Pause moves it.
	Serving func(ctx context.Context, url string) workload.Serving
	Pause   func(ctx context.Context, p workload.Pause) error
	// Node carries out an order. Orders are carried out one after the other: who
	// gave one may be gone, and give another that puts things back.
	Node func(ctx context.Context, order actions.ClusterOrder) (actions.ClusterNode, error)
	turn chan struct{}
}

// New returns a server that asks the sources and goes when nobody has asked for
// idle.
func New(version string, idle time.Duration, ask Sources) *Server {
	ask.turn = make(chan struct{}, 1)
	return &Server{
		Protocol: workload.Protocol, Version: version, Idle: idle, Slots: 8,
		Patience: Deadline + time.Second, // to say that there was no answer
		Answer:   ask.answer,
	}
}

// answer asks for all parts side by side.
func (ask Sources) answer(ctx context.Context, q workload.Question) (a workload.Answer) {
	ctx, cancel := context.WithTimeoutCause(ctx, Deadline, fmt.Errorf("no answer after %s", Deadline))
	defer cancel()
	var parts sync.WaitGroup
	unknown := func(why string) facts.Part { return facts.Part{Unknown: why, At: time.Now()} }
	if q.Ready != "" {
		beside(&parts, func() { a.Detail = why(ask.Ready(ctx, q.Ready)); a.Ready = a.Detail == "" },
			func(why string) { a.Detail = why })
	}
	if len(q.VLLM) > 0 {
		beside(&parts, func() { a.VLLM = new(ask.VLLM(ctx, q.VLLM)) },
			func(why string) { a.VLLM = &facts.VLLM{Part: unknown(why)} })
	}
	if len(q.Web) > 0 {
		beside(&parts, func() { a.Web = new(ask.Web(ctx, q.Web)) },
			func(why string) { a.Web = &facts.Web{Part: unknown(why)} })
	}
	if q.Node != "" {
		beside(&parts, func() { a.Pods = new(ask.Pods(ctx, q.Node)) },
			func(why string) { a.Pods = &facts.Pods{Part: unknown(why)} })
	}
	if q.Serving != "" {
		beside(&parts, func() { a.Serving = new(ask.Serving(ctx, q.Serving)) },
			func(why string) { a.Serving = &workload.Serving{Problem: why, Unlisted: why, Uncounted: why} })
	}
	if q.Pause != nil {
		beside(&parts, func() { a.Unpaused = why(ask.Pause(ctx, *q.Pause)); a.Paused = a.Unpaused == "" },
			func(why string) { a.Unpaused = why })
	}
	if q.Cluster != nil {
		beside(&parts, func() { a.Cluster = new(ask.cluster(ctx, *q.Cluster)) },
			func(why string) { a.Cluster = &workload.Cluster{Problem: why} })
	}
	parts.Wait()
	return a
}

// cluster carries out an order.
func (ask Sources) cluster(ctx context.Context, order actions.ClusterOrder) workload.Cluster {
	select {
	case ask.turn <- struct{}{}:
		defer func() { <-ask.turn }()
	case <-ctx.Done():
		return workload.Cluster{Problem: why(context.Cause(ctx)), Silent: true}
	}
	node, err := ask.Node(ctx, order)
	return workload.Cluster{Node: node, Problem: why(err), Silent: errors.Is(err, actions.ErrClusterSilent)}
}

// beside runs do beside the others of the group. A panic costs its part only:
// failed is told, and the others go on.
func beside(group *sync.WaitGroup, do func(), failed func(why string)) {
	group.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				failed(fmt.Sprintf("internal error: %v", p))
			}
		}()
		do()
	})
}
