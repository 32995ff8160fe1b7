package manager1_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

var (
	noon     = time.UnixMicro(1790000000123456)
	culprit  = manager1.Culprit{Kind: "client", PID: 7, Comm: "reaper", User: "dev", UID: 1000, Unit: "a.scope", Session: "3", Client: "REAPER", Detail: "recording"}
	session  = manager1.Session{Session: "3", UID: 1000, User: "dev", Seat: "seat0", Type: "wayland", Class: "user", Desktop: "gnome", Remote: true, Active: true, Closes: []string{"firefox"}, Idle: true, IdleSince: noon}
	holder   = manager1.Holder{Culprit: culprit, Memory: 1 << 33, BusyPercent: 41, Compute: true, Graphics: true, Pod: "ml/train-0", Instance: "MIG-1"}
	instance = manager1.Instance{UUID: "MIG-1", Model: "m", MemoryTotal: 2, MemoryUsed: 1}
	verdict  = manager1.Verdict{Guard: "audio-idle", Kind: "audio", Outcome: "deny", Code: "running-node", Summary: "REAPER is recording", Measured: "1 running node", Limit: "0", Culprits: []manager1.Culprit{culprit, {Kind: "gpu", Client: "gpu0"}}, Remedy: "stop it", Overridable: true}
	step     = manager1.Step{Index: 3, Name: "gui release", Kind: "gui", Key: "k", Phase: "release", Stage: "end-gui", Summary: "end the session", Details: []string{"a", "b"}, Essential: true, Irreversible: true, Background: true, Ends: []string{"session 3"}, Sessions: []manager1.Session{session}, Status: "pending", Began: noon, DurationMS: 12, UndoBegan: noon.Add(time.Minute), UndoMS: 7, DeadlineS: 90, Error: "none"}
	record   = manager1.Record{ID: 9, From: "desktop", To: "compute", Event: "to_compute", Trigger: "manual", Reason: "night", RequesterUID: 1000, Outcome: "rolled-back", Mode: "desktop", Message: "no", Lost: []string{"programs of dev (session 3)"}, Started: noon, Finished: noon.Add(time.Second), DurationMS: 1000, Override: true, Verdicts: []manager1.Verdict{verdict}, Steps: []manager1.Step{step}, Facts: `{"a":"\u202e"}`}
)

// wire is what all dictionaries can do.
type wire[T any] interface {
	*T
	FromMap(manager1.Dict)
}

func roundTrip[T interface{ ToMap() manager1.Dict }, P wire[T]](t *testing.T, v T, without ...string) {
	t.Helper()
	var back T
	P(&back).FromMap(v.ToMap())
	if !reflect.DeepEqual(v, back) {
		t.Errorf("\n got %+v\nwant %+v", back, v)
	}
	for i := range reflect.TypeFor[T]().NumField() {
		if f := reflect.TypeFor[T]().Field(i); f.IsExported() && !slices.Contains(without, f.Name) && reflect.ValueOf(v).Field(i).IsZero() {
			t.Errorf("the test forgets %T.%s", v, f.Name)
		}
	}
}

