package simulate_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

func TestWhatIsUnderWayIsSeen(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	for _, line := range []string{
		"build start", "job start blender 640", "apt start", "inhibit start borg the backup runs", "pod start train-0 2",
		"cordon on", "power battery 55", "take start",
	} {
		command(t, m, line)
	}
	f := look(t, m)
	if len(f.Jobs.List) != 3 || f.Jobs.Total != 3 || f.Jobs.List[0].Comm != "blender" || f.Jobs.List[0].CPUPercent != 640 || f.Jobs.List[0].Slice != "user.slice" {
		t.Errorf("jobs %+v", f.Jobs)
	}
	if l := f.Jobs.Locks; len(l) != 1 || l[0].Manager != "apt" || l[0].Holder.Comm != "apt-get" {
		t.Errorf("locks %+v", l)
	}
	if i := f.Inhibitors.List; len(i) != 1 || i[0].Who != "borg" || i[0].Why != "the backup runs" || i[0].Mode != "block" {
		t.Errorf("inhibitors %+v", i)
	}
	if p := f.Pods; p.Active != "active" || !p.Unschedulable || len(p.List) != 1 || p.List[0].GPUs != 2 || p.Node == "" {
		t.Errorf("pods %+v", p)
	}
	if f.Power.Mains || f.Power.Battery != 55 {
		t.Errorf("power %+v", f.Power)
	}
	if w := f.Web.List; len(w) != 1 || w[0].State != "recording" || w[0].Armed != 1 || w[0].User != "dev" {
		t.Errorf("web %+v", w)
	}
	for _, line := range []string{"build stop", "job stop blender", "apt stop", "inhibit stop borg", "pod stop train-0", "cordon off", "power mains", "take stop", "web off"} {
		command(t, m, line)
	}
	f = look(t, m)
	if n := len(f.Jobs.List) + len(f.Jobs.Locks) + len(f.Inhibitors.List) + len(f.Pods.List) + len(f.Web.List); n != 0 || !f.Power.Mains || f.Pods.Unschedulable {
		t.Errorf("%d things are left: %+v", n, f)
	}
}

func TestEachPartCanBeMadeUnknown(t *testing.T) {
	t.Parallel()
	for _, p := range (&facts.Facts{}).Parts() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			m := machine(t, t.TempDir())
			command(t, m, "fail look "+p.Name)
			for _, seen := range look(t, m).Parts() {
				if seen.Known() == (seen.Name == p.Name) || seen.At.IsZero() {
					t.Errorf("%s reads %q, seen at %v", seen.Name, seen.Unknown, seen.At)
				}
			}
		})
	}
}

func TestABuildEndsWithItsUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, t.TempDir())
		command(t, m, "build start")
		time.Sleep(time.Minute)
		if j := look(t, m).Jobs.List; len(j) != 2 || j[0].Age < time.Minute {
			t.Errorf("jobs %+v", j)
		}
		_ = m.Terminate(t.Context(), "3")
		time.Sleep(3 * time.Second)
		if n := len(look(t, m).Jobs.List); n != 0 {
			t.Errorf("%d jobs outlived their user", n)
		}
		if _, err := m.Command("build start"); err == nil {
			t.Error("somebody builds who is not there")
		}
	})
}

func TestRequestsAreThoseOfAServerThatAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e, m, _ := engine(t, dir)
		defer func() { _ = e.Shutdown(context.Background()) }()
		if _, err := m.Command("requests 3"); err == nil {
			t.Error("a server that is down has requests")
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"}); err != nil {
			t.Fatal(err)
		}
		until(t, e, "compute")
		command(t, m, "requests 3 4")
		for _, s := range look(t, m).VLLM.List {
			if s.Unit == "ai.service" && (s.Running != 3 || s.Waiting != 4 || !s.Generating || !s.Healthy || !s.Known()) {
				t.Errorf("got %+v", s)
			}
			if s.Unit == "vllm.service" && (s.Active != "inactive" || s.Running != 0) {
				t.Errorf("got %+v", s)
			}
		}
	})
}

func TestAServerThatLoadsItsModelDoesNotSayWhatItDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "env", "ai.service"), "A=b\n")
		m := machine(t, dir)
		if _, err := m.Start(t.Context(), "ai.service"); err != nil {
			t.Fatal(err)
		}
		for _, s := range look(t, m).VLLM.List {
			if s.Unit == "ai.service" && s.Known() {
				t.Errorf("got %+v", s)
			}
		}
	})
}

func TestWhatAGuardNamesAndThereIsNotIsSaid(t *testing.T) {
	t.Parallel()
	f := machine(t, t.TempDir()).Look(t.Context(), guards.Needs{
		Processes: []string{"bitwig"}, Units: []string{"gone.service"}, Web: []string{"http://127.0.0.1:9999"},
	}, true)
	if len(f.Process.Names) != 1 || f.Process.Names[0] != "bitwig" {
		t.Errorf("names %q", f.Process.Names)
	}
	if u := f.Units.List[len(f.Units.List)-1]; u.Name != "gone.service" || u.Load != "not-found" {
		t.Errorf("unit %+v", u)
	}
	if w := f.Web.List[len(f.Web.List)-1]; w.URL != "http://127.0.0.1:9999" || w.Known() {
		t.Errorf("web %+v", w)
	}
}

func TestTheGuardsOfItsConfigurationPassOnAFreshMachine(t *testing.T) {
	t.Parallel()
	cfg, err := config.Compile([]config.Source{config.Default(), {Name: "simulate", Text: string(simulate.Config())}})
	if err != nil {
		t.Fatal(err)
	}
	edge, _ := cfg.Catalog.Edge("desktop", "compute", "")
	specs := cfg.Catalog.Guards(edge.Guards)
	for line, want := range map[string]string{
		"state": "", "take start": "audio-idle, reaper-idle", "build start": "no-jobs", "apt start": "no-jobs", "inhibit start borg": "no-jobs",
		"power battery 90": "plugged-in", "load 99": "cpu-load", "gpu hold gpu1": "gpu-free",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			m := machine(t, t.TempDir())
			command(t, m, line)
			ends, _ := m.Graphical(t.Context())
			f := m.Look(t.Context(), guards.NeedsOf(specs), true)
			var refused []string
			for _, v := range guards.Recorded(specs, f, guards.Asked{Ends: ends, Now: f.At.Add(time.Minute)}) {
				if v.Blocks(false) {
					refused = append(refused, v.Guard)
				}
			}
			if got := strings.Join(refused, ", "); got != want {
				t.Errorf("refused by %q, want %q", got, want)
			}
		})
	}
}

func TestBadCommandsAboutWorkAreAnsweredWithWhatThereIs(t *testing.T) {
	t.Parallel()
	m := machine(t, t.TempDir())
	for line, want := range map[string]string{
		"build": "build start", "job": "job start PROGRAM", "job start make x": "no number", "apt now": "apt start",
		"inhibit start": "inhibit start WHO", "web maybe": "web on", "requests": "requests RUNNING", "requests -1": "no number",
		"requests 1": "no AI server", "pod start": "pod start NAME", "pod stop nobody": "no such pod", "pod start p x": "no number",
		"cordon": "cordon on", "power": "power mains", "power battery": "power battery PERCENT", "power battery 101": "no number",
	} {
		if _, err := m.Command(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something with %q", line, err, want)
		}
	}
}
