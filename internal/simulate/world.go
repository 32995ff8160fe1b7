package simulate

import (
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// world is all there is of the machine, and what is kept in its file.
type world struct {
	// Boot and Userspace are the stamps of this boot.
	Boot      string    `json:"boot"`
	Userspace time.Time `json:"userspace"`

	Units   map[string]*unit           `json:"units"`
	Aliases map[string]string          `json:"aliases"`
	Slices  map[string]*actions.Limits `json:"slices"`

	Users     []*user         `json:"users"`
	Sessions  []facts.Session `json:"sessions"`
	GPUs      []facts.GPU     `json:"gpus"`
	Processes []facts.Process `json:"processes"`
	Load      facts.Load      `json:"load"`
	Memory    facts.Memory    `json:"memory"`
	Work      work            `json:"work"`
	Stopping  bool            `json:"stopping,omitempty"`
	// Order and Report are moded-gpu.service's.
	Order  actions.GPUOrder  `json:"order"`
	Report actions.GPUReport `json:"report"`
	// Short is true while tasks wait for memory.
	Short bool `json:"short,omitempty"`

	Faults  []fault `json:"faults,omitempty"`
	Pending []event `json:"pending,omitempty"`
	Hung    []event `json:"hung,omitempty"`

	NextPID     uint32 `json:"next-pid"`
	NextSession int    `json:"next-session"`
	NextEvent   uint64 `json:"next-event"`
}

// unit is one of PID 1's.
type unit struct {
	Load       string `json:"load"`
	Active     string `json:"active"`
	Sub        string `json:"sub"`
	Result     string `json:"result"`
	Type       string `json:"type,omitempty"`
	Invocation string `json:"invocation,omitempty"`
	// Remains is RemainAfterExit= of a oneshot.
	Remains bool `json:"remains,omitempty"`
	// Skipped is set when a condition of the last start did not hold.
	Skipped bool `json:"skipped,omitempty"`
	// Gated units have moded's drop-in; EnvFile ones read their file.
	Gated   bool `json:"gated,omitempty"`
	EnvFile bool `json:"env-file,omitempty"`
	// Env is what the file said at the last start.
	Env map[string]string `json:"env,omitempty"`
	// Members come and go with the unit.
	Members   []string `json:"members,omitempty"`
	Processes int      `json:"processes,omitempty"`
	// AI is set for units that open GPUs and answer at an URL when loaded.
	AI *inference `json:"ai,omitempty"`
}

// inference is what makes a unit an AI server.
type inference struct {
	URL     string    `json:"url"`
	Comm    string    `json:"comm"`
	ReadyAt time.Time `json:"ready-at,omitzero"`
	// Paused servers begin no new request; Leaves lets the process outlive the
	// unit's stop.
	Paused bool `json:"paused,omitempty"`
	Leaves bool `json:"leaves,omitempty"`
}

// user is somebody who may log in, with the manager and the sound that exist
// while a session does.
type user struct {
	UID  uint32 `json:"uid"`
	Name string `json:"name"`
	// Manager is true while user@UID runs, Graphical while its
	// graphical-session.target is active.
	Manager   bool `json:"manager"`
	Graphical bool `json:"graphical"`
	// Agent is true while moded-agent of the user is on the bus.
	Agent bool  `json:"agent"`
	Audio audio `json:"audio"`
	// Slices are those of the manager that were limited, as they were ordered.
	Slices map[string]fsm.Value `json:"slices,omitempty"`
}

// audio is a user's PipeWire.
type audio struct {
	State   string            `json:"state"` // on, realtime, off
	Quantum uint32            `json:"quantum,omitempty"`
	Rate    uint32            `json:"rate,omitempty"`
	Nodes   []facts.AudioNode `json:"nodes,omitempty"`
}

// The people of the machine.
const (
	devUID  = 1000
	gdmUID  = 120
	aiUID   = 970
	guestID = 1001
)

const (
	gib = 1 << 30

	seat = "seat0"

	pressureUnit = "moded-pressure.service"

	displayDM = "gdm.service"
	aiUnit    = "ai.service"
	aiURL     = "http://127.0.0.1:8000/health"
	vllmUnit  = "vllm.service"
	vllmURL   = "http://127.0.0.1:8000/health" // the two are never up together
	userUnit  = "user@1000.service"
	shellUnit = "org.gnome.Shell@wayland.service"
	gpu0UUID  = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
	gpu1UUID  = "GPU-51aa1b22-0d5e-4a54-8f0e-3a9d0a1b2c3d"
)

// fresh is the machine some minutes after it was switched on: dev sits at a
// desktop, with a browser and REAPER open.
func fresh(now time.Time, boot string) world {
	w := world{
		Boot: boot, Userspace: now,
		Units:   freshUnits(),
		Aliases: map[string]string{"display-manager.service": displayDM},
		Slices:  freshSlices(),
		Users: []*user{
			{UID: devUID, Name: "dev"},
			{UID: guestID, Name: "guest"},
		},
		GPUs:    freshGPUs(),
		Load:    facts.Load{CPUs: 32, Load1: 1.3, Load5: 1.1, Load15: 0.9, PSI: &facts.Pressure{Avg10: 0.4, Avg60: 0.2, Avg300: 0.1}},
		Memory:  facts.Memory{Total: 128 * gib, Available: 103 * gib, PSI: &facts.Pressure{}},
		Work:    work{Power: facts.Power{Mains: true, Battery: -1}},
		NextPID: 3000, NextSession: 3, NextEvent: 1,
	}
	w.logIn(w.user("dev"), "wayland", seat)
	return w
}

func freshUnits() map[string]*unit {
	gated := func(u *unit) *unit { u.Gated = true; return u }
	irqs := stopped("oneshot")
	irqs.Remains = true
	return map[string]*unit{
		displayDM:                 gated(running("notify", 4)),
		"graphical.target":        running("", 0),
		"multi-user.target":       running("", 0),
		"default.target":          running("", 0),
		"moded-desktop.target":    stopped("", "desktop-indexer.service"),
		"moded-studio.target":     stopped("", "rtirq.service"),
		"moded-compute.target":    stopped("", "model-cache.service"),
		"desktop-indexer.service": stopped("simple"),
		"rtirq.service":           irqs,
		"backup-projects.service": stopped("oneshot"),
		"model-cache.service":     stopped("simple"),
		aiUnit:                    gated(serving(aiURL)),
		vllmUnit:                  gated(serving(vllmURL)),
		"k3s.service":             gated(stopped("notify")),
		"moded-tune.service":      stopped("notify"),
		gpuUnit:                   stopped("oneshot"),
		pressureUnit:              stopped("notify"),
		"fstrim.timer":            running("", 0),
		"apt-daily.timer":         running("", 0),
		"ssh.service":             running("notify", 1),
		"user@120.service":        stopped("notify"),
		userUnit:                  stopped("notify"),
		"user@1001.service":       stopped("notify"),
		"system.slice":            running("", 46),
		"user.slice":              running("", 38),
		"machine.slice":           running("", 1),
	}
}

func running(kind string, processes int) *unit {
	return &unit{Load: "loaded", Active: "active", Sub: "running", Result: "success", Type: kind, Processes: processes}
}

func stopped(kind string, members ...string) *unit {
	return &unit{Load: "loaded", Active: "inactive", Sub: "dead", Result: "success", Type: kind, Members: members}
}

func serving(url string) *unit {
	u := stopped("simple")
	u.EnvFile = true
	u.AI = &inference{URL: url, Comm: "python3"}
	return u
}

func freshSlices() map[string]*actions.Limits {
	usual := func() *actions.Limits { return &actions.Limits{CPUWeight: new(uint64(100))} }
	return map[string]*actions.Limits{
		"k3s.service":   usual(),
		"system.slice":  usual(),
		"user.slice":    usual(),
		"machine.slice": usual(),
	}
}

func freshGPUs() []facts.GPU {
	return []facts.GPU{
		{
			PCI: "0000:01:00.0", UUID: gpu0UUID, Model: "NVIDIA RTX 6000 Ada Generation", Driver: "nvidia",
			Nodes:     []string{"/dev/dri/card0", "/dev/dri/renderD128", "/dev/nvidia0"},
			Connected: true, BusyPercent: 3, MemoryTotal: 48 * gib, Listed: true, Settings: freshSettings(),
		},
		{
			PCI: "0000:02:00.0", UUID: gpu1UUID, Model: "NVIDIA RTX PRO 6000 Blackwell", Driver: "nvidia",
			Nodes:       []string{"/dev/dri/card1", "/dev/dri/renderD129", "/dev/nvidia1"},
			BusyPercent: 0, MemoryTotal: 96 * gib, Listed: true, Settings: freshSettings("1g.24gb", "2g.48gb", "4g.96gb"),
		},
	}
}
