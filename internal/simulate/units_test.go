package simulate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/actions"
)

// machine is a fresh one on a directory of its own.
func machine(t *testing.T, dir string) *simulate.Machine {
	t.Helper()
	m, err := simulate.New(simulate.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func command(t *testing.T, m *simulate.Machine, line string) {
	t.Helper()
	if _, err := m.Command(line); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

func start(t *testing.T, m *simulate.Machine, unit, want string) {
	t.Helper()
	if got, err := m.Start(t.Context(), unit); err != nil || got != want {
		t.Fatalf("start %s: got %q, %v; want %q", unit, got, err, want)
	}
}

func stop(t *testing.T, m *simulate.Machine, unit string) {
	t.Helper()
	if got, err := m.Stop(t.Context(), unit); err != nil || got != "done" {
		t.Fatalf("stop %s: got %q, %v", unit, got, err)
	}
}

func active(t *testing.T, m *simulate.Machine, unit, want string) {
	t.Helper()
	s, err := m.State(t.Context(), unit)
	if err != nil || s.Active != want {
		t.Fatalf("%s is %q, %v; want %q", unit, s.Active, err, want)
	}
}

func TestAJobTakesItsTimeAndHasItsEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		began := time.Now()
		stop(t, m, "fstrim.timer")
		active(t, m, "fstrim.timer", "inactive")
		if time.Since(began) == 0 {
			t.Error("the job took no time")
		}
	})
}

func TestATargetTakesItsMembersAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		start(t, m, "moded-studio.target", "done")
		time.Sleep(time.Second)
		active(t, m, "rtirq.service", "active")
		stop(t, m, "moded-studio.target")
		time.Sleep(time.Second)
		active(t, m, "rtirq.service", "inactive")
	})
}

func TestAShutGateMakesAStartDoneAndTheUnitInactive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "deny", "gdm.service"), "")
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, dir)
		stop(t, m, "display-manager.service")
		start(t, m, "display-manager.service", "done")
		s, _ := m.State(t.Context(), "display-manager.service")
		if s.Active != "inactive" || s.ConditionResult || s.ID != "gdm.service" {
			t.Errorf("got %+v", s)
		}
	})
}

func TestAnAIServerNeedsItsFileTakesTheGPUsItIsShownAndIsReadyLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, dir)
		start(t, m, "ai.service", "failed")
		active(t, m, "ai.service", "failed")
		write(t, filepath.Join(dir, "env", "ai.service"), "CUDA_VISIBLE_DEVICES=\"GPU-51aa1b22-0d5e-4a54-8f0e-3a9d0a1b2c3d\"\n")
		start(t, m, "ai.service", "done")
		if err := m.Ready(t.Context(), "http://127.0.0.1:8000/health"); err == nil {
			t.Error("ready before the model is loaded")
		}
		if holds(t, m, 0, "python3") || !holds(t, m, 1, "python3") {
			t.Error("it should hold gpu1 only")
		}
		time.Sleep(3 * time.Second)
		if err := m.Ready(t.Context(), "http://127.0.0.1:8000/health"); err != nil {
			t.Error(err)
		}
		stop(t, m, "ai.service")
		if !holds(t, m, 1, "python3") {
			t.Error("a GPU is let go a while after the stop, not with it")
		}
		time.Sleep(3 * time.Second)
		if holds(t, m, 1, "python3") {
			t.Error("it should have let go of gpu1")
		}
	})
}

func TestAnUnknownUnitIsNotFoundAndCannotStart(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	if s, err := m.State(t.Context(), "nope.service"); err != nil || s.Load != "not-found" {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := m.Start(t.Context(), "nope.service"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("got %v, want ErrNoUnit", err)
	}
}

func TestAFaultLetsAStartFailUntilHealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "fail unit start k3s.service")
		start(t, m, "k3s.service", "failed")
		start(t, m, "k3s.service", "failed")
		command(t, m, "heal")
		start(t, m, "k3s.service", "done")
	})
}

func TestAHungJobEndsForItsCallerAndGoesOnWhenHealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "hang once unit start k3s.service")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := m.Start(ctx, "k3s.service"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		active(t, m, "k3s.service", "activating")
		command(t, m, "heal")
		active(t, m, "k3s.service", "active")
	})
}

func TestAStopCancelsAHungStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "hang unit start k3s.service")
		result := make(chan string)
		go func() { r, _ := m.Start(t.Context(), "k3s.service"); result <- r }()
		synctest.Wait()
		stop(t, m, "k3s.service")
		if got := <-result; got != "canceled" {
			t.Errorf("got %q", got)
		}
	})
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, m *simulate.Machine, gpu int, comm string) bool {
	t.Helper()
	list, err := m.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range list[gpu].Holders {
		if h.Comm == comm {
			return true
		}
	}
	return false
}
