package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/serve"
	"github.com/modectl/moded/pkg/facts"
)

// inference is a vLLM server of which a test replaces parts.
type inference map[string]http.HandlerFunc

func (parts inference) start(t *testing.T) string {
	t.Helper()
	served := inference{
		"/health":    func(http.ResponseWriter, *http.Request) {},
		"/v1/models": says(`{"object":"list","data":[{"id":"Qwen/Qwen3-8B"},{"id":"lora\u001b[2J"}]}`),
		"/metrics":   says(fixture(t)),
	}
	mux := http.NewServeMux()
	for path := range served {
		handle := served[path]
		if own, there := parts[path]; there {
			handle = own
		}
		mux.HandleFunc(path, handle)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func fixture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/vllm.metrics")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) } // the asker may have gone
}

// How long tests wait for an answer that comes, for one that does not, and for both
// side by side.
const (
	ample  = 5 * time.Minute
	little = time.Second
	enough = 10 * time.Second
)

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// ask asks one server.
func ask(t *testing.T, url string, patience time.Duration) facts.VLLMServer {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("no answer"))
	defer cancel()
	got := serve.VLLM(ctx, []workload.Server{{Name: "main", URL: url}})
	if len(got.List) != 1 || got.List[0].Name != "main" || got.List[0].URL != url || got.List[0].At.IsZero() {
		t.Fatalf("the answer is not about the question: %+v", got)
	}
	return got.List[0]
}

func TestRequestsAreSummedOverEngines(t *testing.T) {
	t.Parallel()
	got := ask(t, inference{}.start(t)+"/", ample)
	if !got.Known() || !got.Healthy || got.Running != 3 || got.Waiting != 4 || got.Generating {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(got.Models, []string{"Qwen/Qwen3-8B", "lora?[2J"}) {
		t.Errorf("models are %q", got.Models)
	}
}

func TestTokensThatMoveAreGenerating(t *testing.T) {
	t.Parallel()
	base := "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n"
	for name, c := range map[string]struct {
		first, then string
		want        bool
	}{
		"more":           {"vllm:generation_tokens_total 5\n", "vllm:generation_tokens_total 6\n", true},
		"as many":        {"vllm:generation_tokens_total 5\n", "vllm:generation_tokens_total 5\n", false},
		"begun anew":     {"vllm:generation_tokens_total 5\n", "vllm:generation_tokens_total 0\n", true},
		"the first ones": {"", "vllm:generation_tokens_total 1\n", true},
		"none ever":      {"", "", false},
		"there, at zero": {"", "vllm:generation_tokens_total 0\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var looks atomic.Int32
			got := ask(t, inference{"/metrics": func(w http.ResponseWriter, r *http.Request) {
				if looks.Add(1) == 1 {
					says(base+c.first)(w, r)
				} else {
					says(base+c.then)(w, r)
				}
			}}.start(t), ample)
			if !got.Known() || got.Generating != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWhatAServerDoesNotSayIsUnknownNotZero(t *testing.T) {
	t.Parallel()
	text := fixture(t)
	for name, c := range map[string]struct {
		metrics http.HandlerFunc
		says    string
	}{
		"no requests running": {says(strings.ReplaceAll(text, "vllm:num_requests_running", "vllm:other")), "do not have vllm:num_requests_running"},
		"no requests waiting": {says(strings.ReplaceAll(text, "vllm:num_requests_waiting{", "vllm:other{")), "do not have vllm:num_requests_waiting"},
		"only the comments":   {says("# TYPE vllm:num_requests_running gauge\n# TYPE vllm:num_requests_waiting gauge\n"), "do not have"},
		"nothing":             {says(""), "do not have"},
		"a web page":          {says("<html><body>vllm:num_requests_running</body></html>"), "do not have"},
		"not a number":        {says("vllm:num_requests_running NaN\nvllm:num_requests_waiting 0\n"), "not a number of requests"},
		"fewer than none":     {says("vllm:num_requests_running -1\nvllm:num_requests_waiting 0\n"), "not a number of requests"},
		"without end":         {says("vllm:num_requests_running +Inf\nvllm:num_requests_waiting 0\n"), "not a number of requests"},
		"broken":              {says("vllm:num_requests_running{engine=\"0 1\n"), "not Prometheus' text"},
		"a line without end":  {says("x" + long(1<<20)), "too long"},
		"too much":            {says(strings.Repeat("python_info 1\n", 1<<20)), "too long"},
		"too many engines":    {says(strings.Repeat("vllm:num_requests_running 1\n", 5000)), "too many engines"},
		"elsewhere":           {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/health", http.StatusFound) }, "302"},
		"no such page":        {http.NotFound, "404"},
		"half an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			says(text)(w, r)
		}, "unexpected EOF"},
		"nothing, without end": {hang, "no answer"},
		"only the second time": {once(says(text), http.NotFound), "404"},
		"hung the second time": {once(says(text), hang), "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := ample
			if c.says == "no answer" {
				patience = little
			}
			got := ask(t, inference{"/metrics": c.metrics}.start(t), patience)
			if got.Known() || !strings.Contains(got.Unknown, c.says) {
				t.Errorf("%+v does not say %q", got, c.says)
			}
			if got.Running+got.Waiting != 0 || got.Generating {
				t.Errorf("something is told all the same: %+v", got)
			}
		})
	}
}

// once is first the first time and then after that.
func once(first, then http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			first(w, r)
			return
		}
		then(w, r)
	}
}

func TestHealthIsNotGuessed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		health   http.HandlerFunc
		patience time.Duration
	}{
		"the engine is dead": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, ample},
		"it hangs":           {hang, enough},
		"it is elsewhere":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/metrics", http.StatusFound) }, ample},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, inference{"/health": c.health, "/v1/models": says("]")}.start(t), c.patience)
			if !got.Known() || got.Healthy || got.Running != 3 || len(got.Models) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestOneServersSilenceKeepsNoOther(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), enough, errors.New("no answer"))
	defer cancel()
	servers := []workload.Server{
		{Name: "hangs", URL: inference{"/metrics": hang, "/health": hang, "/v1/models": hang}.start(t)},
		{Name: "works", URL: inference{}.start(t)},
		{Name: "is remote", URL: "http://192.0.2.1:8000"},
		{Name: "is encrypted", URL: "https://127.0.0.1:8000"},
	}
	for i := range 20 {
		servers = append(servers, workload.Server{Name: fmt.Sprint(i), URL: "http://127.0.0.1:1"})
	}
	got := serve.VLLM(ctx, servers)
	for i, want := range []string{"no answer", "", "loopback", "plain http"} {
		if s := got.List[i]; s.Name != servers[i].Name || s.Known() != (want == "") || !strings.Contains(s.Unknown, want) {
			t.Errorf("%s: %+v", servers[i].Name, s)
		}
	}
	if last := got.List[len(servers)-1]; !strings.Contains(last.Unknown, "more than 16") {
		t.Errorf("the last: %+v", last)
	}
	if !strings.Contains(got.List[4].Unknown, "connection refused") {
		t.Errorf("nobody there: %+v", got.List[4])
	}
}
