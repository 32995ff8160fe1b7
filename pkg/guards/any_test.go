package guards_test

import (
	"context"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// everyGuard has all kinds, each with its defaults and with parameters that make
// it look at more.
var everyGuard = []fsm.GuardSpec{
	{Name: "audio", Kind: "audio"},
	{Name: "compute", Kind: "compute-jobs"},
	{Name: "compute-some", Kind: "compute-jobs", Params: `{"max-requests":3,"max-gpu-pods":1}`},
	{Name: "daw", Kind: "daw"},
	{Name: "daw-web", Kind: "daw", Params: withWeb},
	{Name: "gpu", Kind: "gpu"},
	{Name: "gpu-strict", Kind: "gpu", Params: `{"strict":true,"ignore-units":["ai.service"]}`},
	{Name: "gpu-memory", Kind: "gpu-memory"},
	{Name: "holds", Kind: "holds"},
	{Name: "holds-automatic", Kind: "holds", Params: `{"scope":"automatic"}`},
	{Name: "load", Kind: "load"},
	{Name: "load-psi", Kind: "load", Params: `{"psi":30,"max-per-cpu":1000}`},
	{Name: "memory", Kind: "memory"},
	{Name: "memory-needs", Kind: "memory", Params: `{"needs":"1GiB","psi":30}`},
	{Name: "power", Kind: "power"},
	{Name: "power-some", Kind: "power", Params: `{"min-battery":50}`},
	{Name: "process", Kind: "process", Params: `{"names":["reaper"]}`},
	{Name: "time", Kind: "time-window", Params: `{"from":"22:00","to":"06:00"}`},
	{Name: "unit", Kind: "unit", Params: `{"names":["ai.service"]}`},
	{Name: "unit-active", Kind: "unit", Params: `{"names":["ai.service"],"state":"active"}`},
	{Name: "jobs", Kind: "user-jobs"},
	{Name: "jobs-all", Kind: "user-jobs", Params: `{"foreground-terminals":true,"busy-percent":10,"older-than":"1ns"}`},
	{Name: "vllm", Kind: "vllm-yield"},
	{Name: "vllm-some", Kind: "vllm-yield", Params: `{"max-requests":3}`},
}

// everyQuestion asks them all, of a plan that ends a session and owns a unit.
var everyQuestion = fsm.Question{
	Guards: everyGuard, Units: []string{"vllm.service"},
	Ends: []fsm.Session{{ID: "3", UID: 1000, User: "ann", Scope: "session-3.scope"}},
}

func TestTheLargeTestsAskEveryKind(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, g := range everyGuard {
		asked[g.Kind] = true
	}
	for _, k := range guards.Builtin() {
		if !asked[k.Name] {
			t.Errorf("nobody asks %s", k.Name)
		}
	}
}

// judged is what a set of guards says of facts.
func judged(f *facts.Facts) []fsm.Verdict {
	return guards.New(seen{f}).Judge(context.Background(), everyQuestion).Verdicts
}

// neededParts are the parts of f that a guard reads, by name.
func neededParts(spec fsm.GuardSpec, f *facts.Facts) map[string]*facts.Part {
	n := guards.NeedsOf([]fsm.GuardSpec{spec})
	wanted := map[string]bool{
		"load": n.Load, "memory": n.Memory, "audio": n.Audio, "sessions": n.Sessions, "gpus": n.GPU,
		"processes": n.Audio || len(n.Processes) > 0, "units": len(n.Units) > 0, "jobs": n.Jobs, "inhibitors": n.Inhibitors,
		"holds": n.Holds, "vllm": n.VLLM, "pods": n.Pods, "power": n.Power, "web": len(n.Web) > 0,
	}
	out := map[string]*facts.Part{}
	for _, p := range f.Parts() {
		if wanted[p.Name] {
			out[p.Name] = p.Part
		}
	}
	return out
}

// dispensable tells whether a guard may pass without a part, as its reference
// says, because another part makes it needless.
func dispensable(spec fsm.GuardSpec, part string, f *facts.Facts) bool {
	switch spec.Kind + " " + part {
	case "daw web": // it can only speak for a REAPER, and its silence never does
		return true
	case "daw audio": // nobody has to report where no DAW runs
		return f.Process.Known()
	case "compute-jobs gpus": // only containers of k3s are looked for there
		return f.Pods.Known() && f.Pods.Unit == ""
	}
	return false
}

// blindSpots names what a verdict should not have passed without.
func blindSpots(spec fsm.GuardSpec, f *facts.Facts) []string {
	var out []string
	for name, p := range neededParts(spec, f) {
		if !p.Known() && !dispensable(spec, name, f) {
			out = append(out, name)
		}
	}
	for _, s := range f.VLLM.List {
		if spec.Kind == "compute-jobs" && !s.Known() {
			out = append(out, "server "+s.Name)
		}
	}
	return out
}

// foul are what no verdict may show: parts of paths and of command lines.
var foul = []string{"hunter2", "/home/", "secret"}

func checkVerdict(t interface{ Errorf(string, ...any) }, spec fsm.GuardSpec, v fsm.Verdict, f *facts.Facts) {
	if v.Code == guards.GuardBroken {
		t.Errorf("%s broke: %s", spec.Name, v.Summary)
	}
	if v.Summary == "" || v.Code == "" || v.Outcome != fsm.Pass && v.Remedy == "" {
		t.Errorf("%s says too little: %+v", spec.Name, v)
	}
	if v.Outcome == fsm.Deny && spec.Kind != "load" && spec.Kind != "memory" && spec.Kind != "power" && spec.Kind != "time-window" && len(v.Culprits) == 0 {
		t.Errorf("%s denies and names nobody: %+v", spec.Name, v)
	}
	if spots := blindSpots(spec, f); len(spots) > 0 && (v.Outcome == fsm.Pass || v.Outcome == fsm.Warn) {
		t.Errorf("%s says %s (%s) and does not see %v", spec.Name, v.Outcome, v.Summary, spots)
	}
	for _, text := range texts(v) {
		for _, r := range text {
			if !unicode.IsPrint(r) {
				t.Errorf("%s shows %q", spec.Name, text)
				break
			}
		}
	}
}

func texts(v fsm.Verdict) []string {
	out := []string{v.Code, v.Summary, v.Measured, v.Limit, v.Remedy}
	for _, c := range v.Culprits {
		out = append(out, c.Kind, c.Comm, c.User, c.Unit, c.Session, c.Client, c.Detail)
	}
	return out
}

func TestWhatIsDarkNeverPasses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		spec := rapid.SampledFrom(everyGuard).Draw(t, "guard")
		var parts []*facts.Part
		for name, p := range neededParts(spec, f) {
			if !dispensable(spec, name, f) {
				parts = append(parts, p)
			}
		}
		for _, p := range parts {
			if rapid.Bool().Draw(t, "dark") {
				p.Unknown = "it is dark"
			}
		}
		q := everyQuestion
		q.Guards = []fsm.GuardSpec{spec}
		checkVerdict(t, spec, guards.New(seen{f}).Judge(context.Background(), q).Verdicts[0], f)
	})
}

