// Package e2e_test holds moded, as it is built and run, against its promises:
// the real binaries on a private bus and a simulated machine.
package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/test/e2e/stage"
)

// bin has the binaries, which are built once.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "moded-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := stage.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 3 * time.Minute

// play is a stage with a daemon and a client that watches it.
type play struct {
	*stage.Stage
	t      *testing.T
	daemon *stage.Daemon
	client *manager1.Client
	events <-chan manager1.Event
	// now are the daemon's properties as of the last event.
	now manager1.Properties
}

// open starts a daemon on a fresh machine and waits until it is in desktop.
func open(t *testing.T) *play {
	t.Helper()
	p := bare(t)
	p.start()
	p.settles("desktop")
	return p
}

// bare is a stage without a daemon.
func bare(t *testing.T) *play {
	t.Helper()
	return bareWith(t, stage.Options{Bin: bin, Speed: 20})
}

func bareWith(t *testing.T, o stage.Options) *play {
	t.Helper()
	s, err := stage.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := &play{Stage: s, t: t}
	t.Cleanup(func() {
		if t.Failed() && p.daemon != nil {
			t.Logf("moded said:\n%s", p.daemon.Said())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if p.client, err = manager1.Dial(s.Bus); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.client.Close() })
	if p.events, err = p.client.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *play) start() {
	p.t.Helper()
	daemon, err := p.Start(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	p.daemon = daemon
}

// crash ends the daemon with SIGKILL and starts it again.
func (p *play) crash() {
	p.t.Helper()
	p.daemon.Kill()
	p.await("the daemon gone", func(e manager1.Event) bool { return e.Kind == manager1.EventVanished })
	p.start()
}

// await returns the event for which said is true.
func (p *play) await(what string, said func(manager1.Event) bool) manager1.Event {
	p.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case e, ok := <-p.events:
			if !ok {
				p.t.Fatal("the bus is lost")
			}
			if e.Properties != nil {
				p.now = *e.Properties
			}
			if said(e) {
				return e
			}
		case <-late.C:
			p.t.Fatalf("waited in vain for %s; last seen: %+v", what, p.now)
		}
	}
}

// settles waits until the machine is in the mode and nothing is under way. It
// asks anew after each event: those in the queue may be old.
func (p *play) settles(mode string) {
	p.t.Helper()
	for settled := false; !settled; {
		now, err := p.client.Properties(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if now.Transition.Phase == manager1.PhaseStuck {
			p.t.Fatalf("stuck: %s", now.Transition.Message)
		}
		p.now, settled = now, now.Mode == mode && !now.Transition.Open()
		if !settled {
			p.await("mode "+mode, func(manager1.Event) bool { return true })
		}
	}
}

// calm waits until nothing happens on the machine any more.
func (p *play) calm() {
	p.t.Helper()
	for len(p.machine().Pending) > 0 && p.t.Context().Err() == nil {
		runtime.Gosched()
	}
}

// finished waits for the end of a transition.
func (p *play) finished(id uint32, outcome string) manager1.Record {
	p.t.Helper()
	e := p.await("the end of the transition", func(e manager1.Event) bool {
		return e.Kind == manager1.EventTransitionFinished && e.ID == id
	})
	r, err := p.client.GetTransition(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	if e.Outcome != outcome || r.Outcome != outcome {
		p.t.Fatalf("ended %s (%s), want %s", e.Outcome, e.Message, outcome)
	}
	return r
}

// request asks for a mode, without a countdown.
func (p *play) request(mode string) uint32 {
	p.t.Helper()
	id, err := p.client.SwitchMode(p.t.Context(), manager1.SwitchRequest{Mode: mode, Flags: manager1.SkipCountdown, Reason: "a test"})
	if err != nil {
		p.t.Fatalf("cannot switch to %s: %v", mode, err)
	}
	return id
}

// reach goes to a mode and waits until it is there.
func (p *play) reach(mode string) {
	p.t.Helper()
	p.finished(p.request(mode), manager1.Settled)
}

func (p *play) simulate(line string) string {
	p.t.Helper()
	reply, err := p.Simulate(line)
	if err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	return reply
}

// modectl runs the real one and returns what it said.
func (p *play) modectl(code int, args ...string) string {
	p.t.Helper()
	out, err := p.Modectl(p.t.Context(), args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	got := 0
	if exit != nil {
		got = exit.ExitCode()
	}
	if got != code {
		p.t.Fatalf("modectl %v: exit code %d, want %d:\n%s", args, got, code, out)
	}
	return string(out)
}

// machine is what the tests look at, told by the machine and not by moded.
type machine struct {
	Units map[string]struct {
		Active string
		Env    map[string]string
	}
	Slices map[string]struct {
		Weight uint64 `json:"cpu-weight"`
	}
	Sessions []struct{ ID, Class, State string }
	GPUs     []struct {
		Holders []struct{ Comm string }
	}
	Pending []json.RawMessage
}

func (p *play) machine() machine {
	p.t.Helper()
	var m machine
	if err := json.Unmarshal([]byte(p.simulate("state")), &m); err != nil {
		p.t.Fatal(err)
	}
	return m
}

// all is what of the machine belongs to a mode.
type all struct {
	DisplayManager, AI, Desktop, Studio, Compute string
	Weight                                       uint64
}

var wholes = map[string]all{
	"desktop": {"active", "inactive", "active", "inactive", "inactive", 100},
	"studio":  {"active", "inactive", "inactive", "active", "inactive", 20},
	"compute": {"inactive", "active", "inactive", "inactive", "active", 400},
}

// whole checks that the machine is all in one mode, by what the machine says
// and by what moded says.
func (p *play) whole(mode string) {
	p.t.Helper()
	p.calm()
	m := p.machine()
	got := all{
		m.Units["gdm.service"].Active, m.Units["ai.service"].Active, m.Units["moded-desktop.target"].Active,
		m.Units["moded-studio.target"].Active, m.Units["moded-compute.target"].Active, m.Slices["system.slice"].Weight,
	}
	if got.AI == "failed" {
		got.AI = "inactive" // at rest, and PID 1 remembers why
	}
	if got != wholes[mode] {
		p.t.Errorf("the machine is not all %s:\ngot  %+v\nwant %+v", mode, got, wholes[mode])
	}
	settings, err := p.client.Verify(p.t.Context())
	if err != nil || len(settings) == 0 {
		p.t.Errorf("cannot verify: %v, %d settings", err, len(settings))
	}
	for _, s := range settings {
		if !s.Settled {
			p.t.Errorf("%s %s does not verify: want %s, have %s %s", s.Kind, s.Key, s.Want, s.Have, s.Error)
		}
	}
}

// has tells whether the session is still there.
func (m machine) has(session string) bool {
	return slices.ContainsFunc(m.Sessions, func(s struct{ ID, Class, State string }) bool { return s.ID == session })
}
