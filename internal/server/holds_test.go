package server_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/fsm"
)

// holderEnv makes the test binary a client that takes a hold on the bus of that
// address, says so, and waits to be killed.
const holderEnv = "MODED_TEST_HOLDER"

func TestMain(m *testing.M) {
	if address := os.Getenv(holderEnv); address != "" {
		os.Exit(holder(address))
	}
	os.Exit(m.Run())
}

func holder(address string) int {
	c, err := manager1.Dial(address)
	if err == nil {
		_, err = c.Hold(context.Background(), manager1.HoldAll, "victim", "waits to be killed")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("held")
	select {}
}

// holds returns what is held once there are n.
func (r *rig) holds(n int) []fsm.Hold {
	r.t.Helper()
	late := time.After(patience)
	for {
		now, changed := r.server.Holds().Held()
		if len(now) == n {
			return now
		}
		select {
		case <-changed:
		case <-late:
			r.t.Fatalf("there are %d holds after %v, not %d", len(now), patience, n)
		}
	}
}

func TestAHoldIsListedForEveryoneAndReleased(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	b.Polkit(t, `polkit.addRule(function(action, subject) { return polkit.Result.YES; });`)
	r := newRigOn(t, b, nil)
	c, other := r.as(alice), r.as(bob)
	before := time.Now().Add(-time.Second)
	one, err := c.Hold(t.Context(), manager1.HoldAutomatic, "ardour", "records Bläser № 3")
	if err != nil {
		t.Fatal(err)
	}
	two, err := other.Hold(t.Context(), manager1.HoldAll, "make", "builds")
	if err != nil || one == 0 || two == 0 || one == two {
		t.Fatal(one, two, err)
	}
	list, err := r.as(nobody).ListHolds(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	since := list[0].Since
	if since.Before(before) || since.After(time.Now()) {
		t.Errorf("since %v", since)
	}
	want := manager1.HoldInfo{Scope: "automatic", Who: "ardour", Why: "records Bläser № 3", UID: alice, User: "alice", Since: since}
	if list[0] != want || list[1].Scope != "all" || list[1].User != "bob" {
		t.Errorf("holds %+v", list)
	}
	seen := r.server.Holds().Holds()
	if len(seen) != 2 || seen[0].Who != "ardour" || seen[0].UID != alice || seen[0].User != "alice" || seen[1].Scope != "all" {
		t.Errorf("facts %+v", seen)
	}
	engine := r.holds(2)
	if engine[0].Scope != fsm.HoldAutomatic || engine[1].Scope != fsm.HoldAll || engine[1].Who != "make" || engine[1].User != "bob" {
		t.Errorf("the engine sees %+v", engine)
	}
	if err := c.Release(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.Release(t.Context(), one), manager1.ErrNotFound)
	if list, err := c.ListHolds(t.Context()); err != nil || len(list) != 1 || list[0].Who != "make" {
		t.Errorf("holds %+v, %v", list, err)
	}
}

func TestACookieIsGoodForItsSenderOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	cookie, err := c.Hold(t.Context(), manager1.HoldAll, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	same := r.client() // the same uid, another connection: root, even
	for n := range uint32(300) {
		wantError(t, same.Release(t.Context(), n), manager1.ErrNotFound)
	}
	wantError(t, same.Release(t.Context(), cookie), manager1.ErrNotFound)
	wantError(t, c.Release(t.Context(), 0), manager1.ErrNotFound)
	wantError(t, c.Release(t.Context(), cookie+1), manager1.ErrNotFound)
	r.holds(1)
	if err := c.Release(t.Context(), cookie); err != nil {
		t.Error(err)
	}
}

func TestCookiesAreNeverZeroNorTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	first, err := c.Hold(t.Context(), manager1.HoldAll, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	r.server.WrapCookies() // as after four billion of them
	next, err := c.Hold(t.Context(), manager1.HoldAll, "a", "b")
	if err != nil || next == 0 || next == first {
		t.Errorf("cookies %d, then %d, %v", first, next, err)
	}
}

func TestAHoldEndsWithAKilledClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holderEnv+"="+r.bus.Address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatal(line, err)
	}
	if now := r.holds(1); now[0].Who != "victim" {
		t.Errorf("held by %+v", now)
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.holds(0)
	t.Logf("gone after %v", time.Since(began))
}

// TestNobodyHoldsWhoHasLeft asks for holds and leaves at once: before, while and
// after the server looks who is there.
func TestNobodyHoldsWhoHasLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 100 {
		conn := r.conn(uint32(os.Geteuid()))
		conn.Send(methodCall(manager1.BusName, string(manager1.Path), manager1.Interface, "Hold", "all", "a", "b"), nil)
		_ = conn.Close()
	}
	for r.server.InFlight() > 0 {
		if _, err := r.client().Properties(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.holds(0)
}

func TestALostBusEndsAllHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if _, err := r.client().Hold(t.Context(), manager1.HoldAll, "a", "b"); err != nil {
		t.Fatal(err)
	}
	r.server.Drop()
	r.holds(0)
}

func TestHoldsAreBounded(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	b.Polkit(t, `polkit.addRule(function(action, subject) { return polkit.Result.YES; });`)
	r := newRigOn(t, b, nil)
	take := func(c *manager1.Client) (uint32, error) { return c.Hold(t.Context(), manager1.HoldAutomatic, "a", "b") }
	var own uint32
	for uid := range uint32(8) { // root, who is no exception, and users of the system
		c, second := r.as(uid), r.as(uid)
		for range 16 {
			cookie, err := take(c)
			if err != nil {
				t.Fatal(err)
			}
			own = cookie
		}
		_, err := take(second)
		wantError(t, err, manager1.ErrLimitsExceeded)
		if err := c.Release(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		if _, err := take(second); err != nil {
			t.Errorf("one is free: %v", err)
		}
	}
	r.holds(128)
	late := r.as(bob)
	_, err := take(late)
	wantError(t, err, manager1.ErrLimitsExceeded)
	list, err := late.ListHolds(t.Context())
	if err != nil || len(list) != 128 {
		t.Errorf("%d, %v", len(list), err)
	}
}

func TestWhatAHolderMaySay(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	for name, words := range map[string]struct {
		scope, who, why string
		ok              bool
	}{
		"plain":              {"all", "ardour", "a take", true},
		"128 runes":          {"automatic", strings.Repeat("ä", 128), strings.Repeat("№", 128), true},
		"no scope":           {"", "a", "b", false},
		"another scope":      {"mode", "a", "b", false},
		"scope in capitals":  {"ALL", "a", "b", false},
		"nobody":             {"all", "", "b", false},
		"for nothing":        {"all", "a", "", false},
		"white space":        {"all", "a", "  \u00a0 ", false},
		"129 runes":          {"all", strings.Repeat("ä", 129), "b", false},
		"129 runes of why":   {"all", "a", strings.Repeat("x", 129), false},
		"an escape":          {"all", "a\x1b[2J", "b", false},
		"a line":             {"all", "a", "b\nc", false},
		"from right to left": {"all", "a", "b\u202ec", false},
		"zero width":         {"all", "a\u200bb", "b", false},
		"a C1 control":       {"all", "a\u009b31m", "b", false},
	} {
		before := len(r.server.Holds().Holds())
		cookie, err := c.Hold(t.Context(), words.scope, words.who, words.why)
		if words.ok {
			if err != nil || c.Release(t.Context(), cookie) != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantError(t, err, manager1.ErrInvalidArgument)
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\u202e\u200b\u009b") {
			t.Errorf("%s: the answer repeats it: %q", name, err)
		}
		if len(r.server.Holds().Holds()) != before {
			t.Errorf("%s: it was taken", name)
		}
	}
	// What the table lets pass is cut to what verdicts and facts show.
	if _, err := c.Hold(t.Context(), "all", strings.Repeat("w", 128), strings.Repeat("y", 128)); err != nil {
		t.Fatal(err)
	}
	if seen := r.holds(1)[0]; len([]rune(seen.Who)) != 65 || len([]rune(seen.Why)) != 65 {
		t.Errorf("seen as %+v", seen)
	}
}

func TestTheNumberOfHoldsIsToldOnceEach(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	signals, c := r.listen(), r.client()
	told := func(want uint32) {
		t.Helper()
		s := next(t, signals)
		changed, ok := s.Body[1].(map[string]dbus.Variant)
		if !ok || s.Name != "org.freedesktop.DBus.Properties.PropertiesChanged" || len(changed) != 1 || changed["Holds"].Value() != want {
			t.Errorf("got %v, want Holds %d", s, want)
		}
		if p, err := c.Properties(t.Context()); err != nil || p.Holds != want {
			t.Errorf("Holds is %d, want %d, %v", p.Holds, want, err)
		}
	}
	one, err := c.Hold(t.Context(), manager1.HoldAll, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	told(1)
	if _, err = c.Hold(t.Context(), manager1.HoldAutomatic, "c", "d"); err != nil {
		t.Fatal(err)
	}
	told(2)
	wantError(t, c.Release(t.Context(), 99), manager1.ErrNotFound)
	if err := c.Release(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	told(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = r.client()
	told(0)
	if len(signals) > 0 {
		t.Errorf("and then %v", <-signals)
	}
}

func TestNobodyHoldsWhatIsStopping(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	stopping := true
	r := newRig(t, func(_ *engine, cfg *server.Config) {
		cfg.Stopping = func(context.Context) bool { return stopping }
	})
	_, err := r.as(alice).Hold(t.Context(), manager1.HoldAutomatic, "a", "b") // polkit, who is not there, is not asked
	wantError(t, err, manager1.ErrBusy)
	_, err = r.client().Hold(t.Context(), manager1.HoldAll, "a", "b")
	wantError(t, err, manager1.ErrBusy)
	r.holds(0)
	stopping = false
	if _, err := r.client().Hold(t.Context(), manager1.HoldAll, "a", "b"); err != nil {
		t.Error(err)
	}
}

// TestTheMatrixOfHolds is TestTheMatrix for Hold: the scope alone decides which
// action is asked, and that action alone decides.
func TestTheMatrixOfHolds(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	type answers struct{ quiet, prompting string }
	for rule, want := range map[string]answers{
		"YES":        {"", ""},
		"NO":         {manager1.ErrAccessDenied, manager1.ErrAccessDenied},
		"AUTH_ADMIN": {manager1.ErrInteractive, manager1.ErrAccessDenied},
	} {
		others := map[string]string{"YES": "NO", "NO": "YES", "AUTH_ADMIN": "YES"}[rule]
		for action, scope := range map[string]string{"hold": manager1.HoldAutomatic, "hold-all": manager1.HoldAll} {
			t.Run(action+" "+rule, func(t *testing.T) {
				t.Parallel()
				b := bustest.Start(t)
				b.Polkit(t, fmt.Sprintf(rules, action, rule, others))
				r := newRigOn(t, b, nil)
				check := func(c *manager1.Client, want string) {
					t.Helper()
					cookie, err := c.Hold(t.Context(), scope, "a", "b")
					if want != "" {
						wantError(t, err, want)
						r.holds(0)
						return
					}
					if err != nil || c.Release(t.Context(), cookie) != nil {
						t.Error(err)
					}
				}
				other := r.as(nobody)
				check(other.Quiet(), want.quiet)
				check(other, want.prompting)
				check(r.client().Quiet(), "") // root is never asked
			})
		}
	}
}

// TestTheShippedPolicyOfHolds has nobody's session: the row "any".
func TestTheShippedPolicyOfHolds(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	b.Polkit(t, "")
	r := newRigOn(t, b, nil)
	c := r.as(nobody).Quiet()
	if _, err := c.Hold(t.Context(), manager1.HoldAutomatic, "a", "b"); err != nil {
		t.Errorf("automatic: %v", err)
	}
	_, err := c.Hold(t.Context(), manager1.HoldAll, "a", "b")
	wantError(t, err, manager1.ErrInteractive)
}
