package manager1

import "time"

// Resources is what the machine is now: the answer of the method Resources.
type Resources struct {
	Collected       time.Time   `json:"collected,omitzero"`
	CPUs            uint32      `json:"cpus"`
	Load1           float64     `json:"load1"`
	Load5           float64     `json:"load5"`
	Load15          float64     `json:"load15"`
	MemoryTotal     int64       `json:"memory-total"`
	MemoryAvailable int64       `json:"memory-available"`
	PSICPU          float64     `json:"psi-cpu"`
	PSIMemory       float64     `json:"psi-memory"`
	PSIIO           float64     `json:"psi-io"`
	GPUs            []GPU       `json:"gpus"`
	Sessions        []Session   `json:"sessions"`
	Audio           []AudioUser `json:"audio"`
	Units           []Unit      `json:"units"`
	Jobs            []Job       `json:"jobs"`
	JobsTotal       uint32      `json:"jobs-total"`
	Locks           []Lock      `json:"locks"`
	Inhibitors      []Inhibitor `json:"inhibitors"`
	Holds           []HoldInfo  `json:"holds"`
	DAWs            []DAW       `json:"daws"`
	VLLM            []VLLM      `json:"vllm"`
	K3sUnit         string      `json:"k3s-unit"`
	K3sActiveState  string      `json:"k3s-active-state"`
	K3sNode         string      `json:"k3s-node"`
	Unschedulable   bool        `json:"k3s-unschedulable"`
	Pods            []Pod       `json:"pods"`
	Mains           bool        `json:"mains"`
	BatteryPercent  float64     `json:"battery-percent"`
	Parts           []Part      `json:"parts"`
	Unknown         []string    `json:"unknown"`
	Facts           string      `json:"facts"`
}

func (v *Resources) fields(c *codec) {
	c.time("collected", &v.Collected)
	c.uint("cpus", &v.CPUs)
	c.double("load1", &v.Load1)
	c.double("load5", &v.Load5)
	c.double("load15", &v.Load15)
	c.big("memory-total", &v.MemoryTotal)
	c.big("memory-available", &v.MemoryAvailable)
	c.double("psi-cpu", &v.PSICPU)
	c.double("psi-memory", &v.PSIMemory)
	c.double("psi-io", &v.PSIIO)
	dicts(c, "gpus", &v.GPUs)
	dicts(c, "sessions", &v.Sessions)
	dicts(c, "audio", &v.Audio)
	dicts(c, "units", &v.Units)
	v.work(c)
	c.flag("mains", &v.Mains)
	c.double("battery-percent", &v.BatteryPercent)
	dicts(c, "parts", &v.Parts)
	c.strs("unknown", &v.Unknown)
	c.raw("facts", &v.Facts)
}

// work shows the fields about what people and services have under way.
func (v *Resources) work(c *codec) {
	dicts(c, "jobs", &v.Jobs)
	c.uint("jobs-total", &v.JobsTotal)
	dicts(c, "locks", &v.Locks)
	dicts(c, "inhibitors", &v.Inhibitors)
	dicts(c, "holds", &v.Holds)
	dicts(c, "daws", &v.DAWs)
	dicts(c, "vllm", &v.VLLM)
	c.str("k3s-unit", &v.K3sUnit)
	c.str("k3s-active-state", &v.K3sActiveState)
	c.str("k3s-node", &v.K3sNode)
	c.flag("k3s-unschedulable", &v.Unschedulable)
	dicts(c, "pods", &v.Pods)
}

// ToMap writes v as it goes over the bus.
func (v Resources) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Resources) FromMap(m Dict) { decode(v, m) }

// GPU is a graphics card: the dictionary Gpu.
type GPU struct {
	GPU         string     `json:"gpu"`
	UUID        string     `json:"uuid"`
	PCI         string     `json:"pci"`
	Driver      string     `json:"driver"`
	Model       string     `json:"model"`
	Role        string     `json:"role"`
	Suspended   bool       `json:"suspended"`
	BusyPercent float64    `json:"busy-percent"`
	MemoryTotal int64      `json:"memory-total"`
	MemoryUsed  int64      `json:"memory-used"`
	Holders     []Holder   `json:"holders"`
	Connected   bool       `json:"connected"`
	Unmeasured  string     `json:"unmeasured"`
	Temperature uint32     `json:"temperature"`
	Instances   []Instance `json:"instances"`
	GPUSettings
}

