package manager1

import "time"

// AgentProtocol is the one that this build speaks with agents.
const AgentProtocol uint32 = 1

// Kinds that an agent may know.
const (
	AgentAudio     = "audio"
	AgentSession   = "session"
	AgentSlices    = "slices"
	AgentTerminals = "terminals"
)

// MaxAudioNodes is how many nodes ReportAudio takes.
const MaxAudioNodes = 64

// Agent is how an agent introduces itself: the argument of RegisterAgent.
type Agent struct {
	Version  string
	Protocol uint32
	Kinds    []string
	Notifies bool
}

func (v *Agent) fields(c *codec) {
	c.str("version", &v.Version)
	c.uint("protocol", &v.Protocol)
	c.strs("kinds", &v.Kinds)
	c.flag("notifies", &v.Notifies)
}

// ToMap writes v as it goes over the bus.
func (v Agent) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Agent) FromMap(m Dict) { decode(v, m) }

// AudioSummary is a user's audio in short: the first argument of ReportAudio.
type AudioSummary struct {
	PipeWire       string
	SessionManager string
	Running        uint32
	Total          uint32
	Truncated      bool
	Quantum        uint32
	Rate           uint32
	Forced         bool
	Xruns          uint32
	Standing       string
	IdleSince      time.Time
	Detail         string
}

func (v *AudioSummary) fields(c *codec) {
	c.str("pipewire", &v.PipeWire)
	c.str("session-manager", &v.SessionManager)
	c.uint("running", &v.Running)
	c.uint("total", &v.Total)
	c.flag("truncated", &v.Truncated)
	c.uint("quantum", &v.Quantum)
	c.uint("rate", &v.Rate)
	c.flag("forced", &v.Forced)
	c.uint("xruns", &v.Xruns)
	c.str("standing", &v.Standing)
	c.time("idle-since", &v.IdleSince)
	c.str("detail", &v.Detail)
}

// ToMap writes v as it goes over the bus.
func (v AudioSummary) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *AudioSummary) FromMap(m Dict) { decode(v, m) }

// AudioNode is a stream or JACK client: the rows of ReportAudio.
type AudioNode struct {
	ID        uint32
	Kind      string
	State     string
	Client    string
	Comm      string
	PID       uint32
	Recording bool
	Class     string
}

func (v *AudioNode) fields(c *codec) {
	c.uint("id", &v.ID)
	c.str("kind", &v.Kind)
	c.str("state", &v.State)
	c.str("client", &v.Client)
	c.str("comm", &v.Comm)
	c.uint("pid", &v.PID)
	c.flag("recording", &v.Recording)
	c.str("class", &v.Class)
}

// ToMap writes v as it goes over the bus.
func (v AudioNode) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *AudioNode) FromMap(m Dict) { decode(v, m) }

// AudioOrder is a standing order for a user's audio: want of Apply("audio").
type AudioOrder struct {
	State   string
	Quantum uint32
	Rate    uint32
}

func (v *AudioOrder) fields(c *codec) {
	c.sparse = true
	c.str("state", &v.State)
	c.uint("quantum", &v.Quantum)
	c.uint("rate", &v.Rate)
}

// ToMap writes v as it goes over the bus.
func (v AudioOrder) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *AudioOrder) FromMap(m Dict) { decode(v, m) }

// AudioState is a user's audio as it is: have of Capture("audio").
type AudioState struct {
	State    string
	Quantum  uint32
	Rate     uint32
	Measured uint32
	PipeWire string
	Units    []string
}

func (v *AudioState) fields(c *codec) {
	c.str("state", &v.State)
	c.uint("quantum", &v.Quantum)
	c.uint("rate", &v.Rate)
	c.uint("measured", &v.Measured)
	c.str("pipewire", &v.PipeWire)
	c.strs("units", &v.Units)
}

// ToMap writes v as it goes over the bus.
func (v AudioState) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *AudioState) FromMap(m Dict) { decode(v, m) }

// Notification is something to tell a person: the argument of Notify.
type Notification struct {
	ID       uint32
	Kind     string
	Summary  string
	Body     string
	Urgency  string
	Deadline time.Time
	From     string
	To       string
	Ends     []string
}

func (v *Notification) fields(c *codec) {
	c.uint("id", &v.ID)
	c.str("kind", &v.Kind)
	c.str("summary", &v.Summary)
	c.str("body", &v.Body)
	c.str("urgency", &v.Urgency)
	c.time("deadline", &v.Deadline)
	c.str("from", &v.From)
	c.str("to", &v.To)
	c.strs("ends", &v.Ends)
}

// ToMap writes v as it goes over the bus.
func (v Notification) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Notification) FromMap(m Dict) { decode(v, m) }
