package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// speed is how many tokens a second a running request yields.
const speed = 50

// engines are two, as with --data-parallel-size 2: who wants to know how many
// requests there are must add up. The zero engines are idle.
type engines struct {
	mu    sync.Mutex
	next  int
	all   [2]engine
	freed []chan struct{} // waiting requests look again when one of these closes
	// resumed is closed when a pause is over; nil while there is none.
	resumed chan struct{}
}

// engine counts what vLLM counts.
type engine struct {
	running, waiting, done int
	tokens                 float64
}

// run takes a request through an engine: it waits for a slot, runs for d or
// until ctx ends, as when a client hangs up, and returns its tokens.
func (e *engines) run(ctx context.Context, slots int, d time.Duration) (tokens int, err error) {
	e.mu.Lock()
	mine := &e.all[e.next]
	e.next = (e.next + 1) % len(e.all)
	mine.waiting++
	for mine.running >= slots {
		freed := make(chan struct{})
		e.freed = append(e.freed, freed)
		e.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		e.mu.Lock()
		if ctx.Err() != nil {
			mine.waiting--
			e.mu.Unlock()
			return 0, ctx.Err()
		}
	}
	mine.waiting--
	mine.running++
	e.mu.Unlock()
	return e.generate(ctx, mine, d)
}

func (e *engines) generate(ctx context.Context, mine *engine, d time.Duration) (tokens int, err error) {
	tick := time.NewTicker(time.Second / speed)
	defer tick.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	defer e.leave(mine)
	for {
		select {
		case <-tick.C:
			tokens++
			e.mu.Lock()
			mine.tokens++
			e.mu.Unlock()
		case <-end.C:
			return tokens, nil
		case <-ctx.Done():
			return tokens, ctx.Err()
		}
	}
}

func (e *engines) leave(mine *engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mine.running--
	mine.done++
	for _, ch := range e.freed {
		close(ch)
	}
	e.freed = nil
}

// write writes the metrics as vLLM does; before an engine has reported, only
// the process's own.
func (e *engines) write(w io.Writer, model string, reported bool) {
	e.mu.Lock()
	all := e.all
	e.mu.Unlock()
	fmt.Fprint(w, "# HELP process_open_fds Number of open file descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds 42.0\n")
	if !reported {
		return
	}
	for _, m := range []struct {
		name, kind, help string
		value            func(engine) float64
	}{
		{"vllm:num_requests_running", "gauge", "Number of requests in model execution batches.", func(e engine) float64 { return float64(e.running) }},
		{"vllm:num_requests_waiting", "gauge", "Number of requests waiting to be processed.", func(e engine) float64 { return float64(e.waiting) }},
		{"vllm:kv_cache_usage_perc", "gauge", "KV-cache usage. 1 means 100 percent usage.", func(engine) float64 { return 0 }},
		{"vllm:generation_tokens_total", "counter", "Number of generation tokens processed.", func(e engine) float64 { return e.tokens }},
		{"vllm:request_success_total", "counter", "Count of successfully processed requests.", func(e engine) float64 { return float64(e.done) }},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for i, one := range all {
			fmt.Fprintf(w, "%s{engine=\"%d\",model_name=%q} %.1f\n", m.name, i, model, m.value(one))
		}
	}
}

func models(w http.ResponseWriter, model string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": []any{
		map[string]any{"id": model, "object": "model", "owned_by": "vllm", "max_model_len": 4096},
	}})
}

// complete answers when the request has run for its time: `?delay=30s`, else
// that of its max_tokens.
func complete(w http.ResponseWriter, r *http.Request, work *engines, c config) {
	var body struct {
		MaxTokens int `json:"max_tokens"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil && err != io.EOF {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d := time.Duration(max(body.MaxTokens, 1)) * time.Second / speed
	if s := r.URL.Query().Get("delay"); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	tokens, err := work.run(r.Context(), c.slots, d)
	if err != nil {
		return // who asked has gone
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"object": "text_completion", "model": c.model,
		"choices": []any{map[string]any{"index": 0, "text": "la", "finish_reason": "length"}},
		"usage":   map[string]any{"completion_tokens": tokens},
	})
}
