package manager1

import "time"

// Job is a process at work: the dictionary Job. Zero values are left out on the
// wire.
type Job struct {
	Culprit
	CPUPercent uint32 `json:"cpu-percent,omitempty"`
	AgeS       uint32 `json:"age-s,omitempty"`
	Build      string `json:"build,omitempty"`
	Foreground bool   `json:"foreground,omitempty"`
	TTY        string `json:"tty,omitempty"`
}

func (v *Job) fields(c *codec) {
	v.Culprit.fields(c)
	c.uint("cpu-percent", &v.CPUPercent)
	c.uint("age-s", &v.AgeS)
	c.str("build", &v.Build)
	c.flag("foreground", &v.Foreground)
	c.str("tty", &v.TTY)
}

// ToMap writes v as it goes over the bus.
func (v Job) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Job) FromMap(m Dict) { decode(v, m) }

// Lock is a held lock of a package manager: the dictionary Lock.
type Lock struct {
	Culprit
	Manager string `json:"manager,omitempty"`
}

func (v *Lock) fields(c *codec) {
	v.Culprit.fields(c)
	c.str("manager", &v.Manager)
}

// ToMap writes v as it goes over the bus.
func (v Lock) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Lock) FromMap(m Dict) { decode(v, m) }

// Inhibitor is one of logind's inhibitor locks: the dictionary Inhibitor.
type Inhibitor struct {
	What []string `json:"what"`
	Who  string   `json:"who"`
	Why  string   `json:"why"`
	Mode string   `json:"mode"`
	UID  uint32   `json:"uid"`
	User string   `json:"user"`
	PID  uint32   `json:"pid"`
}

func (v *Inhibitor) fields(c *codec) {
	c.strs("what", &v.What)
	c.str("who", &v.Who)
	c.str("why", &v.Why)
	c.str("mode", &v.Mode)
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.uint("pid", &v.PID)
}

// ToMap writes v as it goes over the bus.
func (v Inhibitor) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Inhibitor) FromMap(m Dict) { decode(v, m) }

// DAW is the web interface of a DAW: the dictionary Daw.
type DAW struct {
	URL     string `json:"url"`
	UID     uint32 `json:"uid"`
	User    string `json:"user"`
	State   string `json:"state"`
	Armed   uint32 `json:"armed"`
	Unknown string `json:"unknown"`
}

func (v *DAW) fields(c *codec) {
	c.str("url", &v.URL)
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.str("state", &v.State)
	c.uint("armed", &v.Armed)
	c.str("unknown", &v.Unknown)
}

// ToMap writes v as it goes over the bus.
func (v DAW) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *DAW) FromMap(m Dict) { decode(v, m) }

// VLLM is a configured vLLM server: the dictionary Vllm.
type VLLM struct {
	VLLM        string   `json:"vllm"`
	Unit        string   `json:"unit"`
	URL         string   `json:"url"`
	ActiveState string   `json:"active-state"`
	Healthy     bool     `json:"healthy"`
	Models      []string `json:"models"`
	Running     uint32   `json:"running"`
	Waiting     uint32   `json:"waiting"`
	Generating  bool     `json:"generating"`
	Unknown     string   `json:"unknown"`
}

func (v *VLLM) fields(c *codec) {
	c.str("vllm", &v.VLLM)
	c.str("unit", &v.Unit)
	c.str("url", &v.URL)
	c.str("active-state", &v.ActiveState)
	c.flag("healthy", &v.Healthy)
	c.strs("models", &v.Models)
	c.uint("running", &v.Running)
	c.uint("waiting", &v.Waiting)
	c.flag("generating", &v.Generating)
	c.str("unknown", &v.Unknown)
}

// ToMap writes v as it goes over the bus.
func (v VLLM) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *VLLM) FromMap(m Dict) { decode(v, m) }

// Pod is a pod of the machine's Kubernetes node: the dictionary Pod.
type Pod struct {
	Pod       string    `json:"pod"`
	Namespace string    `json:"namespace"`
	Phase     string    `json:"phase"`
	Owner     string    `json:"owner"`
	GPUs      uint32    `json:"gpus"`
	Since     time.Time `json:"since,omitzero"`
}

func (v *Pod) fields(c *codec) {
	c.str("pod", &v.Pod)
	c.str("namespace", &v.Namespace)
	c.str("phase", &v.Phase)
	c.str("owner", &v.Owner)
	c.uint("gpus", &v.GPUs)
	c.time("since", &v.Since)
}

// ToMap writes v as it goes over the bus.
func (v Pod) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Pod) FromMap(m Dict) { decode(v, m) }

// Part is a part of the facts: the dictionary Part.
type Part struct {
	Part    string    `json:"part"`
	At      time.Time `json:"at,omitzero"`
	Unknown string    `json:"unknown"`
}

func (v *Part) fields(c *codec) {
	c.str("part", &v.Part)
	c.time("at", &v.At)
	c.str("unknown", &v.Unknown)
}

// ToMap writes v as it goes over the bus.
func (v Part) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Part) FromMap(m Dict) { decode(v, m) }
