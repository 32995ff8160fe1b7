// Command aiserver stands in for vLLM in the VM lab: it shows the environment
// that it was started with, becomes ready when a file says so, takes its time
// over requests and counts them under vLLM's names. An engine of its own holds the
// GPUs that CUDA would show it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// config is what the file says: `delay=DURATION`, `ready=yes|no`,
// `metrics=yes|empty|no` (empty is an engine that has not reported yet),
// `slots=N` (how many requests an engine runs at once) and `model=NAME`;
// `engine=yes` (a child holds the GPUs), `listen=late` (nobody listens before the
// model is loaded), `dev=yes` (it can be paused), and `term=WORD`, what SIGTERM
// does: end, by default; ignore; leave, which ends the server and not its engine;
// flee, where the engine also goes to another cgroup.
type config struct {
	delay   time.Duration
	ready   bool
	metrics string
	slots   int
	model   string
	engine  bool
	late    bool
	dev     bool
	term    string
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
		case "engine":
			c.engine = value == "yes"
		case "listen":
			c.late = value == "late"
		case "dev":
			c.dev = value == "yes"
		case "term":
			c.term = value
		}
	}
	return c
}

func main() {
	path := flag.String("config", "/etc/lab/ai.conf", "what to pretend")
	listen := flag.String("listen", "127.0.0.1:8000", "address")
	engine := flag.Bool("engine", false, "be the engine")
	flag.String("tensor-parallel-size", "", "taken as vLLM takes it, and not used")
	flag.Parse()
	if *engine {
		log.Fatal(runEngine(*path))
	}
	start := time.Now()
	if load(*path).engine {
		if err := startEngine(*path); err != nil {
			log.Fatal(err)
		}
	}
	await := func() {
		for c := load(*path); !c.loaded(start); c = load(*path) {
			time.Sleep(200 * time.Millisecond)
		}
	}
	go func() { await(); notify() }()
	if load(*path).late {
		await()
	}
	log.Fatal(http.ListenAndServe(*listen, handler(*path, start)))
}

// loaded tells whether a server that began to load at start has its model.
func (c config) loaded(start time.Time) bool { return c.ready && time.Since(start) >= c.delay }

// handler serves a server that began to load at start: /health, /metrics,
// /v1/models and /v1/completions as vLLM does, and /env.
func handler(path string, start time.Time) http.Handler {
	loaded := func(c config) bool { return c.loaded(start) }
	work := &engines{}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if !loaded(load(path)) {
			http.Error(w, "loading", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	listening := time.Now()
	mux.HandleFunc("/since", func(w http.ResponseWriter, _ *http.Request) { // ready, in microseconds
		since := start.Add(load(path).delay)
		if since.Before(listening) {
			since = listening
		}
		_, _ = fmt.Fprintln(w, since.UnixMicro())
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
		if work.admitted(r.Context()) != nil {
			return // who asked has gone
		}
		complete(w, r, work, c)
	})
	dev(mux, path, work)
	return mux
}

// environment is what a test may want to see of our own environment.
func environment() map[string]string {
	out := map[string]string{}
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "CUDA_") || strings.HasPrefix(key, "LAB_") || strings.HasPrefix(key, "MODED_") {
			out[key] = value
		}
	}
	return out
}
