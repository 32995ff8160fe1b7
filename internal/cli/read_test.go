package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// open is the machine with a transition under way.
func open(phase string, change func(p *manager1.Progress)) func() *manager1test.Daemon {
	t := manager1.Progress{
		ID: 17, From: "desktop", To: "compute", Event: "to_compute", Trigger: "manual", Reason: "the night's jobs", RequesterUID: 1000,
		Phase: phase, Of: 5, NoReturn: 1, Ends: []string{"session 3 of dev"}, Started: noon.Add(-time.Minute), Deadline: noon.Add(75 * time.Second),
	}
	if change != nil {
		change(&t)
	}
	return with(func(d *manager1test.Daemon) {
		d.Properties.Mode, d.Properties.Target, d.Properties.Transition = "transitioning", "compute", t
	})
}

// byItself is the machine on its way because nobody was there; before, it left
// studio when memory became short, and put back a unit.
func byItself() *manager1test.Daemon {
	d := open("grace", func(p *manager1.Progress) { p.Trigger, p.Reason, p.RequesterUID = "idle", "idle for 30 min", 0 })()
	left := d.Properties.LastTransition
	left.Event, left.Trigger, left.Reason, left.RequesterUID = "enforced_exit", "memory-pressure", "memory has been short for 10 s", 0
	mended := manager1.Record{ID: 15, From: "studio", To: "studio", Event: "correct", Trigger: "drift", Reason: "drift of units/vllm.service",
		Outcome: "settled", Mode: "studio", Started: left.Started.Add(-time.Hour), Finished: left.Started.Add(-time.Hour), DurationMS: 300}
	cancelled := left
	cancelled.ID, cancelled.Trigger, cancelled.Reason, cancelled.Outcome, cancelled.To = 14, "idle", "idle for 30 min", "cancelled", "compute"
	cancelled.From, cancelled.Message = "desktop", "cancelled: session 3 of dev is in use before anything was touched"
	d.Properties.LastTransition = left
	d.Records = []manager1.Record{left, mended, cancelled}
	return d
}

