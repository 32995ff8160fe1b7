package eyes_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// house is all sources in one. Its probe takes a while and counts.
type house struct {
	takes  time.Duration
	hangs  bool
	asked  atomic.Int32
	now    atomic.Int32
	most   atomic.Int32
	gpus   facts.GPUs
	silent bool
	q      probe.Question
	mu     sync.Mutex
}

func (h *house) Ask(ctx context.Context, q probe.Question) (probe.Answer, error) {
	h.asked.Add(1)
	h.most.Store(max(h.most.Load(), h.now.Add(1)))
	defer h.now.Add(-1)
	h.mu.Lock()
	h.q = q
	h.mu.Unlock()
	if h.hangs {
		<-ctx.Done()
		return probe.Answer{}, errors.New("moded-probe did not answer in time")
	}
	time.Sleep(h.takes)
	if h.silent {
		return probe.Answer{}, nil
	}
	return probe.Answer{
		Load: &facts.Load{CPUs: 4}, Memory: &facts.Memory{Total: 1}, GPUs: &h.gpus,
		Process: &facts.Processes{Audio: []facts.AudioServer{{UID: 1000, Server: "pipewire"}, {UID: 1000, Server: "jackd"}, {UID: 5000, Server: "pipewire"}}},
	}, nil
}

func (h *house) Audio() []facts.AudioUser { return []facts.AudioUser{{UID: 1000, Running: true}} }

func (h *house) Facts(context.Context) facts.Sessions {
	return facts.Sessions{List: []facts.Session{{ID: "3", UID: 5000, User: "ann"}}}
}

func (h *house) State(_ context.Context, unit string) (actions.UnitState, error) {
	switch unit {
	case "display-manager.service":
		return actions.UnitState{ID: "gdm.service", Load: "loaded", Active: "active"}, nil
	case "gone.service":
		return actions.UnitState{}, actions.ErrNoUnit
	}
	return actions.UnitState{}, errors.New("the bus is gone")
}

func (h *house) eyes() *eyes.Eyes {
	return eyes.New(eyes.Sources{
		Probe: h, Audio: h, Sessions: h, Units: h,
		GPUName: func(g facts.GPU) string { return map[string]string{"0000:01:00.0": "gpu0"}[g.PCI] },
	})
}

func TestEverythingIsCollectedAndNamed(t *testing.T) {
	t.Parallel()
	h := &house{gpus: facts.GPUs{List: []facts.GPU{{PCI: "0000:01:00.0", Holders: []facts.Holder{{PID: 1, UID: 5000}}}}}}
	f := h.eyes().Look(context.Background(), eyes.Everything("display-manager.service", "gone.service"), true)
	for _, p := range []facts.Part{f.Load.Part, f.Memory.Part, f.GPUs.Part, f.Audio.Part, f.Sessions.Part, f.Process.Part, f.Units.Part} {
		if !p.Known() {
			t.Errorf("unknown: %s", p.Unknown)
		}
	}
	if g := f.GPUs.List[0]; g.Name != "gpu0" || g.Holders[0].User != "ann" {
		t.Errorf("got %+v", g)
	}
	if u := f.Units.List; u[0].ID != "gdm.service" || u[1].Load != "not-found" || u[1].Active != "inactive" {
		t.Errorf("got %+v", u)
	}
	if h.q.NVML || !h.q.Usage {
		t.Errorf("a person who looks asked for %+v", h.q)
	}
}

func TestOnlyWhatIsNeededIsAsked(t *testing.T) {
	t.Parallel()
	h := &house{}
	f := h.eyes().Look(context.Background(), guards.Needs{Units: []string{"gone.service"}}, true)
	if h.asked.Load() != 0 || f.Load.Known() || f.Sessions.Known() || !f.Units.Known() {
		t.Errorf("asked %d times: %+v", h.asked.Load(), f)
	}
	if h.eyes().Look(context.Background(), guards.Needs{Audio: true}, true); !h.q.Audio || !h.q.Sound {
		t.Errorf("for audio it asked %+v", h.q)
	}
	h.eyes().Look(context.Background(), guards.Needs{GPU: true, Usage: true, NVML: true, Window: time.Minute}, true)
	if !h.q.NVML || !h.q.GPUs || h.q.Load || h.q.Audio || h.q.Window != time.Minute {
		t.Errorf("asked for %+v", h.q)
	}
}

func TestReadersShareAndASwitchLooksAfresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{takes: 300 * time.Millisecond}
		e := h.eyes()
		load := guards.Needs{Load: true}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { e.Look(t.Context(), load, false) })
		}
		wg.Wait()
		count := func(step string, want int32) {
			t.Helper()
			if n := h.asked.Load(); n != want {
				t.Errorf("%s: the probe was asked %d times, want %d", step, n, want)
			}
		}
		count("fifty readers", 1)
		time.Sleep(900 * time.Millisecond)
		e.Look(t.Context(), load, false)
		count("within a second", 1)
		e.Look(t.Context(), load, true)
		count("a fresh look", 2)
		e.Look(t.Context(), guards.Needs{Memory: true}, false)
		count("another part", 3)
		time.Sleep(1100 * time.Millisecond)
		e.Look(t.Context(), guards.Needs{Memory: true}, false)
		count("after a second", 4)
		if h.most.Load() != 1 {
			t.Errorf("%d collections were under way at once", h.most.Load())
		}
	})
}

func TestALateProbeIsUnknownAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{hangs: true}
		start := time.Now()
		f := h.eyes().Look(t.Context(), eyes.Everything("gone.service"), true)
		if d := time.Since(start); d > 11*time.Second {
			t.Errorf("it took %v", d)
		}
		if f.Load.Known() || f.GPUs.Known() || f.Process.Known() || !f.Units.Known() || !f.Sessions.Known() || !f.Audio.Known() {
			t.Errorf("got %+v", f)
		}
		if !strings.Contains(f.Load.Unknown, "in time") {
			t.Errorf("the reason is %q", f.Load.Unknown)
		}
	})
}

func TestACallerThatLeavesSpoilsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{takes: time.Second}
		e := h.eyes()
		go e.Look(t.Context(), guards.Needs{Load: true}, true)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if f := e.Look(ctx, guards.Needs{Load: true}, true); f.Load.Known() {
			t.Error("who did not wait sees something")
		}
		if f := e.Look(t.Context(), guards.Needs{Load: true}, false); !f.Load.Known() {
			t.Errorf("the next sees nothing: %s", f.Load.Unknown)
		}
	})
}

func TestWithoutSourcesAllIsUnknown(t *testing.T) {
	t.Parallel()
	f := eyes.New(eyes.Sources{}).Look(context.Background(), eyes.Everything("a.service"), false)
	for _, p := range []facts.Part{f.Load.Part, f.Memory.Part, f.GPUs.Part, f.Audio.Part, f.Sessions.Part, f.Process.Part, f.Units.Part} {
		if p.Known() {
			t.Error("a part is known")
		}
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	h := &house{gpus: facts.GPUs{List: []facts.GPU{{PCI: "p", UUID: "u", Connected: true, Holders: []facts.Holder{{PID: 7, Comm: "weston", Graphics: true}}}}}}
	list, err := h.eyes().Devices(context.Background())
	if err != nil || len(list) != 1 || list[0].PCI != "p" || !list[0].Connected || len(list[0].Holders) != 1 || list[0].Holders[0].Comm != "weston" {
		t.Errorf("got %+v, %v", list, err)
	}
	if h.q.Usage || h.q.NVML {
		t.Error("a barrier waits for figures that it does not need")
	}
	h.gpus.Unknown = "the descriptors of 3 processes cannot be read"
	if _, err := h.eyes().Devices(context.Background()); err == nil {
		t.Error("half a list was given out")
	}
	h.silent = true
	if _, err := h.eyes().Devices(context.Background()); err == nil {
		t.Error("silence was taken for an empty list")
	}
}

func TestAudioServers(t *testing.T) {
	t.Parallel()
	h := &house{}
	uids, err := h.eyes().AudioServers(context.Background())
	if h.q.Sound {
		t.Error("a sound card of which nobody knows who uses it would hold up the audio of all")
	}
	if err != nil || len(uids) != 2 || uids[0] != 1000 || uids[1] != 5000 {
		t.Errorf("got %v, %v", uids, err)
	}
	if _, err := (&house{hangs: false, silent: true}).eyes().AudioServers(context.Background()); err == nil {
		t.Error("silence was taken for nobody")
	}
}
