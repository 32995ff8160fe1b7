package e2e_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/test/e2e/stage"
)

// enforced leads out of studio as soon as it makes no sense any more.
const enforced = `
[[edges]]
event = "enforced_exit"
from = "studio"
to = "desktop"
triggers = ["studio-user-gone", "pipewire-gone", "memory-pressure"]
`

// openWith is open with more in the simulated machine's configuration.
func openWith(t *testing.T, change func(config string) string) *play {
	t.Helper()
	file := filepath.Join(t.TempDir(), "moded.toml")
	if err := os.WriteFile(file, []byte(change(string(simulate.Config()))), 0o600); err != nil {
		t.Fatal(err)
	}
	p := bareWith(t, stage.Options{Bin: bin, Speed: 20, Config: []string{file}})
	p.start()
	p.settles("desktop")
	return p
}

// degraded waits until Degraded has the line, or has it no longer.
func (p *play) degraded(line string, there bool) {
	p.t.Helper()
	for {
		now, err := p.client.Properties(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.Contains(strings.Join(now.Degraded, "\n"), line) == there {
			return
		}
		p.await("Degraded to change", func(manager1.Event) bool { return true })
	}
}

func TestWhatSomebodyMovesIsToldAndForgottenWhenItIsMended(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.reach("studio")
	const line = "units/fstrim.timer differs from studio"
	for range 2 {
		begun := time.Now()
		p.simulate("unit start fstrim.timer")
		p.degraded(line, true)
		t.Logf("told after %s", time.Since(begun).Round(time.Millisecond))
		p.simulate("unit stop fstrim.timer")
		p.degraded(line, false)
	}
	if p.machine().Units["fstrim.timer"].Active != "inactive" {
		t.Error("the timer runs")
	}
}

func TestWhatSomebodyMovesIsPutBackWhenAskedFor(t *testing.T) {
	t.Parallel()
	p := openWith(t, func(c string) string { return strings.Replace(c, `"report"`, `"correct"`, 1) })
	p.reach("studio")
	p.simulate("unit start fstrim.timer")
	e := p.await("the end of a correction", func(e manager1.Event) bool { return e.Kind == manager1.EventTransitionFinished })
	p.whole("studio")
	r, err := p.client.GetTransition(t.Context(), e.ID)
	if err != nil || r.Trigger != "drift" || r.Outcome != manager1.Settled || r.From != "studio" || r.To != "studio" {
		t.Errorf("%+v, %v", r, err)
	}
	if got := p.machine().Units["fstrim.timer"].Active; got != "inactive" {
		t.Errorf("the timer is %s", got)
	}
	if said := p.modectl(0, "history"); !strings.Contains(said, "began by itself: drift of units/fstrim.timer") {
		t.Errorf("history says:\n%s", said)
	}
}

// leaves waits until the machine leaves the mode. An agent that was given its orders
// when the mode had settled may take back what the command did: it is said again.
func (p *play) leaves(mode, command string) {
	p.t.Helper()
	late, again := time.After(patience), time.NewTicker(time.Second)
	defer again.Stop()
	for {
		now, err := p.client.Properties(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if now.Mode != mode || now.Transition.Phase == manager1.PhaseRunning {
			return
		}
		select {
		case <-p.events:
		case <-again.C:
			_, _ = p.Simulate(command) // it may be so already
		case <-late:
			p.t.Fatalf("still in %s after %s: %+v", mode, patience, now)
		}
	}
}

func TestStudioIsLeftByItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ command, trigger string }{
		"the musician leaves":  {"logout 3", "studio-user-gone"},
		"PipeWire is gone":     {"pipewire stop dev", "pipewire-gone"},
		"memory becomes short": {"pressure on", "memory-pressure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openWith(t, func(c string) string { return c + enforced })
			p.reach("studio")
			for p.machine().Units["moded-pressure.service"].Active != "active" && t.Context().Err() == nil {
				runtime.Gosched()
			}
			p.calm() // no agent still does as it was told
			p.simulate(c.command)
			p.leaves("studio", c.command)
			p.settles("desktop")
			r, err := p.client.GetTransition(t.Context(), 0)
			if err != nil || r.Trigger != c.trigger || r.Event != "enforced_exit" || r.RequesterUID != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
