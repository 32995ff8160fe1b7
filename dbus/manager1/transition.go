package manager1

import "time"

// Record is a transition that is over or was refused: the dictionary Record.
type Record struct {
	ID           uint32    `json:"id"`
	From         string    `json:"from"`
	To           string    `json:"to"`
	Event        string    `json:"event"`
	Trigger      string    `json:"trigger"`
	Reason       string    `json:"reason"`
	RequesterUID uint32    `json:"requester-uid"`
	Outcome      string    `json:"outcome"`
	Mode         string    `json:"mode"`
	Message      string    `json:"message"`
	Lost         []string  `json:"lost"`
	Started      time.Time `json:"started,omitzero"`
	Finished     time.Time `json:"finished,omitzero"`
	DurationMS   uint32    `json:"duration-ms"`
	Override     bool      `json:"override"`
	// Verdicts, Steps and Facts are GetTransition's only: see Brief.
	Verdicts []Verdict `json:"verdicts,omitempty"`
	Steps    []Step    `json:"steps,omitempty"`
	Facts    string    `json:"facts,omitempty"`

	brief bool
}

func (v *Record) fields(c *codec) {
	c.uint("id", &v.ID)
	c.str("from", &v.From)
	c.str("to", &v.To)
	c.str("event", &v.Event)
	c.str("trigger", &v.Trigger)
	c.str("reason", &v.Reason)
	c.uint("requester-uid", &v.RequesterUID)
	c.str("outcome", &v.Outcome)
	c.str("mode", &v.Mode)
	c.str("message", &v.Message)
	c.strs("lost", &v.Lost)
	c.time("started", &v.Started)
	c.time("finished", &v.Finished)
	c.uint("duration-ms", &v.DurationMS)
	c.flag("override", &v.Override)
	if v.brief && c.out != nil {
		return
	}
	dicts(c, "verdicts", &v.Verdicts)
	dicts(c, "steps", &v.Steps)
	c.raw("facts", &v.Facts)
}

// ToMap writes v as it goes over the bus.
func (v Record) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Record) FromMap(m Dict) { decode(v, m) }

// Brief returns v without what only GetTransition gives, and ToMap of it
// leaves these keys out: the form of ListHistory and LastTransition.
func (v Record) Brief() Record {
	v.Verdicts, v.Steps, v.Facts, v.brief = nil, nil, "", true
	return v
}

// Progress is the open transition: the property Transition. The zero value is
// none.
type Progress struct {
	ID           uint32    `json:"id"`
	From         string    `json:"from"`
	To           string    `json:"to"`
	Event        string    `json:"event"`
	Trigger      string    `json:"trigger"`
	Reason       string    `json:"reason"`
	RequesterUID uint32    `json:"requester-uid"`
	Phase        string    `json:"phase"`
	Step         string    `json:"step"`
	Index        uint32    `json:"index"`
	Of           uint32    `json:"of"`
	Past         bool      `json:"past-point-of-no-return"`
	NoReturn     uint32    `json:"point-of-no-return"`
	Ends         []string  `json:"ends"`
	Started      time.Time `json:"started,omitzero"`
	Deadline     time.Time `json:"deadline,omitzero"`
	Message      string    `json:"message"`
}

func (v *Progress) fields(c *codec) {
	c.uint("id", &v.ID)
	c.str("from", &v.From)
	c.str("to", &v.To)
	c.str("event", &v.Event)
	c.str("trigger", &v.Trigger)
	c.str("reason", &v.Reason)
	c.uint("requester-uid", &v.RequesterUID)
	c.str("phase", &v.Phase)
	c.str("step", &v.Step)
	c.uint("index", &v.Index)
	c.uint("of", &v.Of)
	c.flag("past-point-of-no-return", &v.Past)
	c.uint("point-of-no-return", &v.NoReturn)
	c.strs("ends", &v.Ends)
	c.time("started", &v.Started)
	c.time("deadline", &v.Deadline)
	c.str("message", &v.Message)
}

// ToMap writes v as it goes over the bus; none is an empty dictionary.
func (v Progress) ToMap() Dict {
	if v.ID == 0 {
		return Dict{}
	}
	return encode(&v)
}

// FromMap reads v as it came over the bus.
func (v *Progress) FromMap(m Dict) { decode(v, m) }

// Open tells whether there is a transition at all.
func (v Progress) Open() bool { return v.ID != 0 }
