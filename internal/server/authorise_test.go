package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/fsm"
)

func session(uid uint32, class string) fsm.Session {
	return fsm.Session{ID: fmt.Sprint(uid), UID: uid, User: fmt.Sprintf("user%d", uid), Class: class}
}

func TestTheStrongestActionThatApplies(t *testing.T) {
	t.Parallel()
	own, other, greeter := session(alice, "user"), session(bob, "user"), session(120, "greeter")
	for name, test := range map[string]struct {
		effect fsm.Effect
		others bool
		want   string
	}{
		"nothing ends":                       {fsm.Effect{}, true, manager1.ActionSwitchMode},
		"only a greeter ends":                {fsm.Effect{Ends: []fsm.Session{greeter}}, false, manager1.ActionSwitchMode},
		"own sessions end":                   {fsm.Effect{Ends: []fsm.Session{own, greeter}}, false, manager1.ActionEndOwnSession},
		"somebody else's too":                {fsm.Effect{Ends: []fsm.Session{own, other}}, false, manager1.ActionEndSessions},
		"of a class that nobody knows":       {fsm.Effect{Ends: []fsm.Session{session(bob, "new")}}, false, manager1.ActionEndSessions},
		"leaving headless":                   {fsm.Effect{Headless: true}, false, manager1.ActionLeaveHeadless},
		"leaving headless, own session ends": {fsm.Effect{Headless: true, Ends: []fsm.Session{own}}, false, manager1.ActionLeaveHeadless},
		"leaving headless, others' end":      {fsm.Effect{Headless: true, Ends: []fsm.Session{other}}, false, manager1.ActionEndSessions},
		"no countdown, nobody else is there": {fsm.Effect{SkipCountdown: true}, false, manager1.ActionSwitchMode},
		"no countdown, somebody else is":     {fsm.Effect{SkipCountdown: true}, true, manager1.ActionEndSessions},
		"no countdown and override":          {fsm.Effect{SkipCountdown: true, Override: true}, true, manager1.ActionOverrideGuards},
		"override, whatever ends":            {fsm.Effect{Override: true, Headless: true, Ends: []fsm.Session{other}}, true, manager1.ActionOverrideGuards},
		"reverting what somebody else began": {fsm.Effect{Revert: true, Owner: bob}, false, manager1.ActionAdminister},
	} {
		if got := server.ActionFor(test.effect, true, alice, test.others); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	// Whoever is not known owns no session, root's least of all.
	if got := server.ActionFor(fsm.Effect{Ends: []fsm.Session{session(0, "user")}}, false, 0, false); got != manager1.ActionEndSessions {
		t.Errorf("nobody: %s", got)
	}
}

// rules answer as the test's actions want, for all but root.
const rules = `polkit.addRule(function(action, subject) {
	if (action.id == "org.modectl.%s") return polkit.Result.%s;
	if (action.id.indexOf("org.modectl.") == 0) return polkit.Result.%s;
});`

// effects make the engine ask for each action of SwitchMode.
var effects = map[string]struct {
	effect fsm.Effect
	flags  uint32
}{
	"switch-mode":     {fsm.Effect{From: "desktop", To: "studio"}, 0},
	"end-own-session": {fsm.Effect{From: "desktop", To: "compute", Ends: []fsm.Session{session(nobody, "user")}}, 0},
	"leave-headless":  {fsm.Effect{From: "compute", To: "desktop", Headless: true}, 0},
	"end-sessions":    {fsm.Effect{From: "desktop", To: "compute", Ends: []fsm.Session{session(bob, "user")}}, 0},
	"override-guards": {fsm.Effect{From: "desktop", To: "studio"}, manager1.OverrideGuards},
}

// TestTheMatrix asks the real polkitd: each action decides alone, so a rule
// that turns only this one decides the call, and one that turns all others
// does not.
func TestTheMatrix(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	type answers struct{ quiet, prompting string }
	for rule, want := range map[string]answers{
		"YES":        {"", ""},
		"NO":         {manager1.ErrAccessDenied, manager1.ErrAccessDenied},
		"AUTH_ADMIN": {manager1.ErrInteractive, manager1.ErrAccessDenied}, // there is no agent to prompt
	} {
		others := map[string]string{"YES": "NO", "NO": "YES", "AUTH_ADMIN": "YES"}[rule]
		for action, e := range effects {
			t.Run(action+" "+rule, func(t *testing.T) {
				t.Parallel()
				b := bustest.Start(t)
				b.Polkit(t, fmt.Sprintf(rules, action, rule, others))
				r := newRigOn(t, b, func(g *engine, _ *server.Config) { g.effect = e.effect })
				request := manager1.SwitchRequest{Mode: "studio", Flags: e.flags}
				check := func(c *manager1.Client, want string) {
					t.Helper()
					before := len(r.engine.done())
					_, err := c.SwitchMode(t.Context(), request)
					switch {
					case want == "" && err != nil:
						t.Error(err)
					case want != "":
						wantError(t, err, want)
					}
					if moved := len(r.engine.done()) - before; (moved == 1) != (want == "") {
						t.Errorf("the engine moved %d times", moved)
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

func TestCanSwitchAnswersForPolkit(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	for rule, want := range map[string]string{"YES": manager1.CanYes, "NO": manager1.CanNo, "AUTH_ADMIN": manager1.CanChallenge} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			b.Polkit(t, fmt.Sprintf(rules, "switch-mode", rule, "NO"))
			r := newRigOn(t, b, nil)
			if got, err := r.as(nobody).CanSwitch(t.Context(), "studio"); err != nil || got != want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// privileged are the calls that need administer, or end-sessions, of whoever
// is not the owner.
func privileged(c *manager1.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"cancel":  func(ctx context.Context) error { return c.Cancel(ctx, 7) },
		"confirm": func(ctx context.Context) error { return c.Confirm(ctx, 7) },
		"proceed": func(ctx context.Context) error { return c.Proceed(ctx, 7) },
		"recover": func(ctx context.Context) error { return c.Recover(ctx, 0) },
		"reload":  c.Reload,
	}
}

var phaseFor = map[string]fsm.Phase{"cancel": fsm.Running, "confirm": fsm.AwaitingConfirm, "proceed": fsm.Grace}

func TestWithoutPolkitOnlyOwnersAndTheDaemonsUidMay(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, func(e *engine, cfg *server.Config) {
		e.owner = alice
		cfg.Reload = func(context.Context) error { return e.note("reload") }
	})
	who := map[uint32]*manager1.Client{0: r.client(), alice: r.as(alice), bob: r.as(bob)}
	for name := range privileged(nil) {
		for uid, c := range who {
			r.engine.set(fsm.State{Mode: "desktop", Open: &fsm.Progress{ID: 7, Phase: phaseFor[name]}})
			may := uid == 0 || uid == alice && phaseFor[name] != ""
			before := len(r.engine.done())
			err := privileged(c)[name](t.Context())
			if may && err != nil {
				t.Errorf("%s by %d: %v", name, uid, err)
			}
			if !may {
				wantError(t, err, manager1.ErrAccessDenied)
			}
			if moved := len(r.engine.done()) != before; moved != may {
				t.Errorf("%s by %d: moved %v", name, uid, moved)
			}
		}
	}
}

func TestTheOnlyVictimMayProceed(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, func(e *engine, _ *server.Config) { e.owner = nobody })
	set := func(ends ...fsm.Session) {
		r.engine.set(fsm.State{Mode: "desktop", Open: &fsm.Progress{ID: 7, Phase: fsm.Grace, Ends: ends}})
	}
	c := r.as(alice)
	set(session(alice, "user"), session(120, "greeter"))
	if err := c.Proceed(t.Context(), 7); err != nil {
		t.Error(err)
	}
	for _, ends := range [][]fsm.Session{{session(alice, "user"), session(bob, "user")}, {session(120, "greeter")}, {}} {
		set(ends...)
		wantError(t, c.Proceed(t.Context(), 7), manager1.ErrAccessDenied)
	}
}

func TestReadsAreForEverybody(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	c := r.as(nobody)
	_, plan := c.Plan(t.Context(), "studio", 0)
	_, modes := c.ListModes(t.Context())
	_, history := c.ListHistory(t.Context(), 0)
	_, holds := c.ListHolds(t.Context())
	_, resources := c.Resources(t.Context())
	_, verify := c.Verify(t.Context())
	_, all := c.Properties(t.Context())
	if err := errors.Join(plan, modes, history, holds, resources, verify, all); err != nil {
		t.Error(err)
	}
}

func TestThePromptNamesModeAndVictims(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	// The rule says yes only to exactly these details.
	b.Polkit(t, `polkit.addRule(function(action, subject) {
	if (action.id != "org.modectl.end-sessions") return polkit.Result.NO;
	if (action.lookup("mode") != "compute" || action.lookup("from") != "desktop") return polkit.Result.NO;
	if (action.lookup("victims") != "session 47002 of user47002, session 65534 of user65534") return polkit.Result.NO;
	return polkit.Result.YES;
});`)
	r := newRigOn(t, b, func(e *engine, _ *server.Config) {
		e.effect = fsm.Effect{From: "desktop", To: "compute", Ends: []fsm.Session{session(bob, "user"), session(120, "greeter"), session(nobody, "user")}}
	})
	if _, err := r.as(nobody).SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"}); err != nil {
		t.Error(err)
	}
}

func TestSkippingTheCountdownAsksWhoIsThere(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	for name, test := range map[string]struct {
		there func(context.Context) ([]uint32, error)
		may   bool
	}{
		"only the caller":      {func(context.Context) ([]uint32, error) { return []uint32{nobody}, nil }, true},
		"nobody":               {func(context.Context) ([]uint32, error) { return nil, nil }, true},
		"somebody else":        {func(context.Context) ([]uint32, error) { return []uint32{nobody, bob}, nil }, false},
		"who cannot be seen":   {func(context.Context) ([]uint32, error) { return nil, errors.New("no") }, false},
		"who is not looked at": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			b.Polkit(t, fmt.Sprintf(rules, "switch-mode", "YES", "NO"))
			r := newRigOn(t, b, func(_ *engine, cfg *server.Config) { cfg.Interactive = test.there })
			_, err := r.as(nobody).SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio", Flags: manager1.SkipCountdown})
			if (err == nil) != test.may {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOneUidCannotFillTheJournal(t *testing.T) {
	t.Parallel()
	if got := server.AuditRoom(1000); got != 10 {
		t.Errorf("%d lines", got)
	}
}

// TestACallWithoutAReplyChangesNothing sends every call that changes something
// with NO_REPLY_EXPECTED, as the daemon's own uid, who may do anything.
func TestACallWithoutAReplyChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, cfg *server.Config) {
		cfg.Reload = func(context.Context) error { return e.note("reload") }
	})
	r.engine.set(fsm.State{Mode: "desktop", Open: &fsm.Progress{ID: 7, Phase: fsm.Grace}})
	conn := r.bus.Connect(t)
	args := map[string][]any{"s": {"studio"}, "u": {uint32(7)}, "": {}, "suus": {"studio", uint32(0), uint32(0), ""},
		"sss": {"all", "a", "b"}, "a{sv}": {manager1.Agent{Protocol: 1}.ToMap()}}
	for _, row := range server.Table() {
		if row.Changes {
			conn.Object(manager1.BusName, manager1.Path).Call(row.Interface+"."+row.Member, dbus.FlagNoReplyExpected, args[row.In]...)
		}
	}
	if _, err := r.client().Properties(t.Context()); err != nil {
		t.Fatal(err)
	}
	for r.server.InFlight() > 0 {
		if _, err := r.client().Properties(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if did := r.engine.done(); len(did) > 0 || len(r.server.Agents().Registered()) > 0 || len(r.server.Holds().Holds()) > 0 || slices.Contains(did, "reload") {
		t.Errorf("the engine did %v", did)
	}
}
