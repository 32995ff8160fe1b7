package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
)

func TestTheDemoIsTrueAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	demo := filepath.Join(dir, "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	temp, err := os.MkdirTemp("", "demo") // not below dir: the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	picture := filepath.Join(dir, "demo.svg")
	cmd := exec.CommandContext(t.Context(), demo, "-bin", bin, "-speed", "10", "-limit", "10m", "-svg", picture)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if strings.Contains(string(out), "\x1b") {
		t.Error("escapes where nobody has a terminal")
	}
	if raw, err := os.ReadFile(picture); err != nil || !strings.Contains(string(raw), "kill -9") {
		t.Errorf("no picture of the story: %v", err)
	}
}

func TestToComputeAndBack(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.whole("desktop")
	p.reach("compute")
	p.whole("compute")
	m := p.machine()
	if m.has("3") || m.Units["ai.service"].Env["CUDA_VISIBLE_DEVICES"] == "" {
		t.Errorf("got %+v", m)
	}
	for i, g := range m.GPUs {
		if len(g.Holders) != 1 || g.Holders[0].Comm != "python3" {
			t.Errorf("gpu%d is held by %+v", i, g.Holders)
		}
	}
	p.reach("desktop")
	p.whole("desktop")
	p.reach("studio")
	p.whole("studio")
}

func TestEveryReasonOfARefusalIsNamed(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, line := range []string{"take start", "gpu hold gpu1 blender", "load 31"} {
		p.simulate(line)
	}
	said := p.modectl(3, "switch", "compute", "--yes")
	for _, want := range []string{"audio-idle", "REAPER", "gpu-free", "blender", "cpu-load", "stays in desktop mode"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	p.whole("desktop")
	for _, line := range []string{"take stop", "gpu release gpu1", "load 1"} {
		p.simulate(line)
	}
	p.calm()
	p.reach("compute")
}

func TestEyesThatSeeNothingDeny(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.simulate("fail look audio")
	said := p.modectl(3, "switch", "compute", "--yes")
	if !strings.Contains(said, "unknown") {
		t.Errorf("not said to be unknown:\n%s", said)
	}
}

func TestAnAIServerThatDoesNotStartBringsTheDesktopBack(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.simulate("fail unit start ai.service")
	r := p.finished(p.request("compute"), manager1.RolledBack)
	if len(r.Lost) != 1 || !strings.Contains(r.Lost[0], "session 3") || !strings.Contains(r.Message, "ai.service") {
		t.Errorf("lost %q, message %q", r.Lost, r.Message)
	}
	p.settles("desktop")
	p.whole("desktop")
}

func TestStudioToComputeIsNoEdge(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.reach("studio")
	_, err := p.client.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	if !manager1.Is(err, manager1.ErrNotAllowed) || !strings.Contains(err.Error(), "desktop") {
		t.Errorf("got %v", err)
	}
}

func TestGraceCanBeCancelledAndNothingWasTouched(t *testing.T) {
	t.Parallel()
	p := open(t)
	before := p.machine().Units["moded-desktop.target"]
	id, err := p.client.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	if err != nil {
		t.Fatal(err)
	}
	p.await("grace", func(e manager1.Event) bool {
		return e.Properties != nil && e.Properties.Transition.Phase == manager1.PhaseGrace
	})
	if _, err := p.client.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio"}); !manager1.Is(err, manager1.ErrBusy) {
		t.Errorf("got %v, want busy", err)
	}
	if err := p.client.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	p.finished(id, manager1.Cancelled)
	p.whole("desktop")
	if after := p.machine().Units["moded-desktop.target"]; after.Active != before.Active {
		t.Errorf("the target is %s", after.Active)
	}
}

func TestALoginDuringGraceEndsNobodysSession(t *testing.T) {
	t.Parallel()
	p := open(t)
	id, err := p.client.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "compute"})
	if err != nil {
		t.Fatal(err)
	}
	p.simulate("login guest")
	p.finished(id, manager1.Refused)
	if m := p.machine(); !m.has("3") || !m.has("4") {
		t.Errorf("got %+v", m.Sessions)
	}
	p.whole("desktop")
}

func TestAModeThatNobodyConfirmsIsUndone(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.modectl(0, "switch", "studio", "--confirm", "5s")
	p.settles("desktop")
	p.whole("desktop")
	p.modectl(0, "switch", "studio", "--confirm", "1m")
	p.modectl(0, "confirm")
	p.settles("studio")
}

func TestARebootMakesTheLedgerHistory(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.reach("studio")
	p.simulate("boot")
	p.crash()
	p.settles("desktop")
	p.whole("desktop")
}
