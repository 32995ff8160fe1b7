package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/workload/serve"
	"github.com/modectl/moded/pkg/facts"
)

// answer is what REAPER says of a project with two tracks.
const answer = "TRANSPORT\t%s\t12.500000\t0\t0:12.500\t7.2.00\n" +
	"TRACK\t0\tMASTER\t1536\t1.000000\t0.000000\t-1500\t0\t1.000000\t5\t0\t0\t1\t0\n" +
	"TRACK\t1\tVoice\\t1\t%s\t1.000000\t0.000000\t-1500\t0\t1.000000\t5\t0\t0\t0\t0\n" +
	"TRACK\t2\t\t1536\t1.000000\t0.000000\t-1500\t0\t1.000000\t5\t0\t0\t0\t0\n" +
	"NTRACK\t2\n"

// reaper is a web interface with one answer, and the path that it was asked.
func reaper(t *testing.T, say http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(say)
	t.Cleanup(s.Close)
	return s.URL
}

func web(t *testing.T, url string, patience time.Duration) facts.DAW {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("no answer"))
	defer cancel()
	got := serve.Web(ctx, []string{url})
	if len(got.List) != 1 || got.List[0].URL != url || got.List[0].At.IsZero() {
		t.Fatalf("the answer is not about the question: %+v", got)
	}
	return got.List[0]
}

func TestREAPERTellsWhatItDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play, flags, state string
		armed              int
	}{
		"stopped":       {"0", "1536", "stopped", 0},
		"playing":       {"1", "1536", "playing", 0},
		"paused":        {"2", "63", "paused", 0},
		"recording":     {"5", "1600", "recording", 1},
		"record paused": {"6", "64", "record-paused", 1},
		"armed only":    {"0", "1728", "stopped", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := reaper(t, func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI != "/_/TRANSPORT;TRACK;NTRACK" {
					http.NotFound(w, r)
					return
				}
				_, _ = fmt.Fprintf(w, answer, c.play, c.flags) // the asker may have gone
			})
			for _, url := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1)} {
				got := web(t, url, ample)
				if !got.Known() || got.State != c.state || got.Armed != c.armed {
					t.Errorf("%s: %+v", url, got)
				}
				if int(got.UID) != os.Getuid() {
					t.Errorf("uid is %d, ours is %d", got.UID, os.Getuid())
				}
			}
		})
	}
}

func TestWhatIsNotREAPERIsUnknown(t *testing.T) {
	t.Parallel()
	right := fmt.Sprintf(answer, "0", "0")
	const alien = "does not answer as REAPER does"
	for name, c := range map[string]struct {
		say  http.HandlerFunc
		says string
	}{
		"another web server":     {says("<html>\n"), alien},
		"nothing":                {says(""), alien},
		"a state of its own":     {says(strings.Replace(right, "TRANSPORT\t0", "TRANSPORT\t3", 1)), alien},
		"no state":               {says("TRANSPORT\nTRACK\t0\tMASTER\t0\t1\nNTRACK\t0\n"), alien},
		"two states":             {says("TRANSPORT\t5\t0\n" + right), alien},
		"no transport":           {says(strings.SplitAfterN(right, "\n", 2)[1]), alien},
		"cut off":                {says(strings.TrimSuffix(right, "NTRACK\t2\n")), alien},
		"a track short":          {says(strings.Replace(right, "NTRACK\t2", "NTRACK\t3", 1)), alien},
		"flags that are none":    {says(strings.Replace(right, "1536", "x", 1)), alien},
		"a track without flags":  {says("TRACK\t1\tVoice\n" + right), alien},
		"a track without number": {says(strings.Replace(right, "TRACK\t1", "TRACK\tone", 1)), alien},
		"other lines":            {says(right + "MARKER_LIST\nMARKER\tx\t1\t2\n"), alien},
		"a line without end":     {says(right + "TRACK\t1\t" + long(1<<20)), alien},
		"too much":               {says(right + strings.Repeat("TRACK\t1\tx\t0\t1.0\n", 1<<19)), "too long"},
		"a password":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, alien + ": it answers 401"},
		"elsewhere":              {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, alien + ": it answers 302"},
		"silence":                {hang, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := ample
			if c.says == "no answer" {
				patience = little
			}
			got := web(t, reaper(t, c.say), patience)
			if !strings.Contains(got.Unknown, c.says) || got.State != "" || got.Armed != 0 {
				t.Errorf("%+v does not say %q", got, c.says)
			}
		})
	}
	for url, says := range map[string]string{
		"http://127.0.0.1:1":           "nobody listens there",
		"http://localhost:1":           "nobody listens there",
		"http://[::1]:1":               "nobody listens there",
		"http://127.0.0.1:99999":       "cannot read the URL",
		"http://192.0.2.1:8080":        "loopback",
		"http://user:pw@localhost:1":   "not a plain http",
		"http://reaper.localhost:8080": "loopback",
	} {
		if got := web(t, url, ample); !strings.Contains(got.Unknown, says) || strings.Contains(got.Unknown, "pw") {
			t.Errorf("%s: %q does not say %q", url, got.Unknown, says)
		}
	}
}

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// The loopback addresses as a little-endian kernel prints them.
const (
	v4      = "0100007F"
	v4Any   = "00000000"
	v6      = "00000000000000000000000001000000"
	v6Any   = "00000000000000000000000000000000"
	v4In6   = "0000000000000000FFFF00000100007F"
	foreign = "0A00000A"
)

