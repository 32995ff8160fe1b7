package actions

import (
	"context"
	"fmt"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// A gate is a drop-in, ConditionPathExists=!/run/moded/deny/%n, that lets a file
// hold a unit down. moded makes and removes the file; without the drop-in it
// holds nobody.

var (
	_ fsm.Adviser = gui{}
	_ fsm.Adviser = k3s{}

	_ fsm.Gatekeeper = gui{}
	_ fsm.Gatekeeper = k3s{}
)

// Gates are those of the display manager, while it is off.
func (g gui) Gates(_ string, want fsm.Value) []string {
	if v, err := decodeGUI(want); err == nil && v.State == "off" {
		return v.Units
	}
	return nil
}

// Gates is the unit's, while it is off.
func (k k3s) Gates(_ string, want fsm.Value) []string {
	if v, err := decodeK3s(want); err == nil && v.State == k3sOff {
		return []string{v.Unit}
	}
	return nil
}

// gates looks at gates and moves them. They are named by the unit's Id; the name
// that errors call the unit by may be an alias.
type gates struct {
	files Files
	jobs  jobs
}

// shut tells whether the gate is.
func (g gates) shut(name, id string) (bool, error) {
	shut, err := g.files.Denied(id)
	if err != nil {
		return false, fmt.Errorf("cannot look at the gate of %s: %w", name, err)
	}
	return shut, nil
}

// set shuts or opens the gate, unless it stands so already.
func (g gates) set(name, id string, shut bool) error {
	if now, err := g.shut(name, id); err != nil || now == shut {
		return err
	}
	if err := g.files.Deny(id, shut); err != nil {
		return fmt.Errorf("cannot move the gate of %s: %w", name, err)
	}
	return nil
}

// move is set for a unit that may not exist, and has no gate then.
func (g gates) move(ctx context.Context, name string, shut bool) error {
	s, err := g.jobs.glance(ctx, name)
	if err != nil || !s.exists() {
		return err
	}
	return g.set(name, s.ID, shut)
}

// gate is the kind gate, which no mode states: a unit that a mode held, on the
// way to one that leaves it to others.
type gate struct{ gates gates }

type gateSnapshot struct {
	ID   string `json:"id"`
	Shut bool   `json:"shut"`
}

// Describe names the unit.
func (g gate) Describe(key string, _ fsm.Value, _ bool) (summary string, details []string) {
	return "let others start " + key, nil
}

// Capture keeps whether the gate is shut.
func (g gate) Capture(ctx context.Context, key string, _ fsm.Value) (fsm.Snapshot, error) {
	was, err := g.look(ctx, key)
	return fsm.NewValue(was), err
}

func (g gate) look(ctx context.Context, key string) (gateSnapshot, error) {
	s, err := g.gates.jobs.state(ctx, key)
	if err != nil {
		return gateSnapshot{}, err
	}
	shut, err := g.gates.shut(key, s.ID)
	return gateSnapshot{ID: s.ID, Shut: shut}, err
}

// Do opens the gate.
func (g gate) Do(ctx context.Context, key string, _ fsm.Value) error {
	now, err := g.look(ctx, key)
	if err != nil || !now.Shut {
		return err
	}
	return g.gates.set(now.ID, now.ID, false)
}

// Undo shuts it again if it was.
func (g gate) Undo(_ context.Context, _ string, was fsm.Snapshot) error {
	var snapshot gateSnapshot
	if err := was.Decode(&snapshot); err != nil || !snapshot.Shut {
		return err
	}
	return g.gates.set(snapshot.ID, snapshot.ID, true)
}

// Settled tells whether it is open.
func (g gate) Settled(ctx context.Context, key string, _ fsm.Value) (bool, error) {
	now, err := g.look(ctx, key)
	return err == nil && !now.Shut, err
}

// Advise tells which units of a GUI that goes off have no gate.
func (g gui) Advise(ctx context.Context, _ string, want fsm.Value) []fsm.Advice {
	v, err := decodeGUI(want)
	if err != nil || v.State != "off" {
		return nil
	}
	return g.jobs.ungated(ctx, v.Units...)
}

// Advise tells that k3s has no gate, and of containers that off leaves running.
func (k k3s) Advise(ctx context.Context, _ string, want fsm.Value) []fsm.Advice {
	v, err := decodeK3s(want)
	if err != nil || v.State != k3sOff {
		return nil
	}
	advice := k.jobs.ungated(ctx, v.Unit)
	if v.Killall == "" {
		advice = append(advice, fsm.Advice{
			Code:    "containers-stay",
			Summary: fmt.Sprintf("containers that are not evicted outlive %s, and keep their GPUs", v.Unit),
			Remedy:  "say killall = \"moded-k3s-off.service\" in [k3s]: it runs k3s-killall.sh",
		})
	}
	return advice
}

// ungated advises to install the gate of each service that exists and has none.
// Targets need none: what they want has its own.
func (j jobs) ungated(ctx context.Context, units ...string) (advice []fsm.Advice) {
	for _, unit := range units {
		s, err := j.state(ctx, unit)
		if err != nil || !s.exists() || s.Gated || !strings.HasSuffix(s.ID, ".service") {
			continue
		}
		advice = append(advice, fsm.Advice{
			Code:    "no-gate",
			Summary: fmt.Sprintf("%s has no gate: a package upgrade or a hand can start it while the mode has it down", s.ID),
			Remedy:  fmt.Sprintf("install moded's examples/gate.conf as /etc/systemd/system/%s.d/50-moded-gate.conf and say systemctl daemon-reload", s.ID),
		})
	}
	return advice
}
