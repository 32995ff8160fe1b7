// Command aiserver stands in for an AI server in the VM lab: it shows the
// environment that it was started with and becomes ready when a file says so.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// config is what the file says: `delay=DURATION` and `ready=yes|no`.
type config struct {
	delay time.Duration
	ready bool
}

// load reads the file; what it does not say keeps its default.
func load(path string) config {
	c := config{ready: true}
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

// handler serves /health and /env for a server that began to load at start.
func handler(path string, start time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		c := load(path)
		if !c.ready || time.Since(start) < c.delay {
			http.Error(w, "loading", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(environment())
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
