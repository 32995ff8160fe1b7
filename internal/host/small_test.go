package host_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/host"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestAnAlarmRingsInTime(t *testing.T) {
	t.Parallel()
	var c host.Clock
	at := c.Boottime() + 30*time.Millisecond
	<-c.Alarm(t.Context(), at)
	if now := c.Boottime(); now < at {
		t.Errorf("it rang %s early", at-now)
	}
	<-c.Alarm(t.Context(), at) // in the past, it rings at once
	<-c.Alarm(t.Context(), 0)
}

func TestAnAlarmThatIsNotWantedAnyMoreNeverRings(t *testing.T) {
	t.Parallel()
	var c host.Clock
	ctx, cancel := context.WithCancel(t.Context())
	rung := c.Alarm(ctx, c.Boottime()+50*time.Millisecond)
	cancel()
	select {
	case <-rung:
		t.Error("it rang")
	case <-c.Alarm(t.Context(), c.Boottime()+100*time.Millisecond):
	}
}

func TestFilesAreWrittenAndRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := host.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, there, err := f.ReadEnv("ai@0.service"); there || err != nil {
		t.Errorf("there at first: %v, %v", there, err)
	}
	for _, text := range []string{"A=\"1\"\n", ""} {
		if err := f.WriteEnv("ai@0.service", text); err != nil {
			t.Fatal(err)
		}
		if got, there, err := f.ReadEnv("ai@0.service"); got != text || !there || err != nil {
			t.Errorf("reads %q, %v, %v", got, there, err)
		}
	}
	for _, shut := range []bool{true, true, false, false} {
		if err := f.Deny("gdm.service", shut); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Denied("gdm.service"); got != shut || err != nil {
			t.Errorf("shut is %v, %v", got, err)
		}
	}
	for range 2 {
		if err := f.RemoveEnv("ai@0.service"); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"env", "deny"} {
		left, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil || len(left) != 0 {
			t.Errorf("left in %s: %v, %v", sub, left, err)
		}
	}
}

func TestOnlyNamesOfUnitsBecomeFiles(t *testing.T) {
	t.Parallel()
	f, err := host.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a\nb", "ä"} {
		if f.WriteEnv(name, "") == nil || f.Deny(name, true) == nil || f.RemoveEnv(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestTheServiceManagerIsNotified(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "30000")
	var n host.Notify
	if err := n.Ready("mode\nWATCHDOG=trigger"); err != nil {
		t.Fatal(err)
	}
	if err := n.Extend(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	ended := make(chan error, 1)
	go func() { ended <- n.Watchdog(ctx, func() bool { asked++; return asked != 2 }) }()
	for _, want := range []string{"READY=1\nSTATUS=mode WATCHDOG=trigger", "EXTEND_TIMEOUT_USEC=2000000", "WATCHDOG=1", "WATCHDOG=1"} {
		buf := make([]byte, 256)
		size, err := conn.Read(buf)
		if err != nil || string(buf[:size]) != want {
			t.Fatalf("got %q, %v, want %q", buf[:size], err, want)
		}
	}
	cancel()
	if err := <-ended; err != nil || asked < 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestTheBootIDComesWithTheEnvironment(t *testing.T) {
	t.Setenv("MODED_BOOT_ID", "0123ABCD-0123-0123-0123-0123456789ab")
	if id, err := host.BootID(); err != nil || id != "0123abcd0123012301230123456789ab" {
		t.Errorf("boot id is %q, %v", id, err)
	}
	t.Setenv("MODED_BOOT_ID", "")
	if id, err := host.BootID(); err != nil || len(id) != 32 {
		t.Errorf("boot id is %q, %v", id, err)
	}
}

// Without moded the machine is a normal one, and with it again as before.
func TestGatesAreOpenWhileTheDaemonIsDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life string
		shut bool
	}{"the same life": {"17", true}, "after a soft-reboot": {"18", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f, err := host.NewFiles(dir)
			if err == nil {
				err = errors.Join(f.Deny("gdm.service", true), f.Retire("17"))
			}
			if err != nil {
				t.Fatal(err)
			}
			gate := filepath.Join(dir, "deny", "gdm.service")
			if _, err := os.Stat(gate); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the gate is still shut: %v", err)
			}
			for range 2 { // as good when it is done twice
				if f, err = host.NewFiles(dir); err == nil {
					err = f.Resume(c.life)
				}
				if err != nil {
					t.Fatal(err)
				}
				if shut, err := f.Denied("gdm.service"); shut != c.shut || err != nil {
					t.Errorf("shut is %v, %v", shut, err)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "deny-*")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}
