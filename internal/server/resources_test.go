package server_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

var seenAt = time.UnixMicro(1790000000000000)

// busyMachine has something in each part that Resources shows.
func busyMachine() *facts.Facts {
	f := facts.Unseen("")
	f.At = seenAt
	f.Load = facts.Load{Part: facts.Part{At: seenAt}, CPUs: 32, IO: &facts.Pressure{Avg10: 7.5}}
	f.GPUs.List = []facts.GPU{
		{PCI: "0000:01:00.0", Connected: true, BusyPercent: -1, Unmeasured: "the driver has no counters", Temperature: 61,
			Instances: []facts.Instance{{UUID: "MIG-1", MemoryTotal: 10}},
			Holders:   []facts.Holder{{PID: 7, Comm: "evil\x1b[2J", User: "dev", UID: 1000, Memory: 5 << 30, Compute: true, Pod: "ml/train-0", Instance: "MIG-1"}}},
		{PCI: "0000:02:00.0", BusyPercent: -1, Settings: &facts.GPUSettings{Part: facts.Part{At: seenAt}, ComputeMode: "default",
			PowerLimit: 1, PowerDefault: 2, PowerMin: 3, PowerMax: 4, Persistence: new(bool), MIG: "on", MIGPending: "off", Parts: []string{"1g.5gb"}}},
	}
	f.Audio.Users = []facts.AudioUser{{UID: 1000, User: "dev", Running: true, Recording: 1, Quantum: 64}}
	f.Process.Audio = []facts.AudioServer{
		{UID: 1000, Server: "pipewire"}, {UID: 1001, User: "ann", Server: "pipewire"},
		{UID: 1002, User: "bob", Server: "jackd", Clients: []string{"ardour"}},
		{UID: 1003, User: "eve", Server: "jackd", Part: facts.Part{Unknown: "no permission"}},
	}
	f.Sessions.List = []facts.Session{{ID: "3", UID: 1000, User: "dev", Idle: true, IdleSince: seenAt}}
	f.Jobs.Total = 200
	f.Jobs.List = []facts.Job{{Process: facts.Process{PID: 9, Comm: "make", User: "dev"}, CPUPercent: 310, Age: 90 * time.Second, Build: "driver", Foreground: true, TTY: "pts/3"}}
	f.Jobs.Locks = []facts.Lock{{Manager: "apt", Holder: facts.Process{PID: 10, Comm: "apt-get"}}}
	f.Inhibitors.List = []facts.Inhibitor{{What: []string{"sleep"}, Who: "borg\x1b]0;x", Why: "backup", Mode: "block"}}
	f.Holds.List = []facts.Hold{{Scope: "all", Who: "render", Why: "film", User: "dev", Since: seenAt}}
	f.Web.List = []facts.DAW{{URL: "http://127.0.0.1:8080", State: "recording", Armed: 2}}
	f.VLLM.List = []facts.VLLMServer{{Name: "main", Unit: "ai.service", Active: "active", Models: []string{"m"}, Running: 3, Waiting: 4}}
	f.Pods.Unit, f.Pods.Node, f.Pods.Unschedulable = "k3s.service", "box", true
	f.Pods.List = []facts.Pod{{Namespace: "ml", Name: "train-0", Phase: "Running", Owner: "Job", GPUs: 1}}
	f.Power = facts.Power{Mains: true, Battery: -1}
	f.Memory.Part = facts.Part{Unknown: "no answer", At: seenAt}
	f.Units.Part = facts.Part{Unknown: facts.NotAsked}
	return f
}

