package facts

import "time"

// Jobs are what people's processes are doing: builds, processes that burn CPU,
// commands in the foreground of a terminal, and package managers at work.
type Jobs struct {
	Part
	// Over is how long lay between the two looks at the processes' CPU time.
	Over time.Duration `json:"over,omitempty"`
	// List has the processes at work in user.slice, and builders wherever they
	// are, the busiest first, at most MaxJobs of them. Total is how many there
	// were.
	List  []Job `json:"list,omitempty"`
	Total int   `json:"total,omitempty"`
	// Locks are locks of package managers that somebody holds.
	Locks []Lock `json:"locks,omitempty"`
}

// MaxJobs is how many jobs are listed.
const MaxJobs = 128

// Job is a process at work. One process can be all three kinds at once.
type Job struct {
	Process
	// CPUPercent is its use of CPU between the two looks, in percent of one
	// CPU, with that of its children that ended in between.
	CPUPercent int `json:"cpu-percent"`
	// Age is how long the process has been there.
	Age time.Duration `json:"age,omitempty"`
	// Build is "compiler" for what exists only while it compiles or links,
	// "driver" for make, cargo and their like while what they started is at
	// work, "builder" for a builder of nix-daemon; else empty.
	Build string `json:"build,omitempty"`
	// Foreground is true for a command that a person started in a terminal and
	// waits for; TTY is that terminal ("pts/3").
	Foreground bool   `json:"foreground,omitempty"`
	TTY        string `json:"tty,omitempty"`
}

// Lock is a held lock of a package manager, or of nixos-rebuild.
type Lock struct {
	// Manager is apt, dpkg, dnf, pacman, zypper or nixos-rebuild.
	Manager string  `json:"manager"`
	Holder  Process `json:"holder"`
}

// Inhibitors are logind's inhibitor locks.
type Inhibitors struct {
	Part
	List []Inhibitor `json:"list,omitempty"`
}

// Inhibitor is one lock, see org.freedesktop.login1(5). Who and Why are its
// owner's own words.
type Inhibitor struct {
	What []string `json:"what"` // shutdown, sleep, idle, handle-lid-switch, …
	Who  string   `json:"who"`
	Why  string   `json:"why"`
	Mode string   `json:"mode"` // block, block-weak or delay
	UID  uint32   `json:"uid"`
	User string   `json:"user,omitempty"`
	PID  uint32   `json:"pid"`
}

// Holds are moded's own: claims that the mode must not change.
type Holds struct {
	Part
	List []Hold `json:"list,omitempty"`
}

// Hold is one claim. Who and Why are its owner's own words.
type Hold struct {
	// Scope is "automatic" (only a person may change the mode) or "all".
	Scope string    `json:"scope"`
	Who   string    `json:"who"`
	Why   string    `json:"why"`
	UID   uint32    `json:"uid"`
	User  string    `json:"user,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Web is what the web interfaces of DAWs said.
type Web struct {
	Part
	List []DAW `json:"list,omitempty"`
}

// DAW is one web interface. Its Part is unknown when it did not answer, or not
// as REAPER does.
type DAW struct {
	Part
	URL string `json:"url"`
	// UID is whose process listens there, as the kernel says. An answer is worth
	// as much as the one who gives it: any user can listen on a free port.
	UID  uint32 `json:"uid"`
	User string `json:"user,omitempty"`
	// State is stopped, playing, paused, recording or record-paused.
	State string `json:"state,omitempty"`
	// Armed counts the tracks that are armed for recording.
	Armed int `json:"armed"`
}

// VLLM are the configured vLLM servers.
type VLLM struct {
	Part
	List []VLLMServer `json:"list,omitempty"`
}

// VLLMServer is one server. Its Part is unknown when it runs and its metrics
// could not be read: no requests seen is not no requests.
type VLLMServer struct {
	Part
	Name string `json:"name"` // the configuration's
	Unit string `json:"unit"`
	URL  string `json:"url"`
	// Active is the unit's ActiveState, empty when it is not known.
	Active string `json:"active,omitempty"`
	// Healthy is true when /health answered 200.
	Healthy bool     `json:"healthy,omitempty"`
	Models  []string `json:"models,omitempty"`
	// Running and Waiting are requests, summed over all engines.
	Running int `json:"running"`
	Waiting int `json:"waiting"`
	// Generating is true when tokens came out between two looks.
	Generating bool `json:"generating,omitempty"`
}

// Pods are what the cluster runs on this machine's node: pods with its name in
// spec.nodeName that have not come to an end. All is empty where no k3s is
// configured.
type Pods struct {
	Part
	Node string `json:"node,omitempty"`
	Unit string `json:"unit,omitempty"`
	// Active is the ActiveState of k3s's unit. While that is down its API is
	// not asked; containers may run on all the same (KillMode=process).
	Active string `json:"active,omitempty"`
	// Unschedulable is true on a cordoned node.
	Unschedulable bool  `json:"unschedulable,omitempty"`
	List          []Pod `json:"list,omitempty"`
}

// Pod is one pod.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid,omitempty"`
	Phase     string `json:"phase"` // Pending or Running
	// Owner is the kind of its controller: ReplicaSet, DaemonSet, Job, "Node"
	// for mirror pods, empty for a pod that nobody manages.
	Owner string `json:"owner,omitempty"`
	// GPUs is what its containers ask for of nvidia.com/gpu, amd.com/gpu,
	// gpu.intel.com/* and nvidia.com/mig-*.
	GPUs  int       `json:"gpus,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Power is where the machine's current comes from.
type Power struct {
	Part
	// Mains is true while it is plugged in. A machine without any power supply
	// in sysfs, as most workstations are, is.
	Mains bool `json:"mains"`
	// Battery is the charge in percent, -1 without a battery.
	Battery int `json:"battery"`
}
