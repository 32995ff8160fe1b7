package cli_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/cli"
)

// acts is a script for one transition, whoever asks for it.
type acts func(d *manager1test.Daemon)

// that is the machine whose next switch goes so.
func that(play acts) func() *manager1test.Daemon {
	return with(func(d *manager1test.Daemon) {
		d.Script = func(d *manager1test.Daemon, method string, _ uint32) {
			if method == manager1.MethodSwitchMode {
				begin(d)
				play(d)
			}
		}
	})
}

func begin(d *manager1test.Daemon) {
	d.Change(func(p *manager1.Properties) {
		p.Mode, p.Target = "transitioning", "compute"
		p.Transition = manager1.Progress{
			ID: 17, From: "desktop", To: "compute", Phase: "grace", Of: 5, NoReturn: 1, Deadline: noon.Add(30 * time.Second),
		}
	})
	d.Emit(manager1.SignalTransitionStarted, uint32(17), "desktop", "compute", "")
}

// work does the first n steps.
func work(d *manager1test.Daemon, n int) {
	for i, s := range toCompute().Steps[:n] {
		d.Step(17, uint32(i), 5, s.Name, manager1.Doing)
		d.Step(17, uint32(i), 5, s.Name, manager1.Done)
	}
}

func succeeds(d *manager1test.Daemon) {
	work(d, 5)
	d.Finish(settledRecord(17, "compute"))
}

func failsAtAI(d *manager1test.Daemon) {
	work(d, 3)
	d.Step(17, 3, 5, "units/ai.service acquire", manager1.Doing)
	d.Change(func(p *manager1.Properties) {
		p.Target, p.Transition.Phase, p.Transition.Message = "", manager1.PhaseUndoing, "ai.service is not ready"
	})
	for i := 3; i >= 0; i-- {
		name := toCompute().Steps[i].Name
		d.Step(17, uint32(i), 5, name, manager1.Undoing)
		d.Step(17, uint32(i), 5, name, manager1.Undone)
	}
	d.Finish(rolledBack(17))
}

func getsStuck(d *manager1test.Daemon) {
	work(d, 2)
	r := rolledBack(17)
	r.Outcome, r.Mode, r.Message = "stuck", "transitioning", "session 9 of ann is not in the plan"
	r.Steps[1].Error = "a login came in between"
	d.Finish(r)
}

func isCancelled(d *manager1test.Daemon) {
	r := settledRecord(17, "compute")
	r.Outcome, r.Mode, r.Message = "cancelled", "desktop", "cancelled: by dev"
	d.Finish(r)
}

func isRefusedInGrace(d *manager1test.Daemon) {
	r := refusedRecord(17)
	d.Finish(r)
}

func waits(d *manager1test.Daemon) {
	work(d, 5)
	d.Change(func(p *manager1.Properties) {
		p.Mode, p.Target = "compute", ""
		p.Transition.Phase, p.Transition.Deadline = manager1.PhaseAwaitingConfirm, noon.Add(2*time.Minute)
	})
}

// answers is the machine whose SwitchMode answers an error.
func answers(err *manager1.Error) func() *manager1test.Daemon {
	return with(func(d *manager1test.Daemon) {
		d.Errors = map[string]*manager1.Error{"SwitchMode": err}
		d.Records = append([]manager1.Record{refusedRecord(17)}, d.Records...)
	})
}

// refuses is the machine whose plan says no, and SwitchMode too.
func refuses(err *manager1.Error) func() *manager1test.Daemon {
	return func() *manager1test.Daemon {
		d := answers(err)()
		d.Plans["compute"] = refusedPlan()
		return d
	}
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	no := &manager1.Error{Name: manager1.ErrRefused, Message: "refused as 17:\nREAPER is recording", ID: 17}
	playAll(t, []scene{
		{name: "switch", daemon: that(succeeds), args: "switch compute --yes"},
		{name: "switch on a terminal", daemon: that(succeeds), args: "switch compute", tty: true, width: 80, stdin: "y\n"},
		{name: "switch on a narrow terminal", daemon: that(succeeds), args: "switch compute -y", tty: true, width: 34, env: map[string]string{"NO_COLOR": "1"}},
		{name: "switch as JSON", daemon: that(succeeds), args: "switch compute --yes --json"},
		{name: "switch to where we are", daemon: machine, args: "switch desktop"},
		{name: "switch no", daemon: machine, args: "switch compute", tty: true, width: 80, stdin: "\n"},
		{name: "switch without consent", daemon: machine, args: "switch compute"},
		{name: "switch dry run", daemon: machine, args: "switch studio --dry-run"},
		{name: "switch no wait", daemon: that(succeeds), args: "switch compute --yes --no-wait"},
		{name: "switch rolled back", daemon: that(failsAtAI), args: "switch compute --yes"},
		{name: "switch rolled back on a terminal", daemon: that(failsAtAI), args: "switch compute --yes", tty: true, width: 80},
		{name: "switch stuck", daemon: that(getsStuck), args: "switch compute --yes"},
		{name: "switch cancelled", daemon: that(isCancelled), args: "switch compute --yes"},
		{name: "switch refused in grace", daemon: that(isRefusedInGrace), args: "switch compute --yes"},
		{name: "switch awaiting confirm", daemon: that(waits), args: "switch compute --yes --confirm 2m"},
		{name: "switch refused", daemon: refuses(no), args: "switch compute --yes"},
		{name: "switch refused as JSON", daemon: refuses(no), args: "switch compute --yes --json"},
		{name: "switch refused at the last moment", daemon: answers(no), args: "switch compute --yes"},
		{name: "switch refused, and nobody was asked", daemon: refuses(no), args: "switch compute"},
		{name: "switch refused and not authorised", daemon: refuses(manager1.Errorf(manager1.ErrAccessDenied, "no")), args: "switch compute --yes"},
		{name: "switch not an edge", daemon: answers(manager1.Errorf(manager1.ErrNotAllowed, "studio to compute is not an edge: go through desktop")), args: "switch compute --yes"},
		{name: "switch busy", daemon: answers(manager1.Errorf(manager1.ErrBusy, "transition 9 from desktop to studio is running")), args: "switch compute --yes"},
		{name: "switch while stuck", daemon: answers(manager1.Errorf(manager1.ErrStuck, "transition 9 is stuck")), args: "switch compute --yes"},
		{name: "switch not authorised", daemon: answers(manager1.Errorf(manager1.ErrAccessDenied, "polkit says no")), args: "switch compute --yes"},
		{name: "switch with a long reason", daemon: answers(manager1.Errorf(manager1.ErrInvalidArgument, "the reason is longer than 128 runes")), args: "switch compute --yes"},
		{name: "switch to an unknown mode", daemon: machine, args: "switch nonsense"},
		{name: "switch without a daemon", args: "switch compute"},
	})
}

