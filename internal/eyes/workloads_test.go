package eyes_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// works is a machine with units, a helper and people's claims.
type works struct {
	states map[string]string
	answer workload.Answer
	err    error
	asked  []workload.Question
}

func (w *works) State(_ context.Context, unit string) (actions.UnitState, error) {
	switch state, ok := w.states[unit]; {
	case !ok:
		return actions.UnitState{}, actions.ErrNoUnit
	case state == "":
		return actions.UnitState{}, errors.New("PID 1 is busy")
	default:
		return actions.UnitState{ID: unit, Load: "loaded", Active: state}, nil
	}
}

func (w *works) Look(_ context.Context, q workload.Question) (workload.Answer, error) {
	w.asked = append(w.asked, q)
	return w.answer, w.err
}

func (w *works) Holds() []facts.Hold { return []facts.Hold{{Who: "backup", UID: 1000}} }

func (w *works) Inhibitors(context.Context) facts.Inhibitors {
	return facts.Inhibitors{List: []facts.Inhibitor{{Who: "dnf", UID: 0}}}
}

func (w *works) look(n guards.Needs) *facts.Facts {
	e := eyes.New(eyes.Sources{Units: w, Workload: w, Holds: w, Inhibitors: w, Workloads: func() eyes.Workloads {
		return eyes.Workloads{K3s: "k3s.service", VLLM: []facts.VLLMServer{
			{Name: "main", Unit: "vllm.service", URL: "http://127.0.0.1:8000"},
			{Name: "small", Unit: "vllm-small.service", URL: "http://127.0.0.1:8001"},
		}}
	}})
	return e.Look(context.Background(), n, true)
}

func TestClaimsAreCollected(t *testing.T) {
	t.Parallel()
	f := (&works{}).look(guards.Needs{Holds: true, Inhibitors: true})
	if !f.Holds.Known() || len(f.Holds.List) != 1 || !f.Inhibitors.Known() || len(f.Inhibitors.List) != 1 {
		t.Errorf("got %+v, %+v", f.Holds, f.Inhibitors)
	}
	f = eyes.New(eyes.Sources{}).Look(context.Background(), guards.Needs{Holds: true, Inhibitors: true, Pods: true, Web: []string{"x"}}, true)
	for _, p := range []facts.Part{f.Holds.Part, f.Inhibitors.Part, f.Web.Part} {
		if p.Known() || p.Unknown == facts.NotAsked {
			t.Errorf("without a source a part is %+v", p)
		}
	}
	if !f.Pods.Known() || f.Pods.Unit != "" {
		t.Errorf("where no cluster is configured there are pods: %+v", f.Pods)
	}
}

func TestAServiceThatIsDownIsNotAsked(t *testing.T) {
	t.Parallel()
	w := &works{states: map[string]string{"vllm.service": "active", "k3s.service": "inactive"},
		answer: workload.Answer{VLLM: &facts.VLLM{List: []facts.VLLMServer{{Name: "main", Running: 2, Healthy: true}}}}}
	f := w.look(guards.Needs{VLLM: true, Pods: true})
	if len(w.asked) != 1 || w.asked[0].Node != "" || len(w.asked[0].VLLM) != 1 {
		t.Fatalf("asked %+v", w.asked)
	}
	if s := f.VLLM.List[0]; s.Running != 2 || s.Active != "active" || s.Unit != "vllm.service" || !s.Known() {
		t.Errorf("the one that runs is %+v", s)
	}
	if s := f.VLLM.List[1]; s.Active != "inactive" || !s.Known() || s.Running != 0 {
		t.Errorf("the one that is not there is %+v", s)
	}
	if !f.Pods.Known() || f.Pods.Active != "inactive" {
		t.Errorf("got %+v", f.Pods)
	}
}

func TestASilentHelperMakesUnknownOnlyWhatItWasAsked(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*works{
		"it fails":          {err: errors.New("refused")},
		"it speaks of less": {answer: workload.Answer{}},
		"of another server": {answer: workload.Answer{VLLM: &facts.VLLM{List: []facts.VLLMServer{{Name: "other"}}}}},
		"of what it cannot": {answer: workload.Answer{VLLM: &facts.VLLM{Part: facts.Part{Unknown: "no network"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.states = map[string]string{"vllm.service": "active", "k3s.service": "active"}
			f := w.look(guards.Needs{VLLM: true, Pods: true, Web: []string{"http://127.0.0.1:8080"}})
			if f.VLLM.List[0].Known() || f.Pods.Known() || f.Web.Known() {
				t.Errorf("believed: %+v, %+v, %+v", f.VLLM.List[0], f.Pods, f.Web)
			}
			if !f.VLLM.List[1].Known() || f.Pods.Active != "active" {
				t.Errorf("lost: %+v, %+v", f.VLLM.List[1], f.Pods)
			}
			if q := w.asked[0]; q.Node != workload.LocalNode || !slices.Equal(q.Web, []string{"http://127.0.0.1:8080"}) {
				t.Errorf("asked %+v", q)
			}
		})
	}
}

func TestAUnitThatIsNotSeenIsUnknown(t *testing.T) {
	t.Parallel()
	w := &works{states: map[string]string{"vllm.service": "", "k3s.service": ""}}
	f := w.look(guards.Needs{VLLM: true, Pods: true})
	if f.VLLM.List[0].Known() || f.Pods.Known() || len(w.asked) != 0 {
		t.Errorf("got %+v, %+v, asked %v", f.VLLM.List[0], f.Pods, w.asked)
	}
}

func TestHoldersAreNamedByTheirPods(t *testing.T) {
	t.Parallel()
	h := &house{gpus: facts.GPUs{List: []facts.GPU{{PCI: "0000:01:00.0", Holders: []facts.Holder{{PID: 1, Pod: "uid-1"}, {PID: 2, Pod: "uid-2"}, {PID: 3}}}}}}
	w := &works{states: map[string]string{"k3s.service": "active"}, answer: workload.Answer{Pods: &facts.Pods{List: []facts.Pod{
		{Namespace: "ai", Name: "train", UID: "uid-1"}, {Namespace: "x", Name: "no-uid"},
	}}}}
	f := eyes.New(eyes.Sources{Probe: h, Sessions: h, Units: w, Workload: w, Workloads: func() eyes.Workloads { return eyes.Workloads{K3s: "k3s.service"} }}).
		Look(context.Background(), guards.Needs{GPU: true, Pods: true}, true)
	var got []string
	for _, g := range f.GPUs.List[0].Holders {
		got = append(got, g.Pod)
	}
	if !slices.Equal(got, []string{"ai/train", "uid-2", ""}) {
		t.Errorf("got %q", got)
	}
}