func resources(t *testing.T) manager1.Resources {
	t.Helper()
	r := newRig(t, func(_ *engine, cfg *server.Config) {
		cfg.Resources = func(context.Context) (*facts.Facts, error) { return busyMachine(), nil }
	})
	res, err := r.client().Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestResourcesHaveAllThatTheEyesSee(t *testing.T) {
	t.Parallel()
	r := resources(t)
	g := r.GPUs[0]
	if g.Temperature != 61 || g.Unmeasured != "the driver has no counters" || !g.Connected || g.Instances[0].UUID != "MIG-1" {
		t.Errorf("got %+v", g)
	}
	if h := g.Holders[0]; h.Memory != 5<<30 || !h.Compute || h.Pod != "ml/train-0" || h.Instance != "MIG-1" || h.Comm != "evil?[2J" {
		t.Errorf("got %+v", h)
	}
	if r.GPUs[1].Unmeasured == "" {
		t.Error("a use that nobody measured reads 0 %")
	}
	if r.PSIIO != 7.5 || !r.Mains || r.BatteryPercent != -1 || r.JobsTotal != 200 || !r.Unschedulable || r.K3sUnit != "k3s.service" {
		t.Errorf("got %+v", r)
	}
	if j := r.Jobs[0]; j.Comm != "make" || j.CPUPercent != 310 || j.AgeS != 90 || j.Build != "driver" || !j.Foreground || j.TTY != "pts/3" {
		t.Errorf("got %+v", j)
	}
	if l := r.Locks[0]; l.Manager != "apt" || l.PID != 10 {
		t.Errorf("got %+v", l)
	}
	if i := r.Inhibitors[0]; i.Who != "borg?]0;x" || i.Mode != "block" || i.What[0] != "sleep" {
		t.Errorf("got %+v", i)
	}
	if h := r.Holds[0]; h.Scope != "all" || h.Who != "render" || !h.Since.Equal(seenAt) {
		t.Errorf("got %+v", h)
	}
	if d, v, p := r.DAWs[0], r.VLLM[0], r.Pods[0]; d.Armed != 2 || v.VLLM != "main" || v.Running != 3 || v.Waiting != 4 || p.Pod != "train-0" || p.GPUs != 1 {
		t.Errorf("got %+v, %+v, %+v", d, v, p)
	}
	if s := r.Sessions[0]; !s.Idle || !s.IdleSince.Equal(seenAt) {
		t.Errorf("got %+v", s)
	}
}

func TestAudioThatNobodySpeaksForIsUnknown(t *testing.T) {
	t.Parallel()
	var got []string
	for _, u := range resources(t).Audio {
		got = append(got, u.User+" "+u.State+" "+u.Unknown)
	}
	want := []string{"dev running ", "ann unknown PipeWire runs and no moded-agent reports of it", "bob running ", "eve unknown the clients of jackd: no permission"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestResourcesSayWhatWasSeenWhen(t *testing.T) {
	t.Parallel()
	r := resources(t)
	parts := map[string]manager1.Part{}
	for _, p := range r.Parts {
		parts[p.Part] = p
	}
	if !parts["load"].At.Equal(seenAt) || parts["memory"].Unknown != "no answer" {
		t.Errorf("got %+v", r.Parts)
	}
	if _, there := parts["units"]; there {
		t.Error("a part is listed that nobody asked for")
	}
}

func TestTheFactsOfATransitionAndOfNowAreWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(e *engine, cfg *server.Config) {
		cfg.Resources = func(context.Context) (*facts.Facts, error) { return busyMachine(), nil }
		e.log = []fsm.Transition{{ID: 4, Facts: busyMachine().Record()}}
	})
	c := r.client()
	rec, err := c.GetTransition(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"transition": rec.Facts, "resources": res.Facts} {
		var f facts.Facts
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !f.At.Equal(seenAt) || f.Jobs.List[0].Comm != "make" || f.Load.IO.Avg10 != 7.5 || f.Holds.List[0].Who != "render" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func TestWhatDriversAreSetToIsShownWithItsAge(t *testing.T) {
	t.Parallel()
	gpus := resources(t).GPUs
	if s := gpus[0].GPUSettings; !s.SettingsAt.IsZero() || s.ComputeMode != "" || s.Persistence != "" {
		t.Errorf("nobody has asked the first: %+v", s)
	}
	want := manager1.GPUSettings{SettingsAt: seenAt, ComputeMode: "default", PowerLimit: 1, PowerDefault: 2, PowerMin: 3, PowerMax: 4,
		Persistence: "off", MIG: "on", MIGPending: "off", MIGParts: []string{"1g.5gb"}}
	if diff := cmp.Diff(want, gpus[1].GPUSettings); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