// socket is a line of the table.
func socket(addr, port, state string, uid int) string {
	return fmt.Sprintf("   0: %s:%s 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %5d        0 4711 1 0000000000000000 100 0 0 10 0\n", addr, port, state, uid)
}

func TestWhoseSocketTakesAConnectionIsTheKernelsWord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table string
		addr  string
		uid   uint32
		says  string
	}{
		"the very address":              {socket(v4, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"any address":                   {socket(v4Any, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"any of both families":          {socket(v6Any, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"IPv4 in IPv6":                  {socket(v4In6, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"IPv6":                          {socket(v6, "1F90", "0A", 1000), "[::1]:8080", 1000, ""},
		"any of IPv6":                   {socket(v6Any, "1F90", "0A", 1000), "[::1]:8080", 1000, ""},
		"the very one before any":       {socket(v4Any, "1F90", "0A", 1) + socket(v4, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"IPv4 before both families":     {socket(v6Any, "1F90", "0A", 1) + socket(v4Any, "1F90", "0A", 1000), "127.0.0.1:8080", 1000, ""},
		"twice the same user":           {socket(v4, "1F90", "0A", 7) + socket(v4, "1F90", "0A", 7), "127.0.0.1:8080", 7, ""},
		"two users":                     {socket(v4, "1F90", "0A", 7) + socket(v4, "1F90", "0A", 8), "127.0.0.1:8080", 0, "several users"},
		"another port":                  {socket(v4, "1F91", "0A", 7), "127.0.0.1:8080", 0, "nobody listens"},
		"another address":               {socket(foreign, "1F90", "0A", 7), "127.0.0.1:8080", 0, "nobody listens"},
		"IPv4 for IPv6":                 {socket(v4Any, "1F90", "0A", 7), "[::1]:8080", 0, "nobody listens"},
		"a connection":                  {socket(v4, "1F90", "01", 7), "127.0.0.1:8080", 0, "nobody listens"},
		"hidden by a user namespace":    {socket(v4, "1F90", "0A", 65534), "127.0.0.1:8080", 0, "hides"},
		"a line that is cut off":        {"   0: 0100007F:1F90 00000000:0000 0A\n", "127.0.0.1:8080", 0, "cannot be read"},
		"an address of another length":  {socket("7F", "1F90", "0A", 7), "127.0.0.1:8080", 0, "cannot be read"},
		"a port that is none":           {socket(v4, "1F90F", "0A", 7), "127.0.0.1:8080", 0, "cannot be read"},
		"an address without a port":     {strings.Replace(socket(v4, "1F90", "0A", 7), ":1F90", "", 1), "127.0.0.1:8080", 0, "cannot be read"},
		"a table without its own lines": {"", "127.0.0.1:8080", 0, "nobody listens"},
	} {
		uid, err := serve.Takes(strings.NewReader(head+c.table), netip.MustParseAddrPort(c.addr))
		if uid != c.uid || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d, %v", name, uid, err)
		}
	}
}

// tables is a directory with the kernel's tables in which uid listens at url.
func tables(t *testing.T, url string, uid int) string {
	t.Helper()
	dir := t.TempDir()
	tell(t, dir, url, uid)
	return dir
}

func tell(t *testing.T, dir, url string, uid int) {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	text := head + socket(v4, fmt.Sprintf("%04X", n), "0A", uid)
	if err := os.WriteFile(filepath.Join(dir, "tcp"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnAnswerIsWorthAsMuchAsWhoGivesIt(t *testing.T) {
	t.Parallel()
	url := reaper(t, says(fmt.Sprintf(answer, "0", "0")))
	if got := serve.WebAt(t.Context(), tables(t, url, 1234567), []string{url}).List[0]; !got.Known() || got.UID != 1234567 || got.User != "" {
		t.Errorf("a user without a name: %+v", got)
	}
	if got := serve.WebAt(t.Context(), tables(t, url, 0), []string{url}).List[0]; !got.Known() || got.UID != 0 || got.User != "root" {
		t.Errorf("root: %+v", got)
	}
	if got := serve.WebAt(t.Context(), t.TempDir(), []string{url}).List[0]; !strings.Contains(got.Unknown, "cannot see who listens") {
		t.Errorf("without the kernel's tables: %+v", got)
	}
	dir := tables(t, url, 1000)
	taken := reaper(t, func(w http.ResponseWriter, r *http.Request) {
		tell(t, dir, "http://"+r.Host, 1001)
		says(fmt.Sprintf(answer, "0", "0"))(w, r)
	})
	tell(t, dir, taken, 1000)
	if got := serve.WebAt(t.Context(), dir, []string{taken}).List[0]; !strings.Contains(got.Unknown, "somebody else") {
		t.Errorf("a port that was taken over: %+v", got)
	}
}

func TestOneInterfacesSilenceKeepsNoOther(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), enough, errors.New("no answer"))
	defer cancel()
	urls := []string{reaper(t, hang), reaper(t, says(fmt.Sprintf(answer, "5", "64")))}
	for range 20 {
		urls = append(urls, "http://127.0.0.1:1")
	}
	got := serve.Web(ctx, urls)
	if got.List[0].Unknown != "no answer" || got.List[1].State != "recording" {
		t.Errorf("got %+v", got.List[:2])
	}
	if last := got.List[len(urls)-1]; !strings.Contains(last.Unknown, "more than 16") {
		t.Errorf("the last: %+v", last)
	}
}
