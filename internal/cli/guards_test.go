package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// crowded is a plan with verdicts of all outcomes, in no order.
func crowded() manager1.Plan {
	busy := manager1.Verdict{Guard: "gpu-idle", Kind: "gpu", Outcome: "deny", Code: "gpu-busy", Summary: "gpu1 is 82 % busy", Measured: "82 %", Limit: "20 %", Remedy: "end python3, or wait until it is done", Overridable: true}
	for i := range uint32(5) {
		busy.Culprits = append(busy.Culprits, manager1.Culprit{Kind: "process", Comm: "py\x1b[2J\u202ethon3", PID: 100 + i, User: "ann", Detail: "82 % of gpu1"})
	}
	measured := passes("memory-floor", "memory", "there is enough memory")
	measured.Measured, measured.Limit = "103.0 GiB available", "4.0 GiB"
	held := manager1.Verdict{Guard: "holds", Kind: "holds", Outcome: "deny", Code: "held", Summary: "dev holds the mode", Remedy: "wait, or ask dev to end it; modectl holds lists them all; root may use --force",
		Culprits: []manager1.Culprit{{Kind: "hold", Client: "render", User: "dev", Detail: "the film"}}}
	warn := manager1.Verdict{Guard: "cpu-load", Kind: "load", Outcome: "warn", Code: "load-unknown", Summary: "cannot see the load: moded-probe did not answer in time", Remedy: "see what moded-probe says: journalctl -u moded-probe", Overridable: true}
	return manager1.Plan{Verdicts: []manager1.Verdict{measured, warn, recording(), busy, passes("evening", "time-window", "it is late enough"), held, blind()}}
}

func crowdedMachine() *manager1test.Daemon {
	return with(func(d *manager1test.Daemon) { d.Plans["compute"] = crowded() })()
}

func TestGuardsAreReadAtAGlance(t *testing.T) {
	t.Parallel()
	nowhere := with(func(d *manager1test.Daemon) { d.Modes = d.Modes[:1] })
	playAll(t, []scene{
		{name: "guards in colour", daemon: crowdedMachine, args: "guards compute", tty: true, width: 120},
		{name: "guards at 60 columns", daemon: crowdedMachine, args: "guards compute", tty: true, width: 60, env: map[string]string{"NO_COLOR": "1"}},
		{name: "guards at 80 columns", daemon: crowdedMachine, args: "guards compute", tty: true, width: 80, env: map[string]string{"NO_COLOR": "1"}},
		{name: "guards at 120 columns", daemon: crowdedMachine, args: "guards compute", tty: true, width: 120, env: map[string]string{"NO_COLOR": "1"}},
		{name: "guards in an ASCII locale", daemon: crowdedMachine, args: "guards compute", env: map[string]string{"LC_ALL": "C"}},
		{name: "guards with no way", daemon: nowhere, args: "guards"},
		{name: "guards with flags that do not go together", args: "guards compute --watch --facts x"},
		{name: "guards from nowhere", args: "guards compute --from desktop"},
		{name: "guards too often", args: "guards --watch --interval 500ms"},
		{name: "guards at intervals", args: "guards --interval 5s"},
		{name: "guards of facts and no mode", args: "guards --facts x"},
	})
}

func TestATableFitsItsTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 120} {
		r := play(t, scene{daemon: crowdedMachine, args: "guards compute", tty: true, width: width, env: map[string]string{"NO_COLOR": "1"}})
		for line := range strings.Lines(r.stdout) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("%d columns: %q has %d", width, line, n)
			}
		}
	}
}

// quiet is the machine with one guard on the way to compute.
func quiet() manager1.Plan {
	return manager1.Plan{Allowed: true, Verdicts: []manager1.Verdict{passes("audio-idle", "audio", "nobody plays or records")}}
}

func noisy() manager1.Plan { return manager1.Plan{Verdicts: []manager1.Verdict{recording(), blind()}} }

// takesHold changes a property that comes with other verdicts.
func takesHold(p *manager1.Properties) { p.Holds++ }

func TestWatchingPrintsALineForEachChange(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = quiet() })()
	s := scene{
		name: "guards watched through a pipe", daemon: func() *manager1test.Daemon { return d }, args: "guards compute --watch --interval 1h",
		once: "audio-idle: pass", after: func(*testing.T, string) {
			d.Change(func(p *manager1.Properties) { p.Degraded = []string{"no change of a verdict"} })
			d.SetPlan("compute", noisy())
			d.Change(takesHold)
		},
		until: "gpu-free: unknown",
	}
	golden(t, s, play(t, s))
	if n := len(d.Calls()); n != 2 {
		t.Errorf("moded was asked %d times", n)
	}
}