func withResources() *manager1test.Daemon {
	d := machine()
	node := manager1.Culprit{Kind: "client", Client: "REAPER", Comm: "reaper", PID: 4711, User: "dev", Detail: "recording"}
	process := func(comm string, pid uint32, user string) manager1.Culprit {
		return manager1.Culprit{Kind: "process", Comm: comm, PID: pid, User: user}
	}
	d.Resources = manager1.Resources{
		CPUs: 32, Load1: 1.5, Load5: 1, Load15: 0.5, MemoryTotal: 128 << 30, MemoryAvailable: 103 << 30, PSICPU: 0.4, PSIIO: 2.5,
		GPUs: []manager1.GPU{
			{GPU: "gpu0", Driver: "nvidia", Model: "RTX 6000", Role: "display", Connected: true, Temperature: 47, BusyPercent: 6, MemoryTotal: 48 << 30, MemoryUsed: 6 << 30, Holders: []manager1.Holder{
				{Culprit: process("gnome-shell", 9, "dev"), Graphics: true, Memory: 1 << 30},
				{Culprit: process("python3", 99, "ai"), Compute: true, Memory: 5 << 30, BusyPercent: 4, Pod: "ml/train-0"},
			}, GPUSettings: manager1.GPUSettings{SettingsAt: noon.Add(-time.Minute), ComputeMode: "exclusive-process", PowerLimit: 249_900, PowerDefault: 300_000, Persistence: "on"}},
			{PCI: "0000:02:00.0", Driver: "nvidia", Unmeasured: "the driver has no counters", Instances: []manager1.Instance{{UUID: "MIG-1", Model: "MIG 1g.10gb", MemoryTotal: 10 << 30}},
				GPUSettings: manager1.GPUSettings{SettingsAt: noon, MIG: "on", MIGPending: "off", MIGParts: []string{"1g.10gb"}}},
			{GPU: "gpu2", Driver: "nvidia", Suspended: true},
		},
		Sessions: []manager1.Session{{Session: "3", User: "dev", Type: "wayland", Seat: "seat0", Desktop: "gnome", Idle: true, IdleSince: noon.Add(-20 * time.Minute)}, {Session: "5", User: "ann", Type: "tty", Remote: true}},
		Audio: []manager1.AudioUser{
			{User: "dev", State: "running", Agent: true, Recording: 1, Quantum: 64, Rate: 48000, Nodes: []manager1.Culprit{node}},
			{User: "ann", State: "unknown", Unknown: "PipeWire runs and no moded-agent reports of it"}, {UID: 1002, State: "off"},
		},
		Units:     []manager1.Unit{{Unit: "vllm.service", ActiveState: "active", SubState: "running"}},
		Jobs:      []manager1.Job{{Culprit: process("make", 12, "dev"), CPUPercent: 1210, AgeS: 90, Build: "driver", Foreground: true, TTY: "pts/3"}, {Culprit: process("blender", 13, "ann"), CPUPercent: 99}},
		JobsTotal: 12,
		Locks:     []manager1.Lock{{Culprit: process("apt-get", 14, "root"), Manager: "apt"}},
		Inhibitors: []manager1.Inhibitor{
			{What: []string{"shutdown", "sleep"}, Who: "borg \x1b[2J\u202e", Why: "the backup runs", Mode: "block", User: "root", PID: 15},
			{What: []string{"sleep"}, Who: "NetworkManager", Mode: "delay", PID: 16},
		},
		Holds: []manager1.HoldInfo{{Scope: "all", Who: "render", Why: "the film", User: "dev", Since: noon.Add(-time.Hour)}},
		DAWs:  []manager1.DAW{{URL: "http://127.0.0.1:8080", User: "dev", State: "recording", Armed: 2}, {URL: "http://127.0.0.1:8081", Unknown: "nobody listens there"}},
		VLLM: []manager1.VLLM{
			{VLLM: "main", Unit: "vllm.service", ActiveState: "active", Healthy: true, Models: []string{"qwen"}, Running: 3, Waiting: 1, Generating: true},
			{VLLM: "code", Unit: "code.service", ActiveState: "active", Unknown: "its metrics did not come in time"}, {VLLM: "old", Unit: "old.service", ActiveState: "inactive"},
		},
		K3sUnit: "k3s.service", K3sActiveState: "active", K3sNode: "box", Unschedulable: true,
		Pods:  []manager1.Pod{{Pod: "train-0", Namespace: "ml", Phase: "Running", Owner: "Job", GPUs: 2}, {Pod: "shell", Namespace: "default", Phase: "Pending"}},
		Mains: true, BatteryPercent: 83,
		Parts:   []manager1.Part{{Part: "load", At: noon}, {Part: "gpus", At: noon}, {Part: "power", At: noon}, {Part: "audio", At: noon.Add(-14 * time.Second)}},
		Unknown: []string{"psi: the kernel does not say"}, Facts: `{"a":1}`,
	}
	return d
}

func degraded() *manager1test.Daemon {
	d := machine()
	d.Properties.Holds = 2
	d.Properties.Degraded = []string{"vllm.service failed: journalctl -u vllm tells why", "fstrim.timer is \x1b[31mstopped\u202e"}
	d.Properties.LastTransition = rolledBack(15)
	d.Properties.LastVerdicts = []manager1.Verdict{recording(), blind()}
	return d
}

