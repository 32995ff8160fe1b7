package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// dev serves what vLLM serves with VLLM_SERVER_DEV_MODE=1: a pause, to which the
// answer comes when the requests that there are have ended.
func dev(mux *http.ServeMux, path string, work *engines) {
	only := func(f http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !load(path).dev {
				http.NotFound(w, r)
				return
			}
			f(w, r)
		}
	}
	mux.HandleFunc("GET /is_paused", only(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]bool{"is_paused": work.paused()})
	}))
	mux.HandleFunc("POST /pause", only(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("mode") != "wait" {
			http.Error(w, "the lab's requests are not to be dropped", http.StatusBadRequest)
			return
		}
		work.pause(true)
		for work.running() > 0 && r.Context().Err() == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}))
	mux.HandleFunc("POST /resume", only(func(http.ResponseWriter, *http.Request) { work.pause(false) }))
}

func (e *engines) pause(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case on && e.resumed == nil:
		e.resumed = make(chan struct{})
	case !on && e.resumed != nil:
		close(e.resumed)
		e.resumed = nil
	}
}

func (e *engines) paused() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.resumed != nil
}

func (e *engines) running() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.all {
		n += one.running + one.waiting
	}
	return n
}

// admitted returns when no pause is in the way of a new request.
func (e *engines) admitted(ctx context.Context) error {
	for {
		e.mu.Lock()
		resumed := e.resumed
		e.mu.Unlock()
		if resumed == nil {
			return nil
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
