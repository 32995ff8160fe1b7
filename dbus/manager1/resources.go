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
	c.strs("unknown", &v.Unknown)
	c.raw("facts", &v.Facts)
}

// ToMap writes v as it goes over the bus.
func (v Resources) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Resources) FromMap(m Dict) { decode(v, m) }

// GPU is a graphics card: the dictionary Gpu.
type GPU struct {
	GPU         string    `json:"gpu"`
	UUID        string    `json:"uuid"`
	PCI         string    `json:"pci"`
	Driver      string    `json:"driver"`
	Model       string    `json:"model"`
	Role        string    `json:"role"`
	Suspended   bool      `json:"suspended"`
	BusyPercent float64   `json:"busy-percent"`
	MemoryTotal int64     `json:"memory-total"`
	MemoryUsed  int64     `json:"memory-used"`
	Holders     []Culprit `json:"holders"`
}

func (v *GPU) fields(c *codec) {
	c.str("gpu", &v.GPU)
	c.str("uuid", &v.UUID)
	c.str("pci", &v.PCI)
	c.str("driver", &v.Driver)
	c.str("model", &v.Model)
	c.str("role", &v.Role)
	c.flag("suspended", &v.Suspended)
	c.double("busy-percent", &v.BusyPercent)
	c.big("memory-total", &v.MemoryTotal)
	c.big("memory-used", &v.MemoryUsed)
	dicts(c, "holders", &v.Holders)
}

// ToMap writes v as it goes over the bus.
func (v GPU) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *GPU) FromMap(m Dict) { decode(v, m) }

// AudioUser is the audio of a user: the dictionary AudioUser.
type AudioUser struct {
	UID   uint32    `json:"uid"`
	User  string    `json:"user"`
	Agent bool      `json:"agent"`
	State string    `json:"state"`
	Nodes []Culprit `json:"nodes"`
}

func (v *AudioUser) fields(c *codec) {
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.flag("agent", &v.Agent)
	c.str("state", &v.State)
	dicts(c, "nodes", &v.Nodes)
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
