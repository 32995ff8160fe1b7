package cli_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/cli"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	fails := func(name, text string) func() *manager1test.Daemon {
		return with(func(d *manager1test.Daemon) {
			d.Errors = map[string]*manager1.Error{manager1.MethodHold: manager1.Errorf(name, "%s", text)}
		})
	}
	many := with(func(d *manager1test.Daemon) {
		d.Holds = []manager1.HoldInfo{
			{Scope: "all", Who: "ardour", Why: "a take of forty minutes that nobody wants to play again", UID: 1000, User: "dev", Since: noon.Add(-time.Hour)},
			{Scope: "automatic", Who: "borg\x1b[2J", Why: "the \u202ebackup runs", User: "root", Since: noon.Add(-30 * time.Hour)},
		}
	})
	playAll(t, []scene{
		{name: "holds by nobody", daemon: machine, args: "holds"},
		{name: "holds of two", daemon: many, args: "holds"},
		{name: "holds on a narrow terminal", daemon: many, args: "holds", tty: true, width: 70},
		{name: "holds as JSON", daemon: many, args: "holds --json"},
		{name: "hold and its exit code", daemon: machine, args: "hold --scope all --reason test -- sh -c exit${IFS}42"},
		{name: "hold of a command that is killed", daemon: machine, args: "hold sh -c kill${IFS}-9${IFS}$$"},
		{name: "hold what cannot be run", daemon: machine, args: "hold ./testdata/good.toml"},
		{name: "hold without a command", daemon: machine, args: "hold"},
		{name: "hold with a command and a time", daemon: machine, args: "hold --until 2h true"},
		{name: "hold until nonsense", daemon: machine, args: "hold --until tomorrow"},
		{name: "hold with a scope that is none", daemon: machine, args: "hold --scope mode true"},
		{name: "hold too many", daemon: fails(manager1.ErrLimitsExceeded, "you have 16 holds already; release one"), args: "hold -- echo run"},
		{name: "hold not authorised", daemon: fails(manager1.ErrAccessDenied, "you are not allowed to do that"), args: "hold --all -- echo run"},
		{name: "hold without a daemon", args: "hold -- echo run"},
		{name: "hold until it is late", daemon: machine, args: "hold --until 18:30", until: "Ctrl-C"},
		{name: "hold for a moment", daemon: machine, args: "hold --until 1ms"},
	})
}

// TestWhatAHoldSays looks at what reaches the daemon.
func TestWhatAHoldSays(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][3]string{
		"hold true":                               {"automatic", "true", "runs under modectl hold"},
		"hold -- /bin/true --all":                 {"automatic", "true", "runs under modectl hold"},
		"hold --all true":                         {"all", "true", "runs under modectl hold"},
		"hold --scope=all --reason=music -- true": {"all", "true", "music"},
		"hold --why=music true":                   {"automatic", "true", "music"},
		"hold --until 1ms":                        {"automatic", "modectl", "until 12:00"},
	} {
		d := machine()
		r := play(t, scene{args: args, daemon: func() *manager1test.Daemon { return d }})
		var held, released bool
		for _, c := range d.Calls() {
			switch c.Method {
			case manager1.MethodHold:
				held = c.Args[0] == want[0] && c.Args[1] == want[1] && c.Args[2] == want[2]
			case manager1.MethodRelease:
				released = held && c.Args[0] == uint32(1)
			}
		}
		if r.code != 0 || !held || !released {
			t.Errorf("%s: exit code %d, %+v", args, r.code, d.Calls())
		}
	}
}

func TestAHoldAsksForAPasswordWhereItMust(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.NeedsPrompt = map[string]bool{manager1.MethodHold: true} })
	if r := play(t, scene{args: "hold true", daemon: d, in: true}); r.code != 0 || r.prompts != 1 {
		t.Errorf("exit code %d, %d prompts", r.code, r.prompts)
	}
}

func TestUntilWhen(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 24, 22, 15, 30, 0, berlin) // the clocks go back in the night
	for text, want := range map[string]string{
		"2h": "2026-10-25T00:15:30+02:00", "90m": "2026-10-24T23:45:30+02:00", "30s": "2026-10-24T22:16:00+02:00",
		"23:00": "2026-10-24T23:00:00+02:00", "06:00": "2026-10-25T06:00:00+01:00", "22:15": "2026-10-25T22:15:00+01:00",
		"6:00": "2026-10-25T06:00:00+01:00", "744h": "2026-11-24T21:15:30+01:00",
	} {
		if got, err := cli.ParseUntil(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v, want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"", "0", "-1h", "745h", "24:00", "06:00:00", "tomorrow", "6", "1e9h", "\x1b[2J"} {
		got, err := cli.ParseUntil(text, now)
		if err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestWaitingFollowsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := cli.SleepUntil(t.Context(), began.Add(8*time.Hour)); err != nil || time.Since(began) != 8*time.Hour {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := cli.SleepUntil(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
	})
}