func TestTheDaemonIsAskedWhatTheFlagsSay(t *testing.T) {
	t.Parallel()
	d := that(succeeds)()
	s := scene{daemon: func() *manager1test.Daemon { return d }, args: "switch compute --yes --force --now --confirm 90s --reason night"}
	if r := play(t, s); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	for _, call := range d.Calls() {
		if call.Method != manager1.MethodSwitchMode {
			continue
		}
		if call.Args[0] != "compute" || call.Args[1] != uint32(3) || call.Args[2] != uint32(90) || call.Args[3] != "night" {
			t.Errorf("SwitchMode was asked %v", call.Args)
		}
	}
}

func TestAPlanIsMadeOnlyWhereSomebodyReadsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		tty  bool
		want bool
	}{
		{"switch compute --yes", false, false},
		{"switch compute --yes --json", false, false},
		{"switch compute --yes", true, true},
		{"switch compute", false, true}, // and asks for consent
	} {
		d := that(succeeds)()
		play(t, scene{daemon: func() *manager1test.Daemon { return d }, args: c.args, tty: c.tty, width: 80})
		planned := slices.ContainsFunc(d.Calls(), func(call manager1test.Call) bool { return call.Method == manager1.MethodPlan })
		if planned != c.want {
			t.Errorf("%s, on a terminal: %v: a plan was made: %v", c.args, c.tty, planned)
		}
	}
}

func TestAnAgentIsStartedOnlyWhenAPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		needed, tty bool
		prompts     int32
		code        int
	}{
		{needed: false, tty: true, prompts: 0},
		{needed: true, tty: true, prompts: 1},
		{needed: true, tty: false, prompts: 0},
	} {
		d := machine()
		d.NeedsPrompt = map[string]bool{"Reload": c.needed}
		r := play(t, scene{daemon: func() *manager1test.Daemon { return d }, args: "reload", tty: c.tty})
		if r.prompts != c.prompts || r.code != c.code {
			t.Errorf("%+v: got %+v", c, r)
		}
	}
}

func TestADaemonThatComesBackTellsHowItWent(t *testing.T) {
	t.Parallel()
	s := scene{name: "switch over a crash", args: "switch compute --yes"}
	back := make(chan struct{})
	s.daemon = that(func(d *manager1test.Daemon) {
		work(d, 3)
		d.Vanish()
		close(back)
	})
	s.after = func(t *testing.T, address string) {
		<-back
		again := machine()
		again.Records = append([]manager1.Record{rolledBack(17)}, again.Records...)
		again.Serve(t, address)
	}
	golden(t, s, play(t, s))
}

func TestADaemonThatComesBackMayStillBeAtIt(t *testing.T) {
	t.Parallel()
	s := scene{name: "switch over a crash, still undoing", args: "switch compute --yes"}
	back := make(chan struct{})
	s.daemon = that(func(d *manager1test.Daemon) {
		work(d, 1)
		d.Vanish()
		close(back)
	})
	s.after = func(t *testing.T, address string) {
		<-back
		again := open(manager1.PhaseUndoing, nil)()
		again.Serve(t, address)
		again.Finish(rolledBack(17))
	}
	r := play(t, s)
	if r.code != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestWaitingHasAnEnd(t *testing.T) {
	t.Parallel()
	playAll(t, []scene{
		{name: "switch timeout", daemon: that(func(*manager1test.Daemon) {}), args: "switch compute --yes --timeout 3s"},
		{name: "switch interrupted", daemon: that(func(*manager1test.Daemon) {}), args: "switch compute --yes", until: "grace period"},
	})
}

func TestNothingIsDrawnOfAStepWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	cli.TickAfterVanishing(cli.Env{
		Stdout: &out, Stderr: &errs, OutTTY: true, Width: 80,
		Getenv: func(string) string { return "" }, Now: func() time.Time { return noon },
	}, manager1.Event{Kind: manager1.EventStepChanged, ID: 17, Total: 3, Step: "gui acquire", Status: manager1.Doing})
	drawn, after, erased := strings.Cut(out.String(), "\r\x1b[K")
	if !strings.Contains(drawn, "gui acquire: doing") || !erased || after != "" {
		t.Errorf("on the terminal is %q", out.String())
	}
	if !strings.Contains(errs.String(), "has left the bus") {
		t.Errorf("nobody is told: %q", errs.String())
	}
}
