package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

const (
	ctrlC    = "\x03"
	question = "Cancel transition #17? [y/N]"
)

// underWay is a workstation whose switch to compute goes on until it is
// cancelled.
func underWay() *manager1test.Daemon {
	d := workstation()
	d.NextID = 17
	d.Script = func(d *manager1test.Daemon, method string, _ uint32) {
		switch method {
		case manager1.MethodSwitchMode:
			d.Change(func(p *manager1.Properties) {
				p.Mode, p.Target = "transitioning", "compute"
				p.Transition = manager1.Progress{ID: 17, From: "desktop", To: "compute", Phase: manager1.PhaseRunning, Of: 3, NoReturn: 1, Past: true, Started: time.Now()}
			})
			d.Step(17, 0, 3, "vllm/main release", manager1.Doing)
		case manager1.MethodCancel:
			d.Finish(manager1.Record{ID: 17, From: "desktop", To: "compute", Outcome: manager1.Cancelled, Mode: "desktop", Message: "cancelled: by dev"})
		}
	}
	return d
}

func calls(d *manager1test.Daemon, method string) int {
	n := 0
	for _, call := range d.Calls() {
		if call.Method == method {
			n++
		}
	}
	return n
}

func TestCtrlCDuringASwitchAsksAndCancels(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := underWay()
	d.Serve(t, address)
	term := start(t, address, 80, 24, "switch", "compute")
	term.await("the step", has("vllm/main release: doing"))
	term.press(ctrlC)
	lines := term.await("the question", has(question))
	if !has("programs that were closed stay closed")(lines) || has("^C")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	d.Step(17, 0, 3, "vllm/main release", manager1.Done)
	lines = term.await("news above the question", has("vllm/main release: done"))
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	if last := lines[len(lines)-1]; last != question {
		lines = term.await("the question again", func(lines []string) bool { return strings.TrimSpace(lines[len(lines)-1]) == question })
	}
	if n := strings.Count(strings.Join(lines, "\n"), question); n != 1 {
		t.Errorf("the question is there %d times", n)
	}
	term.press("y\n")
	if code := term.end(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	lines = term.screen.text()
	if !has("the switch to compute was cancelled")(lines) || calls(d, manager1.MethodCancel) != 1 {
		t.Errorf("%d calls of Cancel; the screen shows\n%s", calls(d, manager1.MethodCancel), strings.Join(lines, "\n"))
	}
}

func TestWhoSaysNoGoesOnWatchingAndASecondCtrlCLeavesItRunning(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := underWay()
	d.Serve(t, address)
	term := start(t, address, 80, 24, "switch", "compute")
	term.await("the step", has("vllm/main release: doing"))
	term.press(ctrlC)
	term.await("the question", has(question))
	term.press("n\n")
	d.Step(17, 0, 3, "vllm/main release", manager1.Done)
	d.Step(17, 1, 3, "gui release", manager1.Doing)
	term.await("more news", func(lines []string) bool { return strings.Contains(lines[len(lines)-1], "gui release: doing") })
	term.press(ctrlC)
	term.await("the question again", func(lines []string) bool { return strings.Contains(lines[len(lines)-1], question) })
	term.press(ctrlC)
	if code := term.end(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	lines := term.screen.text()
	if !has("transition #17 to compute goes on")(lines) || !has("modectl watch shows how, modectl cancel ends it.")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	if n := calls(d, manager1.MethodCancel); n != 0 {
		t.Errorf("Cancel was called %d times", n)
	}
}

func TestCtrlCBeforeTheSwitchBeginsLeavesTheQuestion(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	p := plan(manager1.Pass, "quiet")
	p.Steps = []manager1.Step{{Name: "gui release", Summary: "end the GUI", Ends: []string{"session 3 of dev"}}}
	d.SetPlan("compute", p)
	d.Serve(t, address)
	term := start(t, address, 80, 24, "switch", "compute")
	term.await("the question", has("Switch to compute? [y/N]"))
	term.press(ctrlC)
	if code := term.end(); code != 130 || calls(d, manager1.MethodSwitchMode) != 0 {
		t.Errorf("exit code %d, %d calls of SwitchMode", code, calls(d, manager1.MethodSwitchMode))
	}
}

func TestADumbTerminalIsAskedInPlainLines(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := underWay()
	d.Serve(t, address)
	term := startWith(t, address, 80, 24, []string{"TERM=dumb", "NO_COLOR="}, "switch", "compute")
	term.await("the step", has("vllm/main release: doing"))
	term.press(ctrlC)
	term.await("the question", has(question))
	term.press("y\n")
	if code := term.end(); code != 1 || calls(d, manager1.MethodCancel) != 1 {
		t.Errorf("exit code %d, %d calls of Cancel", code, calls(d, manager1.MethodCancel))
	}
	if raw := term.raw.String(); strings.Contains(raw, "\x1b") {
		t.Errorf("escapes: %q", raw)
	}
}
