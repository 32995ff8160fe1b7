package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/serve"
	"github.com/modectl/moded/pkg/facts"
)

// start serves on a socket until the test ends, and returns the socket.
func start(t *testing.T, s *serve.Server) (path string, ended <-chan error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ch := make(chan error, 1)
	go func() { ch <- s.Serve(t.Context(), l) }()
	return path, ch
}

func real() *serve.Server {
	return serve.New("1", time.Minute, serve.Sources{
		Ready: serve.Ready, VLLM: serve.VLLM, Web: serve.Web, Serving: serve.Serving, Pause: serve.Pause,
		Pods: func(_ context.Context, node string) facts.Pods {
			return facts.Pods{Part: facts.Part{Unknown: "nobody has the key"}, Node: node}
		},
	})
}

// service is a web server on loopback that is up from the second question on.
func service(t *testing.T) *httptest.Server {
	t.Helper()
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/health", http.StatusFound) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestAServiceIsAskedUntilItIsReady(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	web := service(t)
	c := workload.NewClient(path, "1")
	if err := c.Ready(t.Context(), web.URL+"/health"); err == nil || err.Error() != "it answers 503 Service Unavailable" {
		t.Errorf("the first answer is %v", err)
	}
	if err := c.Ready(t.Context(), web.URL+"/health"); err != nil {
		t.Errorf("the second answer is %v", err)
	}
	if err := c.Ready(t.Context(), strings.Replace(web.URL, "127.0.0.1", "localhost", 1)+"/health"); err != nil {
		t.Errorf("by name: %v", err)
	}
	web.Close()
	if err := c.Ready(t.Context(), web.URL+"/health"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("after its end: %v", err)
	}
}

func TestOnlyLoopbackIsAsked(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	web := service(t)
	c := workload.NewClient(path, "1")
	for url, says := range map[string]string{
		"http://192.0.2.1/":                    "loopback",
		"http://example.org/":                  "loopback",
		"http://127.0.0.1.example.org/":        "loopback",
		"http://localhost.:80/":                "loopback",
		"http://[::1%25lo]/":                   "loopback",
		"http://[::ffff:192.0.2.1]/":           "loopback",
		"https://127.0.0.1/":                   "not a plain http",
		"file:///etc/passwd":                   "not a plain http",
		"http://user:secret@127.0.0.1/":        "not a plain http",
		"http://127.0.0.1:x/":                  "cannot read the URL",
		"":                                     "no URL",
		web.URL + "/elsewhere":                 "it answers 302",
		web.URL + "/nothing":                   "it answers 404",
		web.URL + "/" + long(10<<10):           "it answers 404",
		"http://127.0.0.1/" + long(20<<10):     "cannot ask moded-workload",
		"http://user:secret@127.0.0.1/\x1b[2J": "cannot read the URL",
	} {
		err := c.Ready(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60q: %v does not say %q", url, err, says)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestTheHelperGoesWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	s := real()
	s.Idle = 50 * time.Millisecond
	path, ended := start(t, s)
	if err := workload.NewClient(path, "1").Ready(t.Context(), "http://192.0.2.1/"); err == nil {
		t.Error("ready")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnotherProtocolIsNamed(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(`{"moded-workload":7,"moon":"full"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(conn); err != nil || string(said) != `{"moded-workload":3,"version":"1"}`+"\n" {
		t.Errorf("the helper does not say who it is and no more: %q, %v", said, err)
	}
	newer, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = newer.Close() }()
	go func() {
		if conn, err := newer.Accept(); err == nil {
			_, _ = conn.Write([]byte(`{"moded-workload":7}` + "\n")) // the test fails if it did not get there
		}
	}()
	if err := workload.NewClient(newer.Addr().String(), "1").Ready(t.Context(), "http://127.0.0.1/"); !errors.Is(err, helper.ErrVersion) {
		t.Errorf("error is %v", err)
	}
}

func TestAClientDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	defer close(hangs)
	path, _ := start(t, serve.New("1", time.Minute, serve.Sources{Ready: func(context.Context, string) error { <-hangs; return nil }}))
	gone := errors.New("the step was cancelled")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, gone)
	defer cancel()
	if err := workload.NewClient(path, "1").Ready(ctx, "http://127.0.0.1/"); !errors.Is(err, gone) {
		t.Errorf("error is %v", err)
	}
	if err := workload.NewClient(path+"x", "1").Ready(t.Context(), "http://127.0.0.1/"); err == nil {
		t.Error("ready without a helper")
	}
}

func TestAllPartsAreAskedSideBySideInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silence := func(ctx context.Context) facts.Part {
			<-ctx.Done()
			return facts.Part{Unknown: context.Cause(ctx).Error()}
		}
		s := serve.New("1", time.Minute, serve.Sources{
			Ready: func(context.Context, string) error { return nil },
			VLLM:  func(ctx context.Context, _ []workload.Server) facts.VLLM { return facts.VLLM{Part: silence(ctx)} },
			Web:   func(context.Context, []string) facts.Web { panic("a bug") },
			Pods:  func(ctx context.Context, _ string) facts.Pods { return facts.Pods{Part: silence(ctx)} },
		})
		began := time.Now()
		a := s.Answer(t.Context(), workload.Question{
			Ready: "http://127.0.0.1/", VLLM: []workload.Server{{}}, Web: []string{""}, Node: ".",
		})
		if took := time.Since(began); took != serve.Deadline || took >= s.Patience || s.Patience >= workload.Patience {
			t.Errorf("it took %s of %s and %s", took, s.Patience, workload.Patience)
		}
		if !a.Ready || a.VLLM.Unknown != "no answer after 5s" || a.Pods.Unknown != "no answer after 5s" || a.Web.Unknown != "internal error: a bug" {
			t.Errorf("got %+v, %+v, %+v, %+v", a, a.VLLM, a.Web, a.Pods)
		}
		if a := s.Answer(t.Context(), workload.Question{}); a != (workload.Answer{}) {
			t.Errorf("nothing was asked, and the answer is %+v", a)
		}
	})
}

func TestAnAnswerComesOverTheSocket(t *testing.T) {
	t.Parallel()
	path, _ := start(t, real())
	server, daw := inference{}.start(t), reaper(t, says(fmt.Sprintf(answer, "5", "64")))
	got, err := workload.NewClient(path, "1").Look(t.Context(), workload.Question{
		VLLM: []workload.Server{{Name: "main", URL: server}}, Web: []string{daw}, Node: "box",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.VLLM.List[0]; !s.Known() || s.Name != "main" || s.Running != 3 || !s.Healthy {
		t.Errorf("vLLM: %+v", s)
	}
	if d := got.Web.List[0]; !d.Known() || d.URL != daw || d.State != "recording" || d.Armed != 1 {
		t.Errorf("REAPER: %+v", d)
	}
	if got.Pods.Node != "box" || got.Pods.Unknown != "nobody has the key" {
		t.Errorf("pods: %+v", got.Pods)
	}
}

func TestWhatAServerSendsIsFitToBeShown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nno \x1b[2J colon\r\n\r\n")) // the test fails if it did not get there
			_ = conn.Close()
		}
	}()
	url := "http://" + l.Addr().String()
	s := real()
	a := s.Answer(t.Context(), workload.Question{Ready: url, VLLM: []workload.Server{{URL: url}}, Web: []string{url}})
	for _, said := range []string{a.Detail, a.VLLM.List[0].Unknown, a.Web.List[0].Unknown} {
		if said == "" || strings.ContainsRune(said, 0x1b) {
			t.Errorf("%q is not fit to be shown", said)
		}
	}
}
