package serve_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/serve"
)

// pausable is a server with the endpoints of VLLM_SERVER_DEV_MODE=1. The answer
// to a pause comes after a time.
func pausable(t *testing.T, takes time.Duration, deaf bool) (url string, asked *atomic.Value) {
	t.Helper()
	var paused atomic.Bool
	asked = &atomic.Value{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /is_paused", func(w http.ResponseWriter, _ *http.Request) {
		text := `{"is_paused": false}`
		if paused.Load() {
			text = `{"is_paused": true}`
		}
		_, _ = w.Write([]byte(text)) // the asker may have gone
	})
	set := func(on bool) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			asked.Store(r.URL.RequestURI())
			paused.Store(on && !deaf)
			select {
			case <-time.After(takes):
			case <-r.Context().Done():
			}
		}
	}
	mux.HandleFunc("POST /pause", set(true))
	mux.HandleFunc("POST /resume", set(false))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestAServerIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	c := workload.NewClient(path, "1")
	s, err := c.Server(t.Context(), inference{}.start(t))
	if err != nil || s.Problem != "" || s.Absent || s.Running != 3 || s.Waiting != 4 || s.Uncounted != "" || s.Paused != nil {
		t.Errorf("got %+v, %v", s, err)
	}
	if !slices.Equal(s.Models, []string{"Qwen/Qwen3-8B", "lora?[2J"}) {
		t.Errorf("models are %q", s.Models)
	}
	s, err = c.Server(t.Context(), inference{
		"/health":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"/metrics":   says("process_open_fds 42\n"),
		"/v1/models": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	}.start(t))
	if err != nil || s.Problem != "it answers 503 Service Unavailable" || s.Absent || s.Unlisted != "it answers 401 Unauthorized" ||
		!strings.Contains(s.Uncounted, "do not have vllm:num_requests_running") {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAServerThatIsNotThereHasNoRequests(t *testing.T) {
	t.Parallel()
	if s := serve.Serving(t.Context(), "http://127.0.0.1:1"); !s.Absent || s.Problem == "" || s.Uncounted == "" || s.Unlisted == "" {
		t.Errorf("got %+v", s)
	}
	if s := serve.Serving(t.Context(), "http://192.0.2.1:8000"); s.Absent || !strings.Contains(s.Problem, "loopback") || s.Uncounted == "" {
		t.Errorf("got %+v", s)
	}
}

func TestAServerIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	c := workload.NewClient(path, "1")
	url, asked := pausable(t, 0, false)
	for _, c2 := range []struct {
		pause bool
		asks  string
	}{
		// A server that does not know the one must not drop its requests for it.
		{true, "/pause?clear_cache=false&mode=wait&wait_for_inflight_requests=true"},
		{false, "/resume"},
	} {
		if err := c.Pause(t.Context(), url, c2.pause); err != nil || asked.Load() != c2.asks {
			t.Errorf("asked %q, %v", asked.Load(), err)
		}
		if s, err := c.Server(t.Context(), url); err != nil || s.Paused == nil || *s.Paused != c2.pause {
			t.Errorf("paused is %v, %v", s.Paused, err)
		}
	}
}

func TestAServerThatIsStillBusyWhenItPausesHasPaused(t *testing.T) {
	t.Parallel()
	url, _ := pausable(t, time.Minute, false)
	began := time.Now()
	if err := serve.Pause(t.Context(), workload.Pause{URL: url, On: true}); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 30*time.Second { // half of what the server takes
		t.Errorf("it took %s", took)
	}
}

func TestAServerThatDoesNotPauseSaysSo(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	c := workload.NewClient(path, "1")
	deaf, _ := pausable(t, 0, true)
	for url, says := range map[string]string{
		deaf:                    "it goes on as before",
		inference{}.start(t):    "it has no endpoint /is_paused",
		"http://192.0.2.1:8000": "loopback",
		"https://127.0.0.1:1":   "not a plain http",
	} {
		if err := c.Pause(t.Context(), url, true); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", url, err, says)
		}
	}
}
