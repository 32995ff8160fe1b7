package actions_test

import (
	"testing"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

const (
	background = "background.slice"
	quiet      = fsm.Value(`{"cpu-weight":10}`)
)

// Who moves a knob that agents keep is told, and what is asked for again is done
// again.
func TestWhatTheUserChangedIsDriftAndIsOrderedAgain(t *testing.T) {
	t.Parallel()
	realtime := fsm.Value(`{"quantum":64,"rate":48000,"state":"realtime"}`)
	for name, c := range map[string]struct {
		kind, key string
		want      fsm.Value
		change    func(m *actionstest.Machine)
	}{
		"a slice":   {"user-slices", background, quiet, func(m *actionstest.Machine) { m.Slices[1000][background] = `{"cpu-weight":500}` }},
		"a quantum": {"audio", "", realtime, func(m *actionstest.Machine) { m.Audio[1000] = `{"state":"on","quantum":1024}` }},
		"a graph": {"audio", "", realtime, func(m *actionstest.Machine) {
			m.Audio[1000] = `{"state":"realtime","quantum":64,"rate":48000,"measured":1024}`
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			a := actions.New(m.Hands())[c.kind]
			for _, step := range []func(){func() {}, func() { c.change(m) }} {
				m.Look(step)
				if ok, err := a.Settled(t.Context(), c.key, c.want); ok || err != nil {
					t.Errorf("settled %v, %v", ok, err)
				}
				if err := a.Do(t.Context(), c.key, c.want); err != nil {
					t.Fatal(err)
				}
				if ok, err := a.Settled(t.Context(), c.key, c.want); !ok || err != nil {
					t.Errorf("settled %v, %v", ok, err)
				}
			}
		})
	}
}

// The daemon was restarted: its standing orders are gone, what the agents keep is
// not.
func TestUserSlicesAreRecognisedAndTheirOrderIsResumed(t *testing.T) {
	t.Parallel()
	m := workstation()
	a := actions.New(m.Hands())["user-slices"]
	adopter := a.(fsm.Adopter)
	if ok, err := adopter.Resembles(t.Context(), background, quiet); ok || err != nil {
		t.Errorf("resembles %v, %v", ok, err)
	}
	if err := a.Do(t.Context(), background, quiet); err != nil {
		t.Fatal(err)
	}
	m.Look(func() { clear(m.Orders) })
	if ok, err := adopter.Resembles(t.Context(), background, quiet); !ok || err != nil {
		t.Errorf("resembles %v, %v", ok, err)
	}
	a.(fsm.Resumer).Resume(background, quiet)
	if ok, err := a.Settled(t.Context(), background, quiet); !ok || err != nil || m.Orders["slices/"+background] != quiet {
		t.Errorf("settled %v, %v; the orders are %v", ok, err, m.Orders)
	}
}

// The agents remember what was there before, so that an undo reaches those too
// who came after the capture.
func TestUndoReachesUsersWhoCameLater(t *testing.T) {
	t.Parallel()
	m := workstation()
	a := actions.New(m.Hands())["user-slices"]
	was, err := a.Capture(t.Context(), background, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Do(t.Context(), background, quiet); err != nil {
		t.Fatal(err)
	}
	m.Look(func() {
		m.Audio[1001] = `{"state":"on"}`
		m.Slices[1001] = map[string]fsm.Value{background: quiet}
	})
	if err := a.Undo(t.Context(), background, was); err != nil {
		t.Fatal(err)
	}
	if len(m.Slices[1000])+len(m.Slices[1001]) != 0 || len(m.Orders) != 0 {
		t.Errorf("slices %v, orders %v", m.Slices, m.Orders)
	}
}
