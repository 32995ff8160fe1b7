package manager1

import "time"

// ModeInfo is a mode of the catalog: the rows of ListModes.
type ModeInfo struct {
	Mode      string   `json:"mode"`
	Summary   string   `json:"summary"`
	Headless  bool     `json:"headless"`
	Current   bool     `json:"current"`
	Default   bool     `json:"default"`
	Reachable bool     `json:"reachable"`
	Way       []string `json:"way"`
	Settings  []string `json:"settings"`
}

func (v *ModeInfo) fields(c *codec) {
	c.str("mode", &v.Mode)
	c.str("summary", &v.Summary)
	c.flag("headless", &v.Headless)
	c.flag("current", &v.Current)
	c.flag("default", &v.Default)
	c.flag("reachable", &v.Reachable)
	c.strs("way", &v.Way)
	c.strs("settings", &v.Settings)
}

// ToMap writes v as it goes over the bus.
func (v ModeInfo) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *ModeInfo) FromMap(m Dict) { decode(v, m) }

// HoldInfo is a claim that the mode must not change: the rows of ListHolds.
type HoldInfo struct {
	Scope string    `json:"scope"`
	Who   string    `json:"who"`
	Why   string    `json:"why"`
	UID   uint32    `json:"uid"`
	User  string    `json:"user"`
	Since time.Time `json:"since,omitzero"`
}

func (v *HoldInfo) fields(c *codec) {
	c.str("scope", &v.Scope)
	c.str("who", &v.Who)
	c.str("why", &v.Why)
	c.uint("uid", &v.UID)
	c.str("user", &v.User)
	c.time("since", &v.Since)
}

// ToMap writes v as it goes over the bus.
func (v HoldInfo) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *HoldInfo) FromMap(m Dict) { decode(v, m) }

// Setting is a setting of the current mode, held against the machine: the rows
// of Verify.
type Setting struct {
	Kind      string `json:"kind"`
	Key       string `json:"key"`
	Want      string `json:"want"`
	Have      string `json:"have"`
	Settled   bool   `json:"settled"`
	Essential bool   `json:"essential"`
	Error     string `json:"error"`
}

func (v *Setting) fields(c *codec) {
	c.str("kind", &v.Kind)
	c.str("key", &v.Key)
	c.str("want", &v.Want)
	c.str("have", &v.Have)
	c.flag("settled", &v.Settled)
	c.flag("essential", &v.Essential)
	c.str("error", &v.Error)
}

// ToMap writes v as it goes over the bus.
func (v Setting) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Setting) FromMap(m Dict) { decode(v, m) }

// Properties are all properties of the interface.
type Properties struct {
	Mode           string    `json:"mode"`
	Target         string    `json:"target"`
	Transition     Progress  `json:"transition"`
	LastTransition Record    `json:"last-transition"`
	LastVerdicts   []Verdict `json:"last-verdicts"`
	Degraded       []string  `json:"degraded"`
	Holds          uint32    `json:"holds"`
	Modes          []string  `json:"modes"`
	Version        string    `json:"version"`
}

// ToMap writes p as GetAll answers it.
func (p Properties) ToMap() Dict {
	c := codec{out: Dict{}}
	p.fields(&c)
	last := Dict{}
	if p.LastTransition.ID != 0 {
		last = p.LastTransition.Brief().ToMap()
	}
	c.out[PropTransition] = makeDict(p.Transition.ToMap())
	c.out[PropLastTransition] = makeDict(last)
	return c.out
}

// FromMap reads what of p is in m, as GetAll or PropertiesChanged have it, and
// leaves the rest.
func (p *Properties) FromMap(m Dict) {
	if v, ok := m[PropTransition].Value().(Dict); ok {
		p.Transition = Progress{}
		p.Transition.FromMap(v)
	}
	if v, ok := m[PropLastTransition].Value().(Dict); ok {
		p.LastTransition = Record{}
		p.LastTransition.FromMap(v)
	}
	p.fields(&codec{in: m})
}

// fields shows the properties that are not dictionaries.
func (p *Properties) fields(c *codec) {
	c.str(PropMode, &p.Mode)
	c.str(PropTarget, &p.Target)
	dicts(c, PropLastVerdicts, &p.LastVerdicts)
	c.strs(PropDegraded, &p.Degraded)
	c.uint(PropHolds, &p.Holds)
	c.strs(PropModes, &p.Modes)
	c.str(PropVersion, &p.Version)
}
