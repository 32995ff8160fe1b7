package simulate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// nodeOf is the node as the API server tells.
func nodeOf(t *testing.T, m *simulate.Machine) actions.ClusterNode {
	t.Helper()
	n, err := m.Node(t.Context(), actions.ClusterOrder{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheNodeGoesWithTheModes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, _ := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		if n := nodeOf(t, m); !n.Ours || n.Mark.Label != "desktop" {
			t.Errorf("in desktop: %+v", n)
		}
		if _, err := m.Command("pod start train-0 2"); err == nil {
			t.Error("a pod is placed on a cordoned node")
		}
		move(t, e, "compute")
		if n := nodeOf(t, m); n.Unschedulable || n.Mark.Label != "compute" {
			t.Errorf("in compute: %+v", n)
		}
		command(t, m, "pod start train-0 2")
		move(t, e, "desktop")
		if n := nodeOf(t, m); !n.Ours || n.Left != 0 || n.Mark.Label != "desktop" {
			t.Errorf("back in desktop: %+v", n)
		}
	})
}

func TestAPodThatItsBudgetKeepsIsNamedAndTheNodeIsOpenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, b := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		move(t, e, "compute")
		command(t, m, "pod start train-0 2")
		command(t, m, "budget train-0 on")
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"})
		if err != nil {
			t.Fatal(err)
		}
		until(t, e, "compute")
		past, err := b.Get(id)
		if err != nil || past.Outcome != fsm.RolledBack {
			t.Fatalf("%+v, %v", past, err)
		}
		for _, want := range []string{"pod default/train-0", "The disruption budget train-0"} {
			if !strings.Contains(past.Message, want) {
				t.Errorf("%q does not say %q", past.Message, want)
			}
		}
		if n := nodeOf(t, m); n.Unschedulable || n.Left != 1 {
			t.Errorf("after the rollback: %+v", n)
		}
		command(t, m, "budget train-0 off")
		move(t, e, "desktop")
	})
}

func TestAnAPIServerThatHangsCostsK3sAndNotTheWayBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, _ := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		move(t, e, "compute")
		command(t, m, "hang node look workstation")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); !errors.Is(err, fsm.ErrRefused) || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("an essential control plane cannot be had, and %v", err)
		}
		command(t, m, "heal")
		command(t, m, "hang node set workstation")
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "desktop"}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(200*time.Second, func() { _, _ = m.Command("heal") }) // orders that hung go on then
		until(t, e, "compute")
		if s := e.State(); s.Last == nil || s.Last.Outcome != fsm.RolledBack {
			t.Errorf("it ended as %+v", s.Last)
		}
		time.Sleep(time.Minute)
		verified(t, e)
		if n := nodeOf(t, m); n.Unschedulable {
			t.Errorf("after the rollback: %+v", n)
		}
	})
}

// move switches, and waits until the mode is settled and verified.
func move(t *testing.T, e *fsm.Engine, mode string) {
	t.Helper()
	if _, err := e.Switch(t.Context(), fsm.Request{Mode: mode}); err != nil {
		t.Fatal(err)
	}
	until(t, e, mode)
	verified(t, e)
}
