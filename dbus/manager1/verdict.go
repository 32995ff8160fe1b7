package manager1

import "time"

// Verdict is what one guard, or the law, says: the dictionary Verdict.
type Verdict struct {
	Guard       string    `json:"guard"`
	Kind        string    `json:"kind"`
	Outcome     string    `json:"outcome"`
	Code        string    `json:"code"`
	Summary     string    `json:"summary"`
	Measured    string    `json:"measured"`
	Limit       string    `json:"limit"`
	Culprits    []Culprit `json:"culprits"`
	Remedy      string    `json:"remedy"`
	Overridable bool      `json:"overridable"`
}

func (v *Verdict) fields(c *codec) {
	c.str("guard", &v.Guard)
	c.str("kind", &v.Kind)
	c.str("outcome", &v.Outcome)
	c.str("code", &v.Code)
	c.str("summary", &v.Summary)
	c.str("measured", &v.Measured)
	c.str("limit", &v.Limit)
	dicts(c, "culprits", &v.Culprits)
	c.str("remedy", &v.Remedy)
	c.flag("overridable", &v.Overridable)
}

// ToMap writes v as it goes over the bus.
func (v Verdict) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Verdict) FromMap(m Dict) { decode(v, m) }

// Blocks tells whether v stands in the way of a switch with these flags. An
// outcome that this client does not know does.
func (v Verdict) Blocks(flags uint32) bool {
	if v.Outcome == Pass || v.Outcome == Warn {
		return false
	}
	return flags&OverrideGuards == 0 || !v.Overridable
}

// Culprit is somebody whom a verdict names: the dictionary Culprit. Zero values
// are left out on the wire.
type Culprit struct {
	Kind    string `json:"kind"`
	PID     uint32 `json:"pid,omitempty"`
	Comm    string `json:"comm,omitempty"`
	User    string `json:"user,omitempty"`
	UID     uint32 `json:"uid,omitempty"`
	Unit    string `json:"unit,omitempty"`
	Session string `json:"session,omitempty"`
	Client  string `json:"client,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

func (v *Culprit) fields(c *codec) {
	c.sparse = true
	c.str("kind", &v.Kind)
	c.uint("pid", &v.PID)
	c.str("comm", &v.Comm)
	c.str("user", &v.User)
	c.uint("uid", &v.UID)
	c.str("unit", &v.Unit)
	c.str("session", &v.Session)
	c.str("client", &v.Client)
	c.str("detail", &v.Detail)
}

// ToMap writes v as it goes over the bus.
func (v Culprit) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Culprit) FromMap(m Dict) { decode(v, m) }

// Session is a login session: the dictionary Session.
type Session struct {
	Session string   `json:"session"`
	UID     uint32   `json:"uid"`
	User    string   `json:"user"`
	Seat    string   `json:"seat"`
	Type    string   `json:"type"`
	Class   string   `json:"class"`
	Desktop string   `json:"desktop"`
	Remote  bool     `json:"remote"`
	Active  bool     `json:"active"`
	Closes  []string `json:"closes"`
	// Idle and IdleSince are of sessions in Resources.
	Idle      bool      `json:"idle,omitempty"`
	IdleSince time.Time `json:"idle-since,omitzero"`
}

func (v *Session) fields(c *codec) {
	c.str("session", &v.Session)
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.str("seat", &v.Seat)
	c.str("type", &v.Type)
	c.str("class", &v.Class)
	c.str("desktop", &v.Desktop)
	c.flag("remote", &v.Remote)
	c.flag("active", &v.Active)
	c.flag("idle", &v.Idle)
	c.time("idle-since", &v.IdleSince)
	c.strs("closes", &v.Closes)
}

// ToMap writes v as it goes over the bus.
func (v Session) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Session) FromMap(m Dict) { decode(v, m) }
