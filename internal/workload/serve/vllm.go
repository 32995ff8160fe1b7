package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/facts"
)

const (
	maxServers = 16
	maxModels  = 64
	maxList    = 1 << 20 // bytes of /v1/models
	// between is how long lies between two looks at a server's counters.
	between = 500 * time.Millisecond
)

// VLLM asks all servers side by side what they are doing.
func VLLM(ctx context.Context, servers []workload.Server) facts.VLLM {
	out := facts.VLLM{Part: facts.Part{At: time.Now()}, List: make([]facts.VLLMServer, len(servers))}
	var asked sync.WaitGroup
	for i, s := range servers {
		out.List[i] = facts.VLLMServer{Part: facts.Part{At: time.Now()}, Name: s.Name, URL: s.URL}
		if i >= maxServers {
			out.List[i].Unknown = fmt.Sprintf("more than %d servers are not asked", maxServers)
			continue
		}
		s := &out.List[i]
		beside(&asked, func() { s.Unknown = why(askVLLM(ctx, s)) }, func(why string) { s.Unknown = why })
	}
	asked.Wait()
	return out
}

// why is what an error says, empty without one. Some quote what a server sent.
func why(err error) string {
	if err == nil {
		return ""
	}
	return workload.Words(err.Error())
}

// ignored is for what says nothing about whether a server is at work.
func ignored(string) {}

// askVLLM fills in s. The error is about its metrics: without them nobody knows
// whether it is at work. A server that does not say that it is healthy is not,
// and one that lists no models has none.
func askVLLM(ctx context.Context, s *facts.VLLMServer) error {
	u, err := target(s.URL)
	if err != nil {
		return err
	}
	var others sync.WaitGroup
	defer others.Wait()
	beside(&others, func() { s.Healthy = health(ctx, u) == nil }, ignored)
	beside(&others, func() { s.Models, _ = read(ctx, u.JoinPath("v1", "models"), maxList, readModels) }, ignored)
	first, err := look(ctx, u)
	if err != nil {
		return err
	}
	select {
	case <-time.After(between):
	case <-ctx.Done():
		return fmt.Errorf("cannot read its metrics twice: %w", context.Cause(ctx))
	}
	then, err := look(ctx, u)
	if err != nil {
		return err
	}
	s.Running, s.Waiting, s.Generating = then.running, then.waiting, moved(first.tokens, then.tokens)
	return nil
}

func look(ctx context.Context, u *url.URL) (counts, error) {
	c, err := read(ctx, u.JoinPath("metrics"), maxMetrics, readMetrics)
	if err != nil {
		err = fmt.Errorf("cannot read its metrics: %w", err)
	}
	return c, err
}

// moved tells whether tokens came out: a counter that was not there before has
// begun, and one that fell began anew.
func moved(before, after *float64) bool {
	switch {
	case after == nil:
		return false
	case before == nil:
		return *after > 0
	}
	return *after != *before
}

// readModels reads the names of what /v1/models lists.
func readModels(r io.Reader) ([]string, error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r).Decode(&list); err != nil {
		return nil, errors.New("its list of models is not JSON")
	}
	var names []string
	for _, m := range list.Data[:min(len(list.Data), maxModels)] {
		names = append(names, facts.Clean(m.ID))
	}
	return names, nil
}
