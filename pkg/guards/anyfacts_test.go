package guards_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/modectl/moded/pkg/facts"
)

// Values come from small pools, so that they meet: the same user has the DAW, the
// node and the web interface.
var (
	someUIDs   = []uint32{0, 117, 1000, 1001, 60600, 1 << 30}
	someUsers  = []string{"", "ann", "pipewire", "\x1b[2Jbob"}
	someNames  = []string{"", "reaper", ".reaper-wrapped", "ardour-8.12.0", "modectl", "sudo", "make", "x\x1b]0;y\a", "\u202eevil\n", "\xff\xfe"}
	someUnits  = []string{"", "vllm.service", "ai.service", "session-3.scope", "user@1000.service", "k3s.service", "a\x1b[31m.service"}
	someStates = []string{"", "active", "inactive", "failed", "activating", "deactivating", "reloading", "\x1b[2J"}
	someWhos   = []string{"", "moded", "ann", "Brasero", "rsync --password=hunter2 /home/ann/secret", "/home/ann/deploy --to=secret", "\x1b[2J"}
	someWhys   = []string{"", "user session inhibited", "Burning a disc", "Unknown reason", "copying /home/ann/secret.wav", "a\nb"}
	someCounts = []int{-1 << 62, -1, 0, 0, 0, 1, 3, 100, 1<<63 - 1}
	someSizes  = []uint64{0, 1, 1 << 30, 8 << 30, 1<<64 - 1}
	someCauses = []string{"", "", "", "moded-probe did not answer in time", "\x1b[2Jgone\nfor good"}
)

func pick[T any](t *rapid.T, from []T) T { return rapid.SampledFrom(from).Draw(t, "value") }

func several[T any](t *rapid.T, one func(*rapid.T) T) []T {
	return rapid.SliceOfN(rapid.Custom(one), 0, 3).Draw(t, "list")
}

func anyPart(t *rapid.T) facts.Part { return facts.Part{Unknown: pick(t, someCauses)} }

func anyPID(t *rapid.T) uint32 { return uint32(rapid.IntRange(0, 5).Draw(t, "pid")) }

func flip(t *rapid.T) bool { return rapid.Bool().Draw(t, "flag") }

func anyProcess(t *rapid.T) facts.Process {
	return facts.Process{
		PID: anyPID(t), Comm: pick(t, someNames), Exe: pick(t, someNames), UID: pick(t, someUIDs), User: pick(t, someUsers),
		Unit: pick(t, someUnits), UserUnit: pick(t, someUnits), Session: pick(t, []string{"", "3", "5", "\x1b"}),
		Slice: pick(t, []string{"", "user.slice", "system.slice"}), UserSlice: pick(t, []string{"", "app.slice", "session.slice"}),
	}
}

func anyNode(t *rapid.T) facts.AudioNode {
	return facts.AudioNode{
		Class: pick(t, []string{"recording", "production", "media", ""}), API: pick(t, []string{"", "jack"}),
		Client: pick(t, append(someNames, "REAPER")), Binary: pick(t, someNames), PID: anyPID(t), State: "running",
	}
}

func anyHolder(t *rapid.T) facts.Holder {
	p := anyProcess(t)
	return facts.Holder{
		PID: p.PID, Comm: p.Comm, UID: p.UID, User: p.User, Unit: p.Unit, UserUnit: p.UserUnit, Session: p.Session,
		Pod: pick(t, []string{"", "", "ml/train-0", "u-1", "\x1b"}), Memory: pick(t, someSizes), Compute: flip(t), Graphics: flip(t),
		BusyPercent: pick(t, someCounts),
	}
}

func anyGPU(t *rapid.T) facts.GPU {
	return facts.GPU{
		Name: pick(t, []string{"", "gpu0", "\x1b"}), PCI: "0000:01:00.0", Driver: pick(t, []string{"nvidia", "amdgpu"}), Suspended: flip(t),
		BusyPercent: pick(t, someCounts), Unmeasured: pick(t, someCauses), Forever: flip(t),
		Listed: rapid.Bool().Draw(t, "value"), MemoryTotal: pick(t, someSizes), MemoryUsed: pick(t, someSizes), Holders: several(t, anyHolder),
	}
}

func anyServer(t *rapid.T) facts.VLLMServer {
	return facts.VLLMServer{
		Part: anyPart(t), Name: pick(t, someNames), Unit: pick(t, someUnits), Active: pick(t, someStates), Healthy: flip(t),
		Running: pick(t, someCounts), Waiting: pick(t, someCounts), Generating: flip(t),
	}
}

func anyPressure(t *rapid.T) *facts.Pressure {
	if flip(t) {
		return nil
	}
	return &facts.Pressure{Avg60: float64(pick(t, someCounts)), Avg300: float64(pick(t, someCounts))}
}

