package fsm

// Outcome is a guard's answer to "may we go?".
type Outcome string

// The four answers. Unknown denies unless the guard says otherwise: a machine
// that cannot see a take must not end it.
const (
	Pass    Outcome = "pass"
	Warn    Outcome = "warn"
	Deny    Outcome = "deny"
	Unknown Outcome = "unknown"
)

// Verdict is one guard's answer with everything a person needs to act on it.
// Its texts are the same for every reader: they hold what ps shows everybody,
// never command lines, paths, window titles or media names.
type Verdict struct {
	// Guard is the admin's name; Kind the code's. Verdicts that no guard gave
	// have the kind "law", "busy", "holds" or "preflight".
	Guard   string  `json:"guard"`
	Kind    string  `json:"kind"`
	Outcome Outcome `json:"outcome"`
	// Code is stable and for programs: "audio-active", "load-high", …
	Code string `json:"code"`
	// Summary is a sentence without a full stop: "REAPER is recording".
	Summary string `json:"summary"`
	// Measured and Limit are what was seen and what is allowed, with units.
	Measured string `json:"measured,omitempty"`
	Limit    string `json:"limit,omitempty"`
	// Culprits are who causes it; Remedy is what to do about it.
	Culprits []Culprit `json:"culprits,omitempty"`
	Remedy   string    `json:"remedy,omitempty"`
	// Overridable is false when not even the override flag passes it.
	Overridable bool `json:"overridable"`
}

// Blocks tells whether the verdict stands in the way of a transition.
func (v Verdict) Blocks(override bool) bool {
	if v.Outcome != Deny && v.Outcome != Unknown {
		return false
	}
	return !override || !v.Overridable
}

// Culprit is who or what causes a verdict.
type Culprit struct {
	// Kind is process, unit, session, user, client, gpu, pod or hold; the other
	// fields are set as far as they are known.
	Kind    string `json:"kind"`
	PID     uint32 `json:"pid,omitempty"`
	Comm    string `json:"comm,omitempty"`
	UID     uint32 `json:"uid,omitempty"`
	User    string `json:"user,omitempty"`
	Unit    string `json:"unit,omitempty"`
	Session string `json:"session,omitempty"`
	// Client is an audio client's name, a pod's, a GPU's, a holder's.
	Client string `json:"client,omitempty"`
	// Detail is one more fact: "recording", "82 % of gpu0".
	Detail string `json:"detail,omitempty"`
}
