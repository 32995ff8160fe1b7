// Package bustest gives tests a bus of their own: a private dbus-daemon with
// the policy that Debian ships for the system bus, moded's own policy on top,
// and, on request, the real polkitd with moded's actions and the test's rules.
//
// Addresses are passed explicitly and nothing touches the environment of the
// test process, so tests may run in parallel. All is gone when the test ends.
//
// The policies name root. When the test runs as somebody else, that user takes
// root's place in them; what needs the real polkitd or a second user calls
// RequireRoot first.
package bustest

import (
	"bufio"
	_ "embed" // for the stock policy
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	dbusxml "github.com/modectl/moded/dbus"
)

// startTimeout is how long a daemon may need until it can be used, on a busy
// machine.
const startTimeout = 2 * time.Minute

// stock is Debian's /usr/share/dbus-1/system.conf (dbus 1.14.10) without what
// only the real system bus has: its user, sockets, activation and includes.
//
//go:embed system.conf
var stock string

// Users that the bus and polkitd know, and this machine need not: people, whose
// uids are not the system's. They are there when the test runs as root.
const (
	Alice  uint32 = 47001
	Bob    uint32 = 47002
	Nobody uint32 = 65534
)

// people are their lines in the passwd of the daemons.
const people = `alice:x:47001:65534::/nonexistent:/bin/false
bob:x:47002:65534::/nonexistent:/bin/false
`

// Bus is a private bus.
type Bus struct {
	// Address is what a client dials.
	Address string
	socket  string
	dir     string
}

// Option changes a bus before it starts.
type Option func(*config)

type config struct{ extra []string }

// WithPolicy adds elements to the bus configuration, after all others: what a
// test's fake services need.
func WithPolicy(xml string) Option {
	return func(c *config) { c.extra = append(c.extra, xml) }
}

// WithName lets the user of the test own a well-known name and everybody call
// it: for fakes.
func WithName(name string) Option {
	return WithPolicy(fmt.Sprintf(`<policy user="%d"><allow own="%s"/></policy>
<policy context="default"><allow send_destination="%s"/></policy>`, os.Getuid(), name, name))
}

// Start starts a bus that lasts until the test and its subtests are over.
func Start(tb testing.TB, options ...Option) *Bus {
	tb.Helper()
	var c config
	for _, o := range options {
		o(&c)
	}
	b := &Bus{dir: publicDir(tb)}
	b.socket = filepath.Join(b.dir, "bus")
	conf := filepath.Join(b.dir, "bus.conf")
	write(tb, conf, b.configuration(tb, c))
	b.Address = firstLine(tb, b.privately(tb, nil, "dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile", "--print-address=1"))
	return b
}

// configuration is the stock policy with a socket, and the other policies.
func (b *Bus) configuration(tb testing.TB, c config) string {
	tb.Helper()
	parts := []string{ourPolicy()}
	if os.Geteuid() == 0 {
		if raw, err := os.ReadFile(polkitBusPolicy); err == nil {
			parts = append(parts, inner(string(raw)))
		}
	}
	parts = append(parts, c.extra...)
	conf := strings.Replace(stock, "<!-- LISTEN -->", "<listen>unix:path="+b.socket+"</listen>", 1)
	return strings.Replace(conf, "<!-- POLICIES -->", strings.Join(parts, "\n"), 1)
}

// ourPolicy is moded's bus policy, with the user of the test for root.
func ourPolicy() string {
	user := strconv.Itoa(os.Geteuid())
	return strings.ReplaceAll(inner(dbusxml.BusPolicy), `user="root"`, `user="`+user+`"`)
}

// inner is what a busconfig document has between its outer tags.
func inner(doc string) string {
	_, rest, _ := strings.Cut(doc, "<busconfig>")
	body, _, _ := strings.Cut(rest, "</busconfig>")
	return body
}

// publicDir is a directory that other users can enter: t.TempDir is not.
func publicDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "bustest")
	if err != nil {
		tb.Fatalf("cannot make a directory: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	// #nosec G302 -- other users of the test's bus must reach its socket
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatalf("cannot open the directory: %v", err)
	}
	return dir
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	// #nosec G306 -- daemons of other users read it
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatalf("cannot write %s: %v", path, err)
	}
}

// firstLine starts a daemon, which is killed when the test ends, and waits for
// the first line of its output.
func firstLine(tb testing.TB, cmd *exec.Cmd) string {
	tb.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatalf("cannot start %s: %v", cmd.Path, err)
	}
	launch(tb, cmd)
	got := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		got <- strings.TrimSpace(line)
	}()
	select {
	case line := <-got:
		if line == "" {
			tb.Fatalf("%s ended before it was up", cmd.Path)
		}
		return line
	case <-time.After(startTimeout):
		tb.Fatalf("%s was not up after %v", cmd.Path, startTimeout)
	}
	return ""
}

// launch starts a daemon in a process group of its own and kills the group
// when the test ends. What it says goes to the test's log if the test fails.
func launch(tb testing.TB, cmd *exec.Cmd) {
	tb.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("cannot start %s (make deps installs it): %v", cmd.Path, err)
	}
	tb.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if tb.Failed() && said.Len() > 0 {
			tb.Logf("%s said:\n%s", filepath.Base(cmd.Path), said.String())
		}
	})
}