func TestVerdictsShowNothingThatIsNotForEverybody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		for i, v := range judged(f) {
			checkVerdict(t, everyGuard[i], v, f)
			for _, text := range texts(v) {
				for _, word := range foul {
					if strings.Contains(text, word) {
						t.Errorf("%s shows %q in %q", everyGuard[i].Name, word, text)
					}
				}
			}
		}
	})
}

func TestJudgingIsPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		before := string(f.Record())
		first := judged(f)
		if string(f.Record()) != before {
			t.Fatal("judging changed the facts")
		}
		for i, v := range judged(f) {
			if len(first[i].Culprits) != len(v.Culprits) || first[i].Outcome != v.Outcome || first[i].Summary != v.Summary || first[i].Measured != v.Measured {
				t.Fatalf("%s changed its mind:\n%+v\n%+v", everyGuard[i].Name, first[i], v)
			}
		}
	})
}

// culprits add to any facts what a kind must deny, whatever else there is and
// whatever is dark.
var culprits = map[string]func(f *facts.Facts){
	"audio": func(f *facts.Facts) {
		f.Sessions.List = nil
		f.Audio.Users = append(f.Audio.Users, facts.AudioUser{UID: 1000, Running: true, Nodes: []facts.AudioNode{{Class: "recording", Client: "x"}}})
	},
	"compute-jobs": func(f *facts.Facts) {
		f.VLLM.List = append(f.VLLM.List, facts.VLLMServer{Name: "x", Active: "active", Running: 4})
	},
	"daw": func(f *facts.Facts) {
		f.Process.List = append(f.Process.List, facts.Process{PID: 9999, Comm: "ardour-8", UID: 1000})
		f.Audio.Users = append(f.Audio.Users, facts.AudioUser{UID: 1000, Nodes: []facts.AudioNode{{PID: 9999}}})
	},
	"gpu": func(f *facts.Facts) {
		f.GPUs.List = append(f.GPUs.List, facts.GPU{PCI: "x", Holders: []facts.Holder{{PID: 9999, Comm: "x", Compute: true}}})
	},
	"gpu-memory": func(f *facts.Facts) {
		f.GPUs.List = append(f.GPUs.List, facts.GPU{PCI: "x", Holders: []facts.Holder{{PID: 9999, Comm: "x", Compute: true}}})
	},
	"holds": func(f *facts.Facts) { f.Holds.List = append(f.Holds.List, facts.Hold{Scope: "all", Who: "x"}) },
	"process": func(f *facts.Facts) {
		f.Process.List = append(f.Process.List, facts.Process{PID: 9999, Comm: "reaper"})
	},
	"user-jobs": func(f *facts.Facts) {
		f.Inhibitors.List = append(f.Inhibitors.List, facts.Inhibitor{What: []string{"sleep"}, Who: "x", Why: "x", Mode: "block"})
	},
	"vllm-yield": func(f *facts.Facts) {
		f.VLLM.List = append(f.VLLM.List, facts.VLLMServer{Name: "x", Active: "activating"})
	},
}

func TestACulpritDeniesWhateverElseThereIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		spec := rapid.SampledFrom(everyGuard).Draw(t, "guard")
		add, has := culprits[spec.Kind]
		if !has {
			return
		}
		add(f)
		q := everyQuestion
		q.Guards = []fsm.GuardSpec{spec}
		if v := guards.New(seen{f}).Judge(context.Background(), q).Verdicts[0]; v.Outcome != fsm.Deny {
			t.Fatalf("%s says %s: %s", spec.Name, v.Outcome, v.Summary)
		}
	})
}

func TestMoreOfEverythingNeverTurnsADenialIntoAPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, other := anyFacts(t), anyFacts(t)
		before := judged(f)
		f.Audio.Users = append(f.Audio.Users, other.Audio.Users...)
		f.Process.List = append(f.Process.List, other.Process.List...)
		f.Process.Audio = append(f.Process.Audio, other.Process.Audio...)
		f.GPUs.List = append(f.GPUs.List, other.GPUs.List...)
		f.Jobs.List, f.Jobs.Locks = append(f.Jobs.List, other.Jobs.List...), append(f.Jobs.Locks, other.Jobs.Locks...)
		f.Inhibitors.List = append(f.Inhibitors.List, other.Inhibitors.List...)
		f.Holds.List = append(f.Holds.List, other.Holds.List...)
		f.VLLM.List = append(f.VLLM.List, other.VLLM.List...)
		f.Pods.List = append(f.Pods.List, other.Pods.List...)
		f.Web.List = append(f.Web.List, other.Web.List...)
		for i, v := range judged(f) {
			if before[i].Outcome == fsm.Deny && v.Outcome != fsm.Deny {
				t.Fatalf("%s denied (%s), and says %s now: %s", everyGuard[i].Name, before[i].Summary, v.Outcome, v.Summary)
			}
		}
	})
}
