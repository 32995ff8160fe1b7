// Command aiserver stands in for vLLM in the VM lab: it shows the environment
// that it was started with, becomes ready when a file says so, takes its time
// over requests and counts them under vLLM's names.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// config is what the file says: `delay=DURATION`, `ready=yes|no`,
// `metrics=yes|empty|no` (empty is an engine that has not reported yet),
// `slots=N` (how many requests an engine runs at once) and `model=NAME`.
type config struct {
	delay   time.Duration
	ready   bool
	metrics string
	slots   int
	model   string
}

// load reads the file; what it does not say keeps its default.
func load(path string) config {
	c := config{ready: true, metrics: "yes", slots: 8, model: "lab/small"}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		switch key {
		case "delay":
			c.delay, _ = time.ParseDuration(value)
		case "ready":
			c.ready = value != "no"
		case "metrics":
			c.metrics = value
		case "slots":
			c.slots, _ = strconv.Atoi(value)
		case "model":
			c.model = value
		}
	}
	return c
}

func main() {
	path := flag.String("config", "/etc/lab/ai.conf", "what to pretend")
	listen := flag.String("listen", "127.0.0.1:8000", "address")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*listen, handler(*path, time.Now())))
}

// handler serves a server that began to load at start: /health, /metrics,
// /v1/models and /v1/completions as vLLM does, and /env.
func handler(path string, start time.Time) http.Handler {
	loaded := func(c config) bool { return c.ready && time.Since(start) >= c.delay }
	work := &engines{}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if !loaded(load(path)) {
			http.Error(w, "loading", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(environment())
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		c := load(path)
		if c.metrics == "no" {
			http.Error(w, "no metrics", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		work.write(w, c.model, c.metrics != "empty" && loaded(c))
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { models(w, load(path).model) })
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) {
		c := load(path)
		if !loaded(c) {
			http.Error(w, "loading", http.StatusServiceUnavailable)
			return
		}
		complete(w, r, work, c)
	})
	return mux
}

// environment is what a test may want to see of our own environment.
func environment() map[string]string {
	out := map[string]string{}
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "CUDA_") || strings.HasPrefix(key, "LAB_") {
			out[key] = value
		}
	}
	return out
}
