package simulate_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// classes lists the graphical sessions, "3 user" each.
func classes(t *testing.T, m *simulate.Machine) string {
	t.Helper()
	list, err := m.Graphical(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range list {
		out = append(out, s.ID+" "+s.Class)
	}
	return strings.Join(out, ", ")
}

func look(t *testing.T, m *simulate.Machine) *facts.Facts {
	t.Helper()
	return m.Look(t.Context(), guards.Needs{}, true)
}

func TestAnEndedSessionLeavesAGreeterWhichGoesWithTheDisplayManager(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		if got := classes(t, m); got != "3 user" {
			t.Fatalf("got %q", got)
		}
		if err := m.Terminate(t.Context(), "3"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if got := classes(t, m); got != "4 greeter" || !holds(t, m, 0, "gnome-shell") {
			t.Fatalf("got %q; the greeter should have the card", got)
		}
		if len(m.Registered()) != 0 {
			t.Error("the agent outlived the user's last session")
		}
		stop(t, m, "display-manager.service")
		time.Sleep(3 * time.Second)
		if got := classes(t, m); got != "" || holds(t, m, 0, "gnome-shell") {
			t.Errorf("got %q", got)
		}
	})
}

func TestProgramsOfADesktopStayWhileTheUserHasAnotherSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "login dev ssh")
		_ = m.Terminate(t.Context(), "3")
		time.Sleep(3 * time.Second)
		if s, _ := m.SessionState(t.Context(), "3"); s != "gone" {
			t.Errorf("the session is %s", s)
		}
		if !holds(t, m, 0, "firefox") {
			t.Fatal("firefox went with the session, not with the user's manager")
		}
		if ok, _, err := m.Apply(t.Context(), 1000, "session", `{"state":"off"}`); !ok || err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if holds(t, m, 0, "firefox") {
			t.Error("firefox outlived the desktop")
		}
		if others, _ := m.OtherSessions(t.Context(), 1000, nil); len(others) != 1 {
			t.Errorf("got %v", others)
		}
	})
}

func TestATakeIsSeenUntilItEndsOrTheUserGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		recording := func() int { return look(t, m).Audio.Users[0].Recording }
		command(t, m, "take start")
		if recording() != 1 {
			t.Error("the take is not seen")
		}
		command(t, m, "take stop")
		if recording() != 0 {
			t.Error("the take has not stopped")
		}
		command(t, m, "take start")
		_ = m.Terminate(t.Context(), "3")
		time.Sleep(3 * time.Second)
		if n := len(look(t, m).Audio.Users); n != 0 {
			t.Errorf("%d users have sound", n)
		}
	})
}

func TestAStandingOrderIsFollowedByThoseWhoAreThereAndThoseWhoCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		m.Order("audio", `{"state":"off"}`)
		m.Order("slices/background.slice", `{"cpu-weight":10}`)
		time.Sleep(time.Second)
		if uids, _ := m.AudioServers(t.Context()); len(uids) != 0 {
			t.Errorf("%v still have sound", uids)
		}
		command(t, m, "login guest ssh")
		time.Sleep(time.Second)
		if uids, _ := m.AudioServers(t.Context()); len(uids) != 0 {
			t.Errorf("%v came with sound", uids)
		}
		have, err := m.Capture(t.Context(), 1001, "audio")
		if err != nil || have != `{"state":"off"}` {
			t.Errorf("got %s, %v", have, err)
		}
		have, err = m.Capture(t.Context(), 1001, "slices/background.slice")
		if err != nil || have != `{"cpu-weight":10}` {
			t.Errorf("got %s, %v", have, err)
		}
	})
}

func TestLimitsAreSetAsFarAsStated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		weight, cpus := uint64(20), "0-3"
		if err := m.SetLimits(t.Context(), "system.slice", actions.Limits{AllowedCPUs: &cpus}); err != nil {
			t.Fatal(err)
		}
		if err := m.SetLimits(t.Context(), "system.slice", actions.Limits{CPUWeight: &weight}); err != nil {
			t.Fatal(err)
		}
		l, err := m.Limits(t.Context(), "system.slice")
		if err != nil || fsm.NewValue(l) != `{"allowed-cpus":"0-3","cpu-weight":20}` {
			t.Errorf("got %s, %v", fsm.NewValue(l), err)
		}
		if _, err := m.Limits(t.Context(), "nope.slice"); err == nil {
			t.Error("an unknown slice has limits")
		}
	})
}

func TestTheMachineOutlivesTheDaemonAndGoesOnMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		killed := machine(t, dir)
		ctx, kill := context.WithTimeout(t.Context(), time.Millisecond)
		defer kill()
		_, _ = killed.Stop(ctx, "fstrim.timer")
		command(t, killed, "hang unit stop k3s.service")
		time.Sleep(time.Minute)
		back := machine(t, dir)
		active(t, back, "fstrim.timer", "inactive")
		if before, _ := killed.Stamps(); before != first(back.Stamps()) {
			t.Error("the boot id changed without a boot")
		}
		if text, _ := back.Command("state"); !strings.Contains(text, "unit stop k3s.service") {
			t.Error("a fault should stay until it is healed")
		}
	})
}

func first[A, B any](a A, _ B) A { return a }

func TestABootMakesAFreshMachine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		before, _ := m.Stamps()
		stop(t, m, "fstrim.timer")
		command(t, m, "boot")
		active(t, m, "fstrim.timer", "active")
		if after, _ := m.Stamps(); after == before {
			t.Error("the boot id stayed")
		}
	})
}

func TestEyesThatFailSayUnknown(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	command(t, m, "fail look audio")
	f := look(t, m)
	if f.Audio.Known() || !f.Load.Known() {
		t.Errorf("audio known: %v, load known: %v", f.Audio.Known(), f.Load.Known())
	}
}

func TestFactsAreCopies(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	look(t, m).GPUs.List[0].Holders[0].Comm = "forged"
	if slices.ContainsFunc(look(t, m).Process.List, func(p facts.Process) bool { return p.Comm == "forged" }) || holds(t, m, 0, "forged") {
		t.Error("a reader changed the machine")
	}
}

func TestBadCommandsAreAnsweredWithWhatThereIs(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	for line, want := range map[string]string{
		"dance":                 "take start|stop",
		"take":                  "start or stop",
		"gpu hold gpu7":         "gpu0 and gpu1",
		"gpu hold":              "gpu hold GPU",
		"login nobody":          "dev and guest",
		"login dev window":      "ssh and tty",
		"logout 99":             "logout SESSION",
		"hang unit":             "unit start UNIT",
		"fail everything":       "unit start UNIT",
		"load NaN":              "no load average",
		"shutdown now":          "shutdown on",
		"hang once unit start ": "unit start UNIT",
	} {
		if _, err := m.Command(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something with %q", line, err, want)
		}
	}
}

func TestTheControlSocketCarriesCommandsAndErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := machine(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	served, err := m.Serve(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := simulate.Control(dir, "state")
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Sessions []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil || len(state.Sessions) != 1 {
		t.Errorf("got %s, %v", text, err)
	}
	if _, err := simulate.Control(dir, "dance"); err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("got %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
