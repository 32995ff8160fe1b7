// Package guards answers "may we go?".
//
// A guard is a pure function from Facts to a Verdict: it changes nothing, asks
// nobody and looks at no clock, so that a recorded Facts file judges the same
// next year. Its kind is code and its name the admin's. All guards of an edge
// are always judged, and what cannot be seen is unknown, never "fine".
//
// Builtin is the table of kinds, one file for each; a new kind is a file and a
// row. Set puts guards and eyes together for the engine.
package guards

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// Guard judges facts. A Guard is immutable, and safe for many goroutines.
type Guard interface {
	// Judge returns what the facts say. It fills in Outcome, Code and the
	// texts; Guard, Kind and Overridable are the caller's.
	Judge(f *facts.Facts, a Asked) fsm.Verdict
	// Needs names the parts of Facts that Judge reads: no others are looked at.
	Needs() Needs
}

// Asked is what a guard knows about the plan that it is asked for.
type Asked struct {
	// Ends are the sessions that the plan ends.
	Ends []fsm.Session
	// Units are owned by the plan: what they hold or burn is not in the way.
	Units []string
	// Now is the moment of judgement, from which ages are counted.
	Now time.Time
}

// Needs says which parts of Facts are asked for. The zero Needs asks nothing.
type Needs struct {
	Load     bool
	Memory   bool
	Audio    bool
	Sessions bool
	GPU      bool
	// Usage asks for how busy each GPU is, at the price of two looks 200 ms
	// apart; NVML to ask NVIDIA's library too, over the last Window, which may
	// take ten seconds and is for decisions only.
	Usage  bool
	NVML   bool
	Window time.Duration
	// Jobs asks what people's processes are doing, at the price of two looks
	// 200 ms apart.
	Jobs       bool
	Inhibitors bool
	Holds      bool
	// VLLM asks the configured servers, Pods the cluster's API server.
	VLLM  bool
	Pods  bool
	Power bool
	// Processes are names of programs, as comm or as the executable's base
	// name; Units names of units; Web addresses of DAWs' web interfaces.
	Processes []string
	Units     []string
	Web       []string
}

// Union returns what either asks for.
func (n Needs) Union(m Needs) Needs {
	return Needs{
		Load:       n.Load || m.Load,
		Memory:     n.Memory || m.Memory,
		Audio:      n.Audio || m.Audio,
		Sessions:   n.Sessions || m.Sessions,
		GPU:        n.GPU || m.GPU,
		Usage:      n.Usage || m.Usage,
		NVML:       n.NVML || m.NVML,
		Window:     max(n.Window, m.Window),
		Jobs:       n.Jobs || m.Jobs,
		Inhibitors: n.Inhibitors || m.Inhibitors,
		Holds:      n.Holds || m.Holds,
		VLLM:       n.VLLM || m.VLLM,
		Pods:       n.Pods || m.Pods,
		Power:      n.Power || m.Power,
		Processes:  merge(n.Processes, m.Processes),
		Units:      merge(n.Units, m.Units),
		Web:        merge(n.Web, m.Web),
	}
}

// Covers tells whether facts collected for n answer what m asks.
func (n Needs) Covers(m Needs) bool {
	implied := func(have, want bool) bool { return have || !want }
	return implied(n.Load, m.Load) && implied(n.Memory, m.Memory) &&
		implied(n.Audio, m.Audio) && implied(n.Sessions, m.Sessions) &&
		implied(n.GPU, m.GPU) && implied(n.Usage, m.Usage) &&
		implied(n.NVML, m.NVML) && n.Window >= m.Window &&
		implied(n.Jobs, m.Jobs) && implied(n.Inhibitors, m.Inhibitors) && implied(n.Holds, m.Holds) &&
		implied(n.VLLM, m.VLLM) && implied(n.Pods, m.Pods) && implied(n.Power, m.Power) &&
		subset(m.Processes, n.Processes) && subset(m.Units, n.Units) && subset(m.Web, n.Web)
}

func merge(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// Type is the type of a parameter, as a person would name it.
type Type string

// The types of parameters, and how each is written in TOML.
const (
	Duration Type = "duration" // "10s"
	Size     Type = "size"     // "4GiB"
	Number   Type = "number"   // 0.5
	Percent  Type = "percent"  // 20
	Flag     Type = "boolean"  // true
	Names    Type = "names"    // ["a", "b"]
	Word     Type = "word"     // one of those that Doc lists
	Count    Type = "count"    // 3
	Clock    Type = "time"     // "22:30"
	Address  Type = "address"  // "http://127.0.0.1:8080"
)

// Param is a parameter of a kind of guard, for documentation and completion.
type Param struct {
	Name string
	Type Type
	// Default is what it is when absent, as written in TOML; empty when it must
	// be given or means "not asked".
	Default string
	Doc     string
}

// Code is one thing that a verdict of a kind can say.
type Code struct {
	// Name is stable and for programs. One name can have two outcomes: that a
	// unit is active may be what is wanted.
	Name    string
	Outcome fsm.Outcome
	Meaning string
	// Remedy is what to do; empty where there is nothing to do. A verdict's own
	// remedy may also name whom it is about.
	Remedy string
}

// Kind is a row of the table: the code behind guards.
type Kind struct {
	Name string
	// Summary says when the kind passes, Details what else an admin must know.
	Summary string
	Details string
	Params  []Param
	// Codes are all that its verdicts say, but for GuardBroken.
	Codes []Code
	// Example is a guard of this kind in TOML.
	Example string
	// New makes a guard from its parameters, a JSON object with the names of
	// Params as keys; the empty Value means all defaults. Errors are
	// *ParamError where one parameter is to blame.
	New func(fsm.Value) (Guard, error)
}

// GuardBroken is the code of a guard that cannot be asked: its configuration is
// not what its kind takes, or it broke. It is unknown.
const GuardBroken = "guard-broken"

// Builtin returns the table of kinds, sorted by name.
func Builtin() []Kind {
	return []Kind{
		audioKind(), computeJobsKind(), dawKind(), gpuKind(), gpuMemoryKind(), holdsKind(), loadKind(), memoryKind(),
		powerKind(), processKind(), timeWindowKind(), unitKind(), userJobsKind(), vllmYieldKind(),
	}
}

// Check tells whether a guard is well configured, without keeping it.
func Check(spec fsm.GuardSpec) error {
	_, err := build(spec)
	return err
}

// build makes the guard of a spec.
func build(spec fsm.GuardSpec) (Guard, error) {
	kinds := Builtin()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == spec.Kind })
	if i < 0 {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = k.Name
		}
		return nil, fmt.Errorf("unknown kind of guard %q: one of %s", spec.Kind, strings.Join(names, ", "))
	}
	g, err := kinds[i].New(spec.Params)
	if err != nil {
		return nil, fmt.Errorf("cannot make guard %q of kind %s: %w", spec.Name, spec.Kind, err)
	}
	return g, nil
}