func (v *GPU) fields(c *codec) {
	c.str("gpu", &v.GPU)
	c.str("uuid", &v.UUID)
	c.str("pci", &v.PCI)
	c.str("driver", &v.Driver)
	c.str("model", &v.Model)
	c.str("role", &v.Role)
	c.flag("suspended", &v.Suspended)
	if c.out == nil || v.Unmeasured == "" {
		c.double("busy-percent", &v.BusyPercent)
	}
	c.big("memory-total", &v.MemoryTotal)
	c.big("memory-used", &v.MemoryUsed)
	dicts(c, "holders", &v.Holders)
	c.flag("connected", &v.Connected)
	c.str("unmeasured", &v.Unmeasured)
	c.uint("temperature", &v.Temperature)
	dicts(c, "instances", &v.Instances)
	v.GPUSettings.fields(c)
}

// ToMap writes v as it goes over the bus.
func (v GPU) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *GPU) FromMap(m Dict) { decode(v, m) }

// Holder is a process that has a GPU open: the dictionary Holder. Zero values
// are left out on the wire.
type Holder struct {
	Culprit
	Memory      int64   `json:"memory,omitempty"`
	BusyPercent float64 `json:"busy-percent,omitempty"`
	Compute     bool    `json:"compute,omitempty"`
	Graphics    bool    `json:"graphics,omitempty"`
	Pod         string  `json:"pod,omitempty"`
	Instance    string  `json:"instance,omitempty"`
}

func (v *Holder) fields(c *codec) {
	v.Culprit.fields(c)
	c.big("memory", &v.Memory)
	c.double("busy-percent", &v.BusyPercent)
	c.flag("compute", &v.Compute)
	c.flag("graphics", &v.Graphics)
	c.str("pod", &v.Pod)
	c.str("instance", &v.Instance)
}

// ToMap writes v as it goes over the bus.
func (v Holder) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Holder) FromMap(m Dict) { decode(v, m) }

// Instance is a part of a GPU in MIG mode: the dictionary Instance.
type Instance struct {
	UUID        string `json:"uuid"`
	Model       string `json:"model"`
	MemoryTotal int64  `json:"memory-total"`
	MemoryUsed  int64  `json:"memory-used"`
}

func (v *Instance) fields(c *codec) {
	c.str("uuid", &v.UUID)
	c.str("model", &v.Model)
	c.big("memory-total", &v.MemoryTotal)
	c.big("memory-used", &v.MemoryUsed)
}

// ToMap writes v as it goes over the bus.
func (v Instance) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Instance) FromMap(m Dict) { decode(v, m) }

// AudioUser is the audio of a user: the dictionary AudioUser.
type AudioUser struct {
	UID   uint32    `json:"uid"`
	User  string    `json:"user"`
	Agent bool      `json:"agent"`
	State string    `json:"state"`
	Nodes []Culprit `json:"nodes"`
	// Recording, Production and Media count what is active.
	Recording  uint32    `json:"recording"`
	Production uint32    `json:"production"`
	Media      uint32    `json:"media"`
	Quantum    uint32    `json:"quantum"`
	Rate       uint32    `json:"rate"`
	IdleSince  time.Time `json:"idle-since,omitzero"`
	Unknown    string    `json:"unknown"`
}

func (v *AudioUser) fields(c *codec) {
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.flag("agent", &v.Agent)
	c.str("state", &v.State)
	dicts(c, "nodes", &v.Nodes)
	c.uint("recording", &v.Recording)
	c.uint("production", &v.Production)
	c.uint("media", &v.Media)
	c.uint("quantum", &v.Quantum)
	c.uint("rate", &v.Rate)
	c.time("idle-since", &v.IdleSince)
	c.str("unknown", &v.Unknown)
}

// ToMap writes v as it goes over the bus.
func (v AudioUser) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *AudioUser) FromMap(m Dict) { decode(v, m) }

// Unit is a unit that the configuration names: the dictionary Unit.
type Unit struct {
	Unit        string `json:"unit"`
	Owner       string `json:"owner"`
	ActiveState string `json:"active-state"`
	SubState    string `json:"sub-state"`
}

func (v *Unit) fields(c *codec) {
	c.str("unit", &v.Unit)
	c.str("owner", &v.Owner)
	c.str("active-state", &v.ActiveState)
	c.str("sub-state", &v.SubState)
}

// ToMap writes v as it goes over the bus.
func (v Unit) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Unit) FromMap(m Dict) { decode(v, m) }
