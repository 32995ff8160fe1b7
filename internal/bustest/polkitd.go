package bustest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	dbusxml "github.com/modectl/moded/dbus"
)

// Where Debian puts polkit.
const (
	polkitBusPolicy = "/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf"
	polkitActions   = "/usr/share/polkit-1/actions"
	polkitAdmin     = "/etc/polkit-1/rules.d"
	polkitVendor    = "/usr/share/polkit-1/rules.d"
	polkitOwn       = polkitActions + "/org.freedesktop.policykit.policy"
	polkitName      = "org.freedesktop.PolicyKit1"
)

// noRoot is the variable by which make test says that it does not run as root
// and that its reader has been told.
const noRoot = "MODED_TEST_NO_ROOT"

// polkitdPaths is where polkitd lies, by distribution and age.
var polkitdPaths = []string{"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", "/usr/libexec/polkit-1/polkitd"}

// RequireRoot fails a test that needs the real polkitd or a second user when
// it does not run as root, unless MODED_TEST_NO_ROOT=1 says that this is known:
// then it prints that the test is not run, and skips it.
func RequireRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv(noRoot) == "1" {
		notRun(tb)
		tb.Skip("needs root")
	}
	tb.Fatalf("%s needs root for the real polkitd and other users; run it as root, or set %s=1 to leave such tests out", tb.Name(), noRoot)
}

// notRun says which test is left out: on stderr, which go test hides when all
// else passes, and in the file that MODED_NOT_RUN names, which make test prints.
func notRun(tb testing.TB) {
	tb.Helper()
	line := fmt.Sprintf("NOT RUN (needs root): %s\n", tb.Name())
	_, _ = os.Stderr.WriteString(line)
	list := os.Getenv("MODED_NOT_RUN")
	if list == "" {
		return
	}
	f, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatalf("cannot say what is not run: %v", err)
	}
	_, err = f.WriteString(line)
	if err := errors.Join(err, f.Close()); err != nil {
		tb.Fatalf("cannot say what is not run: %v", err)
	}
}

// Polkit starts the real polkitd on the bus, with moded's actions and the
// given rules (JavaScript, see polkit(8)) and nothing else of this machine's.
// It returns when polkitd answers. It needs root: polkitd reads fixed paths,
// so it gets a mount namespace of its own.
func (b *Bus) Polkit(tb testing.TB, rules string) *Polkitd {
	tb.Helper()
	RequireRoot(tb)
	actions, rulesDir := filepath.Join(b.dir, "actions"), filepath.Join(b.dir, "rules")
	for _, dir := range []string{actions, rulesDir, filepath.Join(b.dir, "none")} {
		// #nosec G301 -- polkitd drops to a user of its own
		if err := os.MkdirAll(dir, 0o755); err != nil {
			tb.Fatalf("cannot prepare polkit: %v", err)
		}
	}
	own, err := os.ReadFile(polkitOwn)
	if err != nil {
		tb.Fatalf("cannot prepare polkit (make deps installs it): %v", err)
	}
	write(tb, filepath.Join(actions, "org.freedesktop.policykit.policy"), string(own))
	write(tb, filepath.Join(actions, "org.modectl.policy"), dbusxml.PolkitPolicy)
	write(tb, filepath.Join(rulesDir, "10-test.rules"), rules)
	mounts := []mount{{actions, polkitActions}, {rulesDir, polkitAdmin}, {filepath.Join(b.dir, "none"), polkitVendor}}
	cmd := b.privately(tb, mounts, polkitd(tb), "--no-debug")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DBUS_SYSTEM_BUS_ADDRESS=" + b.Address}
	up := b.owned(tb, polkitName)
	launch(tb, cmd)
	select {
	case <-up:
	case <-time.After(startTimeout):
		tb.Fatalf("polkitd was not up after %v", startTimeout)
	}
	return &Polkitd{cmd: cmd}
}

func polkitd(tb testing.TB) string {
	tb.Helper()
	for _, p := range polkitdPaths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	tb.Fatal("there is no polkitd here (make deps installs it)")
	return ""
}

// owned is closed once the name has an owner.
func (b *Bus) owned(tb testing.TB, name string) <-chan struct{} {
	tb.Helper()
	conn := b.Connect(tb)
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)); err != nil {
		tb.Fatalf("cannot watch %s: %v", name, err)
	}
	up := make(chan struct{})
	go func() {
		for s := range signals {
			if s.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(s.Body) == 3 && s.Body[0] == name && s.Body[2] != "" {
				close(up)
				return
			}
		}
	}()
	return up
}

// Polkitd is a running polkitd.
type Polkitd struct{ cmd *exec.Cmd }

// Kill ends polkitd at once.
func (p *Polkitd) Kill() { p.signal(syscall.SIGKILL) }

// Hang stops polkitd without ending it: it keeps its name and answers nothing.
func (p *Polkitd) Hang() { p.signal(syscall.SIGSTOP) }

func (p *Polkitd) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }
