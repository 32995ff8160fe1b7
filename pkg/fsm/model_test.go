package fsm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// modelSteps is how many steps the model is walked in each test run.
const modelSteps = 100_000

// TestTheEngineAgreesWithItsModel drives one engine through random requests,
// faults, cancellations, logins, holds, crashes and restarts, and compares it
// after each step with a model of a few lines: which mode the machine must be in.
func TestTheEngineAgreesWithItsModel(t *testing.T) {
	t.Parallel()
	steps := 0
	// rapid stops after a day, and in a bubble days are short: begin anew.
	for rounds := 0; steps < modelSteps && !t.Failed() && rounds < 100; rounds++ {
		synctest.Test(t, func(t *testing.T) {
			rapid.Check(noDeadline{t}, func(rt *rapid.T) {
				m := &model{t: t, w: newWorld("desktop"), mode: "desktop"}
				m.e = start(t, m.w)
				rt.Repeat(map[string]func(*rapid.T){
					"switch":  m.request,
					"crash":   m.crash,
					"restart": m.restart,
					"login":   m.login,
					"hold":    m.hold,
					"plan":    m.plan,
					"":        func(rt *rapid.T) { steps++; m.check(rt) },
				})
				stop(t, m.e)
			})
		})
	}
	if steps < modelSteps {
		t.Errorf("only %d steps", steps)
	}
}

type model struct {
	t    *testing.T
	w    *fsmtest.World
	e    *fsm.Engine
	mode string
	// scope is the hold's that there is, or empty.
	scope fsm.HoldScope
}

var modeNames = []string{"desktop", "studio", "compute"}

func legalPair(from, to string) bool {
	return from != to && (from == "desktop" || to == "desktop")
}

// request asks for a mode, with a fault, a denial or a cancellation drawn.
func (m *model) request(rt *rapid.T) {
	to := rapid.SampledFrom(modeNames).Draw(rt, "to")
	fate := rapid.SampledFrom([]string{"well", "well", "fault", "deny", "cancel", "panic", "hang"}).Draw(rt, "fate")
	knob := rapid.SampledFrom([]string{"units/a", "units/b", "units/c"}).Draw(rt, "knob")
	req := fsm.Request{Mode: to, Override: rapid.Bool().Draw(rt, "override"),
		UID: rapid.SampledFrom([]uint32{0, 1000}).Draw(rt, "uid"), Trigger: rapid.SampledFrom([]string{"", "idle"}).Draw(rt, "trigger")}
	m.arm(fate, knob)
	id, err := m.e.Switch(m.t.Context(), req)
	if fate == "cancel" && err == nil && id != 0 {
		synctest.Wait()
		if e := m.e.Cancel(m.t.Context(), id, 1000); e != nil && !errors.Is(e, fsm.ErrNotFound) {
			rt.Fatalf("cancel: %v", e)
		}
	}
	settle(m.e)
	m.disarm()
	m.expect(rt, req, fate, id, err)
}

// held tells whether the hold that there is stops the request.
func (m *model) held(req fsm.Request) bool {
	stops := m.scope == fsm.HoldAll || m.scope == fsm.HoldAutomatic && req.Trigger == "idle"
	return stops && (req.UID != 0 || !req.Override)
}

// legal tells whether the law has a way for the request: "idle" only takes the
// edge to compute, and root with override may always go to the default mode.
func (m *model) legal(req fsm.Request) bool {
	switch {
	case req.Override && req.UID == 0 && req.Mode == "desktop":
		return true
	case req.Trigger == "idle":
		return m.mode == "desktop" && req.Mode == "compute"
	}
	return legalPair(m.mode, req.Mode)
}

func (m *model) arm(fate, knob string) {
	switch fate {
	case "fault":
		m.w.Break(knob, "do")
	case "panic":
		m.w.Panics[knob+":do"] = true
	case "hang", "cancel":
		m.w.Hangs[knob+":do"] = true
	case "deny":
		m.w.Answers["calm"] = fsm.Deny
	}
}

func (m *model) disarm() {
	m.w.Mend()
	clear(m.w.Answers)
}

// expect is the model: where must the machine be now?
func (m *model) expect(rt *rapid.T, req fsm.Request, fate string, id uint32, err error) {
	to := req.Mode
	guarded := to != "desktop" // both ways out of desktop ask calm
	switch {
	case to == m.mode:
		if id != 0 || err != nil {
			rt.Fatalf("already in %s, got %d, %v", to, id, err)
		}
	case !m.legal(req):
		if !errors.Is(err, fsm.ErrNotAllowed) {
			rt.Fatalf("%s to %s: got %v", m.mode, to, err)
		}
	case fate == "deny" && guarded && !req.Override, m.held(req):
		if !errors.Is(err, fsm.ErrRefused) {
			rt.Fatalf("denied, got %v", err)
		}
	case err != nil:
		rt.Fatalf("%s to %s: %v", m.mode, to, err)
	case fate == "well" || fate == "deny":
		m.mode = to
	}
}

// crash kills the process at a random tick of a transition and starts the next.
func (m *model) crash(rt *rapid.T) {
	to := rapid.SampledFrom(modeNames).Draw(rt, "to")
	m.w.DieAt(rapid.IntRange(1, 20).Draw(rt, "tick"))
	_, err := m.e.Switch(m.t.Context(), fsm.Request{Mode: to})
	if err == nil {
		settle(m.e)
	}
	stop(m.t, m.e)
	m.w.Revive()
	m.e = start(m.t, m.w)
	settle(m.e)
	if err == nil && m.w.Disk().Mode == to {
		m.mode = to
	}
}

func (m *model) restart(*rapid.T) {
	stop(m.t, m.e)
	m.w.Revive()
	m.e = start(m.t, m.w)
	settle(m.e)
}

// login puts somebody at the machine, where there is a GUI to log in to.
func (m *model) login(rt *rapid.T) {
	if m.mode == "compute" {
		return
	}
	if rapid.Bool().Draw(rt, "there") {
		m.w.SetPeople(dev)
		return
	}
	m.w.SetPeople()
}

// hold puts a hold in the way, or takes it away.
func (m *model) hold(rt *rapid.T) {
	m.scope = rapid.SampledFrom([]fsm.HoldScope{"", fsm.HoldAutomatic, fsm.HoldAll}).Draw(rt, "scope")
	if m.scope == "" {
		m.w.SetHolds()
		return
	}
	m.w.SetHolds(fsm.Hold{Scope: m.scope, UID: 1000})
}

// plan must touch nothing.
func (m *model) plan(rt *rapid.T) {
	to := rapid.SampledFrom(modeNames).Draw(rt, "to")
	m.w.Steps()
	p, err := m.e.Plan(m.t.Context(), fsm.Request{Mode: to})
	if err != nil || len(m.w.Steps()) != 0 {
		rt.Fatalf("plan: %v", err)
	}
	if want := m.mode == to || legalPair(m.mode, to) && m.scope != fsm.HoldAll; p.Allowed != want {
		rt.Fatalf("plan from %s to %s allowed is %v: %+v", m.mode, to, p.Allowed, p.Verdicts)
	}
}

func (m *model) check(rt *rapid.T) {
	s := m.e.State()
	if s.Mode != m.mode || s.Open != nil || s.Target != "" {
		rt.Fatalf("the model says %s, the engine %+v (open %+v)", m.mode, s, s.Open)
	}
	d := m.w.Disk()
	if d.Mode != m.mode || d.Open != nil || d.SafeMode {
		rt.Fatalf("the model says %s, the disk %+v", m.mode, d)
	}
	for id, want := range knobsOf(m.mode) {
		if got := m.w.Get(id); got != want {
			rt.Fatalf("in %s %s is %s", m.mode, id, got)
		}
	}
	time.Sleep(time.Millisecond)
}

// noDeadline hides testing.T's Deadline, which must not be called in a bubble.
type noDeadline struct{ rapid.TB }