func TestEachDictionarySurvivesTheBus(t *testing.T) {
	t.Parallel()
	roundTrip(t, culprit)
	roundTrip(t, session)
	roundTrip(t, verdict)
	roundTrip(t, step)
	roundTrip(t, record)
	roundTrip(t, manager1.Progress{ID: 1, From: "a", To: "b", Event: "e", Trigger: "idle", Reason: "r", RequesterUID: 1, Phase: "running", Step: "s", Index: 2, Of: 3, Past: true, NoReturn: 1, Ends: []string{"x"}, Started: noon, Deadline: noon, Message: "m"})
	roundTrip(t, manager1.ModeInfo{Mode: "m", Summary: "s", Headless: true, Current: true, Default: true, Reachable: true, Way: []string{"m"}, Settings: []string{"gui off"}})
	roundTrip(t, manager1.HoldInfo{Scope: "all", Who: "w", Why: "y", UID: 1, User: "u", Since: noon})
	roundTrip(t, manager1.Setting{Kind: "k", Key: "y", Want: "w", Have: "h", Settled: true, Essential: true, Error: "e"})
	roundTrip(t, manager1.GPU{GPU: "gpu0", UUID: "u", PCI: "p", Driver: "nvidia", Model: "m", Role: "display", Suspended: true, MemoryTotal: 2, MemoryUsed: 1, Holders: []manager1.Holder{holder}, Connected: true, Temperature: 61, Instances: []manager1.Instance{instance}, GPUSettings: settings}, "BusyPercent", "Unmeasured")
	roundTrip(t, holder)
	roundTrip(t, instance)
	roundTrip(t, manager1.AudioUser{UID: 1, User: "u", Agent: true, State: "idle", Nodes: []manager1.Culprit{culprit}, Recording: 1, Production: 2, Media: 3, Quantum: 64, Rate: 48000, IdleSince: noon, Unknown: "u"})
	roundTrip(t, manager1.Job{Culprit: culprit, CPUPercent: 1200, AgeS: 90, Build: "driver", Foreground: true, TTY: "pts/3"})
	roundTrip(t, manager1.Lock{Culprit: culprit, Manager: "apt"})
	roundTrip(t, manager1.Inhibitor{What: []string{"sleep"}, Who: "w", Why: "y", Mode: "block", UID: 1, User: "u", PID: 2})
	roundTrip(t, manager1.DAW{URL: "http://127.0.0.1:8080", UID: 1, User: "u", State: "recording", Armed: 2, Unknown: "x"})
	roundTrip(t, manager1.VLLM{VLLM: "main", Unit: "u", URL: "l", ActiveState: "active", Healthy: true, Models: []string{"m"}, Running: 1, Waiting: 2, Generating: true, Unknown: "x"})
	roundTrip(t, manager1.Pod{Pod: "p", Namespace: "n", Phase: "Running", Owner: "Job", GPUs: 1, Since: noon})
	roundTrip(t, manager1.Part{Part: "load", At: noon, Unknown: "x"})
	roundTrip(t, manager1.Unit{Unit: "a.service", Owner: "vllm", ActiveState: "active", SubState: "running"})
	roundTrip(t, manager1.Resources{
		Collected: noon, CPUs: 2, Load1: 1, Load5: 2, Load15: 3, MemoryTotal: 4, MemoryAvailable: 5, PSICPU: 6, PSIMemory: 7, PSIIO: 8,
		GPUs:     []manager1.GPU{{GPU: "g", BusyPercent: 1.5, Holders: []manager1.Holder{holder}, Instances: []manager1.Instance{}, GPUSettings: settings}},
		Sessions: []manager1.Session{session}, Audio: []manager1.AudioUser{{UID: 1, Nodes: []manager1.Culprit{}}}, Units: []manager1.Unit{{Unit: "u"}},
		Jobs: []manager1.Job{{Culprit: culprit, CPUPercent: 5}}, JobsTotal: 200, Locks: []manager1.Lock{{Manager: "apt"}},
		Inhibitors: []manager1.Inhibitor{{What: []string{"idle"}}}, Holds: []manager1.HoldInfo{{Who: "w"}}, DAWs: []manager1.DAW{{URL: "u"}},
		VLLM: []manager1.VLLM{{VLLM: "v", Models: []string{}}}, K3sUnit: "k3s.service", K3sActiveState: "active", K3sNode: "n", Unschedulable: true,
		Pods: []manager1.Pod{{Pod: "p"}}, Mains: true, BatteryPercent: -1, Parts: []manager1.Part{{Part: "load"}}, Unknown: []string{"x"}, Facts: "{}",
	})
	roundTrip(t, manager1.Agent{Version: "1", Protocol: 1, Kinds: []string{"audio"}, Notifies: true})
	roundTrip(t, manager1.AudioSummary{PipeWire: "active", SessionManager: "active", Running: 1, Total: 2, Truncated: true, Quantum: 64, Rate: 48000, Forced: true, Xruns: 3, Standing: "on", IdleSince: time.UnixMicro(5), Detail: "d"})
	roundTrip(t, manager1.AudioNode{ID: 1, Kind: "jack", State: "running", Client: "c", Comm: "m", PID: 2, Recording: true, Class: "recording"})
	roundTrip(t, manager1.AudioOrder{State: "realtime", Quantum: 64, Rate: 48000})
	roundTrip(t, manager1.AudioState{State: "on", Quantum: 1, Rate: 2, Measured: 3, PipeWire: "active", Units: []string{"pipewire.service"}})
	roundTrip(t, manager1.SliceLimits{Slice: "app.slice", CPUWeight: 1, IOWeight: 2, MemoryHigh: manager1.NoLimit})
	roundTrip(t, manager1.Notification{ID: 1, Kind: "grace", Summary: "s", Body: "b", Urgency: "low", Deadline: noon, From: "a", To: "b", Ends: []string{"x"}})
	roundTrip(t, manager1.Properties{Mode: "m", Target: "t", Transition: manager1.Progress{ID: 1, Ends: []string{}}, LastTransition: manager1.Record{ID: 2, Lost: []string{}, Verdicts: []manager1.Verdict{}, Steps: []manager1.Step{}}, LastVerdicts: []manager1.Verdict{verdict}, Degraded: []string{"d"}, Holds: 1, Modes: []string{"m"}, Version: "v"})
}