// anyFacts draws facts of all kinds of machines, sane ones too.
func anyFacts(t *rapid.T) *facts.Facts {
	f := &facts.Facts{
		At:     time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0),
		Load:   facts.Load{Part: anyPart(t), CPUs: pick(t, someCounts), Load5: float64(pick(t, someCounts)), PSI: anyPressure(t)},
		Memory: facts.Memory{Part: anyPart(t), Total: pick(t, someSizes), Available: pick(t, someSizes), PSI: anyPressure(t)},
		GPUs:   facts.GPUs{Part: anyPart(t), List: several(t, anyGPU)},
		Power:  facts.Power{Part: anyPart(t), Mains: flip(t), Battery: pick(t, someCounts)},
	}
	anyAudio(t, f)
	anyWork(t, f)
	f.VLLM = facts.VLLM{Part: anyPart(t), List: several(t, anyServer)}
	f.Pods = facts.Pods{Part: anyPart(t), Unit: pick(t, []string{"", "k3s.service"}), Active: pick(t, someStates), List: several(t, func(t *rapid.T) facts.Pod {
		return facts.Pod{Namespace: "ml", Name: pick(t, someNames), UID: pick(t, []string{"", "u-1"}), Phase: pick(t, []string{"", "Running", "Failed"}), GPUs: pick(t, someCounts)}
	})}
	f.Units = facts.Units{Part: anyPart(t), List: several(t, func(t *rapid.T) facts.Unit {
		return facts.Unit{Name: pick(t, someUnits), ID: pick(t, someUnits), Load: pick(t, []string{"loaded", "not-found"}), Active: pick(t, someStates)}
	})}
	return f
}

func anyAudio(t *rapid.T, f *facts.Facts) {
	f.Audio = facts.Audio{Part: anyPart(t), Users: several(t, func(t *rapid.T) facts.AudioUser {
		return facts.AudioUser{
			Part: anyPart(t), UID: pick(t, someUIDs), User: pick(t, someUsers), Running: flip(t),
			Recording: pick(t, someCounts), Production: pick(t, someCounts), Media: pick(t, someCounts), Nodes: several(t, anyNode),
		}
	})}
	f.Process = facts.Processes{Part: anyPart(t), List: several(t, anyProcess), Audio: several(t, func(t *rapid.T) facts.AudioServer {
		return facts.AudioServer{
			Part: anyPart(t), UID: pick(t, someUIDs), User: pick(t, someUsers), Server: pick(t, []string{"pipewire", "jackd"}),
			Clients: several(t, func(t *rapid.T) string { return pick(t, someNames) }),
		}
	})}
	f.Sessions = facts.Sessions{Part: anyPart(t), List: several(t, func(t *rapid.T) facts.Session {
		return facts.Session{ID: pick(t, []string{"3", "5"}), UID: pick(t, someUIDs), User: pick(t, someUsers), Class: pick(t, []string{"user", "greeter", "manager"}), Type: "wayland"}
	})}
	f.Web = facts.Web{Part: anyPart(t), List: several(t, func(t *rapid.T) facts.DAW {
		return facts.DAW{
			Part: anyPart(t), URL: pick(t, []string{web, "http://[::1]:1"}), UID: pick(t, someUIDs), User: pick(t, someUsers),
			State: pick(t, []string{"", "stopped", "playing", "paused", "recording", "record-paused", "\x1b"}), Armed: pick(t, someCounts),
		}
	})}
}

func anyWork(t *rapid.T, f *facts.Facts) {
	f.Jobs = facts.Jobs{Part: anyPart(t), Total: pick(t, someCounts), List: several(t, func(t *rapid.T) facts.Job {
		return facts.Job{
			Process: anyProcess(t), CPUPercent: pick(t, someCounts), Age: time.Duration(pick(t, someCounts)),
			Build: pick(t, []string{"", "compiler", "\x1b"}), Foreground: flip(t), TTY: pick(t, []string{"", "pts/3", "\x1b"}),
		}
	}), Locks: several(t, func(t *rapid.T) facts.Lock {
		return facts.Lock{Manager: pick(t, someNames), Holder: anyProcess(t)}
	})}
	f.Inhibitors = facts.Inhibitors{Part: anyPart(t), List: several(t, func(t *rapid.T) facts.Inhibitor {
		return facts.Inhibitor{
			What: several(t, func(t *rapid.T) string { return pick(t, []string{"shutdown", "sleep", "idle", "\x1b"}) }),
			Who:  pick(t, someWhos), Why: pick(t, someWhys), Mode: pick(t, []string{"block", "block-weak", "delay", ""}), UID: pick(t, someUIDs), User: pick(t, someUsers),
		}
	})}
	f.Holds = facts.Holds{Part: anyPart(t), List: several(t, func(t *rapid.T) facts.Hold {
		return facts.Hold{Scope: pick(t, []string{"all", "automatic", ""}), Who: pick(t, someWhos), Why: pick(t, someWhys), UID: pick(t, someUIDs), User: pick(t, someUsers)}
	})}
}
