// Package serve is moded-workload: it answers package workload's questions on a
// socket until nobody has asked for a while.
package serve

import (
	"context"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/workload"
)

// Server is moded-workload's side of package helper.
type Server = helper.Server[workload.Question, workload.Answer]

// New returns a server that asks services with ready, Ready but in tests, and
// goes when nobody has asked for idle.
func New(version string, idle time.Duration, ready func(ctx context.Context, url string) error) *Server {
	return &Server{
		Protocol: workload.Protocol, Version: version, Idle: idle, Slots: 8,
		Patience: Deadline + time.Second, // to say that there was no answer
		Answer: func(ctx context.Context, q workload.Question) workload.Answer {
			if err := ready(ctx, q.Ready); err != nil {
				return workload.Answer{Detail: err.Error()}
			}
			return workload.Answer{Ready: true}
		},
	}
}