func TestReads(t *testing.T) {
	t.Parallel()
	refused := with(func(d *manager1test.Daemon) { d.Plans["compute"] = refusedPlan() })
	law := with(func(d *manager1test.Daemon) {
		d.Plans["compute"], d.Can = lawPlan(), map[string]string{"compute": "challenge"}
	})
	busy := with(func(d *manager1test.Daemon) {
		d.Plans["compute"] = manager1.Plan{Verdicts: []manager1.Verdict{{Guard: "busy", Kind: "busy", Outcome: "deny", Summary: "transition 17 from desktop to studio runs"}}}
	})
	drift := with(func(d *manager1test.Daemon) {
		d.Settings = []manager1.Setting{
			{Kind: "gui", Want: "on", Have: "on", Settled: true, Essential: true},
			{Kind: "units", Key: "fstrim.timer", Want: "active", Have: "it is not active"},
			{Kind: "gpus", Key: "gpu0", Want: "display", Error: "the probe does not answer"},
		}
	})
	timed := with(func(d *manager1test.Daemon) {
		p := toCompute()
		for i := range p.Steps[1:] {
			p.Steps[i].DurationMS, p.Steps[i].Stage = uint32(1500*(i+1)), p.Steps[i].Name
		}
		d.Plans["compute"] = p
	})
	held := with(func(d *manager1test.Daemon) {
		d.Holds = []manager1.HoldInfo{{Scope: "automatic", Who: "borg", Why: "the backup runs", User: "root", Since: noon.Add(-time.Hour)}}
	})
	noHolds := with(func(d *manager1test.Daemon) {
		d.Errors = map[string]*manager1.Error{"ListHolds": manager1.Errorf(manager1.ErrNotSupported, "this version has no holds")}
	})
	playAll(t, []scene{
		{name: "status", daemon: machine, args: "status"},
		{name: "no command is status", daemon: machine},
		{name: "status as JSON", daemon: withResources, args: "status --resources --json"},
		{name: "status with resources", daemon: withResources, args: "status --resources"},
		{name: "status with resources at 60 columns", daemon: withResources, args: "status --resources", tty: true, width: 60},
		{name: "status degraded", daemon: degraded, args: "status"},
		{name: "status degraded in colour", daemon: degraded, args: "status", tty: true, width: 60},
		{name: "status without colour", daemon: degraded, args: "status", tty: true, width: 200, env: map[string]string{"NO_COLOR": "1"}},
		{name: "status in an ASCII locale", daemon: machine, args: "status", env: map[string]string{"LANG": "C"}},
		{name: "status in grace", daemon: open("grace", nil), args: "status"},
		{name: "status of what began by itself", daemon: byItself, args: "status"},
		{name: "history of what began by itself", daemon: byItself, args: "history"},
		{name: "status running", daemon: open("running", func(p *manager1.Progress) { p.Step, p.Index, p.Past = "audio release", 2, true }), args: "status"},
		{name: "status awaiting confirm", daemon: open("awaiting-confirm", nil), args: "status"},
		{name: "status stuck", daemon: open("stuck", func(p *manager1.Progress) { p.Message, p.Deadline = "session 9 of ann is not in the plan", time.Time{} }), args: "status"},
		{name: "no daemon", args: "status"},
		{name: "plan", daemon: machine, args: "plan compute"},
		{name: "plan in colour", daemon: machine, args: "plan compute", tty: true, width: 50},
		{name: "plan refused", daemon: refused, args: "plan compute"},
		{name: "plan overridden", daemon: refused, args: "plan compute --force"},
		{name: "plan as JSON", daemon: refused, args: "plan compute --json"},
		{name: "plan for where we are", daemon: machine, args: "plan desktop"},
		{name: "plan of an unknown mode", daemon: machine, args: "plan nonsense"},
		{name: "plan busy", daemon: busy, args: "plan compute"},
		{name: "why", daemon: refused, args: "why compute"},
		{name: "why not by law", daemon: law, args: "why compute"},
		{name: "why not at all", daemon: machine, args: "why compute"},
		{name: "why as JSON", daemon: law, args: "why compute --json"},
		{name: "modes", daemon: machine, args: "modes -v"},
		{name: "modes as JSON", daemon: machine, args: "modes --json"},
		{name: "guards", daemon: refused, args: "guards"},
		{name: "guards of a mode", daemon: refused, args: "guards compute"},
		{name: "guards as JSON", daemon: machine, args: "guards studio --json"},
		{name: "history", daemon: machine, args: "history"},
		{name: "history as JSON", daemon: machine, args: "history -n 1 --json"},
		{name: "history show", daemon: machine, args: "history show 15"},
		{name: "history show of a night in compute", daemon: with(func(d *manager1test.Daemon) { d.Records = append(d.Records, endedSession(13)) }), args: "history show 13"},
		{name: "history show of what goes on in the background", daemon: with(func(d *manager1test.Daemon) { d.Records = append(d.Records, inBackground(13)) }), args: "history show 13"},
		{name: "history show refused", daemon: machine, args: "history show #14"},
		{name: "history show as JSON", daemon: machine, args: "history show 14 --json"},
		{name: "history show nothing", daemon: machine, args: "history show 99"},
		{name: "history show nonsense", daemon: machine, args: "history show x"},
		{name: "verify", daemon: drift, args: "verify"},
		{name: "verify as JSON", daemon: drift, args: "verify --json"},
		{name: "holds", daemon: held, args: "holds"},
		{name: "holds not supported", daemon: noHolds, args: "holds"},
		{name: "metrics", daemon: withResources, args: "metrics"},
		{name: "metrics on the way", daemon: open("running", nil), args: "metrics --resources=false"},
		{name: "metrics without a daemon", args: "metrics"},
		{name: "metrics into a file that nobody reads", daemon: machine, args: "metrics --textfile moded.txt"},
		{name: "version", daemon: machine, args: "version"},
		{name: "version without a daemon", args: "version --json"},
		{name: "completion of modes", daemon: machine, args: "__complete switch st"},
		{name: "unknown command", args: "nonsense"},
		{name: "a mistyped command", args: "swich compute"},
		{name: "unknown flag", args: "status --nonsense"},
		{name: "missing argument", args: "plan"},
		{name: "another machine", args: "-H dev@box log 7 -x"},
		{name: "a host that is an option", args: "-H -oProxyCommand=x status"},
		{name: "config check", args: "config check testdata/good.toml"},
		{name: "config check bad", args: "config check testdata/bad.toml"},
		{name: "config check missing", args: "config check testdata/missing.toml"},
		{name: "config check as JSON", args: "config check --json testdata/good.toml"},
		{name: "config check bad as JSON", args: "config check --json testdata/bad.toml"},
		{name: "config check missing as JSON", args: "config check --json testdata/missing.toml"},
		{name: "config show as JSON", args: "config show --json testdata/good.toml"},
		{name: "graph as JSON", daemon: refused, args: "graph --json testdata/good.toml"},
		{name: "graph", daemon: machine, args: "graph testdata/good.toml"},
		{name: "graph with what blocks", daemon: refused, args: "graph testdata/good.toml"},
		{name: "graph with no guard asked", daemon: refused, args: "graph --quick testdata/good.toml"},
		{name: "graph as a picture", daemon: refused, args: "graph --format svg testdata/good.toml"},
		{name: "graph in an unknown language", args: "graph --format png testdata/good.toml"},
		{name: "plan with times", daemon: timed, args: "plan compute"},
		{name: "history show as a picture", daemon: machine, args: "history show 15 --svg"},
		{name: "graph for Graphviz", args: "graph --format dot testdata/good.toml"},
	})
}

func TestHostileNamesDoNotReachTheTerminal(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"status --resources", "status --resources --json"} {
		r := play(t, scene{daemon: withResources, args: args, tty: true, width: 100, env: map[string]string{"NO_COLOR": "1"}})
		if r.code != 0 || strings.ContainsAny(r.stdout, "\x1b\u202e") {
			t.Errorf("%s: exit code %d:\n%q", args, r.code, r.stdout)
		}
	}
}
