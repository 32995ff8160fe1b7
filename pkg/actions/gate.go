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
)

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
