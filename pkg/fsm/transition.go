package fsm

import (
	"encoding/json"
	"time"
)

// Phase is where a transition is while it runs.
type Phase string

// The phases, as on the bus.
const (
	Guarding        Phase = "guarding"
	Grace           Phase = "grace"
	Running         Phase = "running"
	Undoing         Phase = "undoing"
	AwaitingConfirm Phase = "awaiting-confirm"
	StuckPhase      Phase = "stuck"
)

// End is how a transition ended.
type End string

// The outcomes, as on the bus.
const (
	Settled    End = "settled"
	RolledBack End = "rolled-back"
	Stuck      End = "stuck"
	Refused    End = "refused"
	Cancelled  End = "cancelled"
)

// Status is where a step stands.
type Status string

// The ladder of a step. Its two legs are pending→doing→done and
// doing|done→undoing→undone; failed is a step whose undo failed as well, or a
// background acquire that failed.
const (
	Pending     Status = "pending"
	Doing       Status = "doing"
	Done        Status = "done"
	Failed      Status = "failed"
	SkippedStep Status = "skipped"
	UndoingStep Status = "undoing"
	Undone      Status = "undone"
)

// Leg says which half of a setting's change a step is.
type Leg string

// The legs of a change, and hooks beside them.
const (
	Release Leg = "release"
	Acquire Leg = "acquire"
	Hook    Leg = "hook"
)

// Step is a setting's release or acquire, or a hook, with its fate. It is data:
// the code is looked up by Kind when it runs.
type Step struct {
	Index int    `json:"index"`
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	Leg   Leg    `json:"leg"`
	Stage Stage  `json:"stage"`
	// Want is what Do is given; Was what Capture found.
	Want     Value    `json:"want"`
	Was      Snapshot `json:"was,omitempty"`
	Captured bool     `json:"captured,omitempty"`

	Summary string   `json:"summary"`
	Details []string `json:"details,omitempty"`
	// Essential is false for steps whose failure only degrades.
	Essential bool `json:"essential"`
	// Irreversible steps end what no undo brings back. The first one is the
	// plan's point of no return.
	Irreversible bool `json:"irreversible,omitempty"`
	// Background steps run after the mode has settled.
	Background bool `json:"background,omitempty"`

	Status Status `json:"status"`
	// Began and Ended are of what was done, UndoBegan and UndoEnded of how it
	// was taken back.
	Began     time.Time `json:"began,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	UndoBegan time.Time `json:"undo-began,omitzero"`
	UndoEnded time.Time `json:"undo-ended,omitzero"`
	Problem   string    `json:"error,omitempty"`
}

// Name is how traces and people call the step: "gui release",
// "units/ai.service acquire".
func (s Step) Name() string { return knobID(s.Kind, s.Key) + " " + string(s.Leg) }

// Plan is the immutable answer to "what would you do?".
type Plan struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Event   string `json:"event"`
	Through bool   `json:"through"`
	// Allowed is false when a verdict blocks, the law's and preflight's
	// included.
	Allowed  bool      `json:"allowed"`
	Verdicts []Verdict `json:"verdicts"`
	Steps    []Step    `json:"steps"`
	// Lacks names the knobs that preflight found cannot be moved here. With the
	// override that goes home in any case, they stay as they are; so do those that a
	// correction leaves to the person who sits there.
	Lacks []string `json:"lacks,omitempty"`
	// Ends are the sessions that the plan ends, frozen by id.
	Ends []Session `json:"ends,omitempty"`
	// NoReturn is the index of the first irreversible step, or -1.
	NoReturn int           `json:"no-return"`
	Grace    time.Duration `json:"grace,omitempty"`
}

// Transition is one run of a plan, as kept in the history.
type Transition struct {
	ID     uint32 `json:"id"`
	From   string `json:"from"`
	To     string `json:"to"`
	Event  string `json:"event"`
	Reason string `json:"reason,omitempty"`
	// UID is who asked; Trigger is what began it: manual, default, idle, …
	UID      uint32 `json:"uid"`
	Trigger  string `json:"trigger"`
	Override bool   `json:"override,omitempty"`

	Outcome End `json:"outcome"`
	// Mode is the settled mode after it.
	Mode    string `json:"mode"`
	Message string `json:"message"`
	// Ends are the sessions that the plan was to end; the status of the step
	// that ends them says whether it did.
	Ends []Session `json:"ends,omitempty"`
	// Lost names the sessions that were ended and cannot be restored.
	Lost     []Session `json:"lost,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`

	Verdicts []Verdict       `json:"verdicts,omitempty"`
	Steps    []Step          `json:"steps,omitempty"`
	Facts    json.RawMessage `json:"facts,omitempty"`
}
