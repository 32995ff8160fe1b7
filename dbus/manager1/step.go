package manager1

import "time"

// Step is one setting's release or acquire, or a hook: the dictionary Step.
type Step struct {
	Index        uint32    `json:"index"`
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Key          string    `json:"key"`
	Phase        string    `json:"phase"`
	Stage        string    `json:"stage"`
	Summary      string    `json:"summary"`
	Details      []string  `json:"details"`
	Essential    bool      `json:"essential"`
	Irreversible bool      `json:"irreversible"`
	Background   bool      `json:"background"`
	Ends         []string  `json:"ends"`
	Sessions     []Session `json:"sessions"`
	Status       string    `json:"status"`
	Began        time.Time `json:"began,omitzero"`
	DurationMS   uint32    `json:"duration-ms"`
	UndoBegan    time.Time `json:"undo-began,omitzero"`
	UndoMS       uint32    `json:"undo-ms,omitempty"`
	DeadlineS    uint32    `json:"deadline-s"`
	Error        string    `json:"error"`
}

func (v *Step) fields(c *codec) {
	c.uint("index", &v.Index)
	c.str("name", &v.Name)
	c.str("kind", &v.Kind)
	c.str("key", &v.Key)
	c.str("phase", &v.Phase)
	c.str("stage", &v.Stage)
	c.str("summary", &v.Summary)
	c.strs("details", &v.Details)
	c.flag("essential", &v.Essential)
	c.flag("irreversible", &v.Irreversible)
	c.flag("background", &v.Background)
	c.strs("ends", &v.Ends)
	dicts(c, "sessions", &v.Sessions)
	c.str("status", &v.Status)
	c.time("began", &v.Began)
	c.uint("duration-ms", &v.DurationMS)
	c.time("undo-began", &v.UndoBegan)
	c.uint("undo-ms", &v.UndoMS)
	c.uint("deadline-s", &v.DeadlineS)
	c.str("error", &v.Error)
}

// ToMap writes v as it goes over the bus.
func (v Step) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *Step) FromMap(m Dict) { decode(v, m) }

// Plan is the answer of the method Plan.
type Plan struct {
	Allowed  bool      `json:"allowed"`
	Verdicts []Verdict `json:"verdicts"`
	Steps    []Step    `json:"steps"`
}

// PointOfNoReturn is the place in Steps of the first irreversible step, or -1.
func (p Plan) PointOfNoReturn() int {
	for i, s := range p.Steps {
		if s.Irreversible {
			return i
		}
	}
	return -1
}

// Ends lists the sessions that the plan ends, one line each.
func (p Plan) Ends() []string {
	var lines []string
	for _, s := range p.Steps {
		lines = append(lines, s.Ends...)
	}
	return lines
}
