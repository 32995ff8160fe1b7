package simulate_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatPeopleDoIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "idle 3")
		command(t, m, "lock 3")
		if s := m.Sessions(t.Context()).List[0]; !s.Idle || !s.Locked || !s.IdleSince.Equal(time.Now()) {
			t.Errorf("session is %+v", s)
		}
		command(t, m, "active 3")
		command(t, m, "unlock 3")
		if s := m.Sessions(t.Context()).List[0]; s.Idle || s.Locked || !s.IdleSince.IsZero() {
			t.Errorf("session is %+v", s)
		}
		command(t, m, "pipewire stop dev")
		if a := m.Audio(); len(a) != 1 || a[0].UID != 1000 || a[0].Running {
			t.Errorf("audio is %+v", a)
		}
		command(t, m, "pipewire start dev")
		if a := m.Audio(); len(a) != 1 || !a[0].Running {
			t.Errorf("audio is %+v", a)
		}
		for _, line := range []string{"idle", "idle 99", "pipewire stop nobody", "pipewire burn dev", "pressure", "unit start", "unit start nonsense.service", "unit burn vllm.service"} {
			if _, err := m.Command(line); err == nil {
				t.Errorf("%q is taken", line)
			}
		}
	})
}

func TestMemoryIsToldOnlyWhileItIsWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "pressure on")
		if short, err := m.Pressure(t.Context()); short || err == nil {
			t.Errorf("short %v: %v", short, err)
		}
		if err := m.WatchPressure(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if short, err := m.Pressure(t.Context()); !short || err != nil {
			t.Errorf("short %v: %v", short, err)
		}
		command(t, m, "pressure off")
		if short, err := m.Pressure(t.Context()); short || err != nil {
			t.Errorf("short %v: %v", short, err)
		}
		if err := m.WatchPressure(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatIsUnderWayHappensWithoutALookWhenNewsAreWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		var told atomic.Int64
		m.Tell(func() { told.Add(1) })
		synctest.Wait()
		told.Store(0)
		command(t, m, "unit start vllm.service")
		command(t, m, "logout 3")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := told.Load(); n < 4 { // two commands, and what came of them
			t.Errorf("told %d times", n)
		}
		n := told.Load()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if told.Load() != n {
			t.Error("a machine at rest tells of something")
		}
		if got := classes(t, m); got != "4 greeter" {
			t.Errorf("sessions are %s", got)
		}
	})
}