var settings = manager1.GPUSettings{SettingsAt: time.UnixMicro(7), ComputeMode: "prohibited", PowerLimit: 1, PowerDefault: 2, PowerMin: 3, PowerMax: 4,
	Persistence: "on", MIG: "on", MIGPending: "off", MIGParts: []string{"1g.5gb"}}

func TestAUseThatIsNotKnownIsLeftOut(t *testing.T) {
	t.Parallel()
	m := manager1.GPU{GPU: "gpu0", Unmeasured: "the driver has no counters"}.ToMap()
	if v, there := m["busy-percent"]; there {
		t.Errorf("the bus says %v", v)
	}
	var back manager1.GPU
	back.FromMap(m)
	if back.Unmeasured != "the driver has no counters" {
		t.Errorf("got %+v", back)
	}
}

func TestBriefRecordsLeaveOutWhatIsLong(t *testing.T) {
	t.Parallel()
	m := record.Brief().ToMap()
	for _, key := range []string{"verdicts", "steps", "facts"} {
		if _, ok := m[key]; ok {
			t.Errorf("%s is there", key)
		}
	}
	if _, ok := m["lost"]; !ok {
		t.Error("lost is missing")
	}
}

func TestReadingIsLenientAndCleans(t *testing.T) {
	t.Parallel()
	var p manager1.Properties
	p.FromMap(manager1.Properties{Mode: "desktop", Degraded: []string{"x"}, LastVerdicts: []manager1.Verdict{verdict}}.ToMap())
	p.FromMap(manager1.Properties{Mode: "a\x1b[31m\u202eb\u200bc\nd\xff"}.ToMap())
	if p.Mode != "a[31mbc d\uFFFD" || len(p.Degraded) != 0 || len(p.LastVerdicts) != 0 {
		t.Errorf("got %+v", p)
	}
	m := verdict.ToMap()
	m["guard"], m["future"] = m["overridable"], m["guard"]
	delete(m, "remedy")
	var v manager1.Verdict
	v.FromMap(m)
	if v.Guard != "" || v.Remedy != "" || v.Summary != verdict.Summary {
		t.Errorf("got %+v", v)
	}
}

func TestChangedPropertiesLeaveTheOthers(t *testing.T) {
	t.Parallel()
	p := manager1.Properties{Mode: "desktop", Degraded: []string{"x"}, Modes: []string{"desktop"}, Holds: 2}
	all := manager1.Properties{Mode: "studio"}.ToMap()
	p.FromMap(manager1.Dict{manager1.PropMode: all[manager1.PropMode]})
	if p.Mode != "studio" || len(p.Degraded) != 1 || len(p.Modes) != 1 || p.Holds != 2 {
		t.Errorf("got %+v", p)
	}
}

func TestCleanKeepsWhatPeopleRead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                     "plain",
		"日本語 é “quoted” – dash":     "日本語 é “quoted” – dash",
		"a\x00b\x7fc\u0085d\u2066e": "abcde",
		"tab\tand\r\nline":          "tab and  line",
		"\xf0\x9f":                  "\uFFFD\uFFFD",
	} {
		if got := manager1.Clean(in, 100); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := manager1.Clean("0123456789", 5); got != "0123…" {
		t.Errorf("got %q", got)
	}
}