func TestWatchingAsksByItself(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = noisy() })()
	r := play(t, scene{
		daemon: func() *manager1test.Daemon { return d }, args: "guards compute --watch --interval 1s",
		once: "gpu-free", after: func(*testing.T, string) { d.SetPlan("compute", quiet()) },
		until: "gpu-free: unknown -> gone",
	})
	if r.code != 0 || !strings.Contains(r.stdout, "12:00:00 audio-idle: deny -> pass: nobody plays or records\n") {
		t.Errorf("exit code %d:\n%s", r.code, r.stdout)
	}
}

func TestWatchingAsJSONIsAnObjectInALine(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = quiet() })()
	r := play(t, scene{
		daemon: func() *manager1test.Daemon { return d }, args: "guards --watch --json", tty: true, width: 80,
		once: `"asked"`, after: func(*testing.T, string) {
			d.SetPlan("compute", noisy())
			d.Change(takesHold)
		},
		until: "gpu-free",
	})
	var got []string
	for line := range strings.Lines(r.stdout) {
		var c struct {
			Time, Kind, Mode, Guard, From, To string
			Modes                             []string
			Verdict                           *manager1.Verdict
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil || c.Time != "2026-11-23T12:00:00Z" {
			t.Fatalf("%q: %v", line, err)
		}
		if c.Kind == "verdict" && (c.Verdict == nil || c.Verdict.Outcome != c.To || c.Verdict.Guard != c.Guard) {
			t.Errorf("%q: its verdict is another", line)
		}
		got = append(got, strings.Join([]string{c.Kind, c.Mode, c.Guard, c.From, c.To, strings.Join(c.Modes, " ")}, "|"))
	}
	want := []string{"verdict|compute|audio-idle||pass|", "asked|||||studio compute", "verdict|compute|audio-idle|pass|deny|", "verdict|compute|gpu-free||unknown|"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestWatchingOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = quiet() })()
	s := scene{
		name: "guards watched over a restart", daemon: func() *manager1test.Daemon { return d }, args: "guards compute --watch --interval 1h",
		once: "audio-idle", after: func(t *testing.T, address string) {
			d.Stop()
			back := with(func(d *manager1test.Daemon) { d.Plans["compute"] = noisy() })()
			back.Serve(t, address)
		},
		until: "gpu-free",
	}
	golden(t, s, play(t, s))
}

func TestWatchingWaitsForADaemonThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	s := scene{
		name: "guards watched before the start", args: "guards compute --watch",
		once: "waiting for it", after: func(t *testing.T, address string) { machine().Serve(t, address) },
		until: "cpu-load",
	}
	golden(t, s, play(t, s))
}

func TestWatchingAModeThatIsNotThereEndsAtOnce(t *testing.T) {
	t.Parallel()
	playAll(t, []scene{{name: "guards watched of an unknown mode", daemon: machine, args: "guards nonsense --watch"}})
}

func TestWatchingFollowsTheMode(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = quiet() })()
	s := scene{
		name: "guards watched over a switch", daemon: func() *manager1test.Daemon { return d }, args: "guards --watch --interval 1h",
		once: "audio-idle", after: func(*testing.T, string) {
			d.SetPlan("desktop", manager1.Plan{Allowed: true, Verdicts: []manager1.Verdict{passes("memory", "memory", "there is enough memory")}})
			d.SetModes([]manager1.ModeInfo{{Mode: "desktop", Reachable: true, Way: []string{"desktop"}}})
			d.Change(func(p *manager1.Properties) { p.Mode = "compute" })
		},
		until: "asking about",
	}
	golden(t, s, play(t, s))
}

func TestAFailedQuestionIsSaidOnceAndAskedAgain(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = quiet() })()
	r := play(t, scene{
		daemon: func() *manager1test.Daemon { return d }, args: "guards compute --watch --interval 1s",
		once: "audio-idle", after: func(*testing.T, string) {
			d.Fail("Plan", 2, manager1.Errorf(manager1.ErrLimitsExceeded, "too many calls"))
			d.SetPlan("compute", noisy())
			d.Change(takesHold)
		},
		until: "gpu-free",
	})
	if n := strings.Count(r.stdout, "too many calls"); n != 1 || r.code != 0 {
		t.Errorf("exit code %d, said %d times:\n%s", r.code, n, r.stdout)
	}
}

func TestATableIsDrawnInPlace(t *testing.T) {
	t.Parallel()
	d := with(func(d *manager1test.Daemon) { d.Plans["compute"] = noisy() })()
	r := play(t, scene{
		daemon: func() *manager1test.Daemon { return d }, args: "guards compute --watch", tty: true, width: 80, env: map[string]string{"NO_COLOR": "1"},
		once: "gpu-free", after: func(*testing.T, string) {
			d.SetPlan("compute", quiet())
			d.Change(takesHold)
		},
		until: "nobody plays",
	})
	up := fmt.Sprintf("\x1b[%dA", 7) // asked, compute, two guards with what to do, one of them wrapped
	if r.code != 0 || strings.Count(r.stdout, up) != 1 || !strings.HasSuffix(r.stdout, "\r\x1b[J") {
		t.Errorf("exit code %d:\n%q", r.code, r.stdout)
	}
}
