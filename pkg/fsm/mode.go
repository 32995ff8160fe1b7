package fsm

import "time"

// Names of the two states that are not modes of an admin's making.
const (
	// Boot is the initial state. It changes nothing and is left by itself.
	Boot = "boot"
	// Transitioning is what clients see while a through-edge is under way.
	Transitioning = "transitioning"
)

// Mode is a life of the machine, stated absolutely: where every knob stands,
// never how to get there or how to leave.
type Mode struct {
	// Name matches ^[a-z][a-z0-9-]{0,31}$.
	Name string `json:"name"`
	// Summary is one line for people.
	Summary string `json:"summary"`
	// Settings has one entry for each knob that the mode turns, sorted by
	// kind and key. A knob that is "any" has none.
	Settings []Setting `json:"settings"`
	// Headless is true when the mode has gui = false: leaving such a mode has
	// a polkit action of its own.
	Headless bool `json:"headless"`
}

// Setting is one knob that a mode states.
type Setting struct {
	// Kind names the action that moves the knob: gui, units, slices, …
	Kind string `json:"kind"`
	// Key tells knobs of one kind apart: a unit, a slice, a GPU's name. It is
	// empty for kinds with a single knob (gui, audio, target).
	Key string `json:"key"`
	// Value is where the knob stands, with all that its action needs.
	Value Value `json:"value"`
	// Essential settings fail the transition when they fail; the others are
	// acquired after settling, and their failure is only reported.
	Essential bool `json:"essential"`
	// WhenMissing is what a plan does when the thing does not exist here.
	WhenMissing Missing `json:"when-missing"`
}

// ID names the knob in messages and traces: "units/fstrim.timer", "gui".
func (s Setting) ID() string { return knobID(s.Kind, s.Key) }

func knobID(kind, key string) string {
	if key == "" {
		return kind
	}
	return kind + "/" + key
}

// Missing is what a plan does about a thing that does not exist here.
type Missing string

// The two ways to meet a missing thing.
const (
	Refuse Missing = "refuse"
	Skip   Missing = "skip"
)

// TriggerAutomatic is a request over a person's edges that no person is behind
// at the moment, as a timer's: it heeds holds against automatic changes, and is
// not what somebody chose.
const TriggerAutomatic = "automatic"

// triggerManual is what begins a person's request.
const triggerManual = "manual"

// Edge is an allowed way from one mode to another.
type Edge struct {
	// Event is the edge's name in the law: enter_studio, to_compute, …
	Event string `json:"event"`
	From  string `json:"from"`
	To    string `json:"to"`
	// Through is true when clients see Transitioning on the way.
	Through bool `json:"through"`
	// Guards are names of the Catalog's guards, all of them always asked.
	Guards []string `json:"guards,omitempty"`
	// Triggers lists what may begin the edge. "manual" is a person's request;
	// an edge with no triggers at all is manual.
	Triggers []string `json:"triggers,omitempty"`
	// Grace is the time between the promise and the first touch.
	Grace time.Duration `json:"grace,omitempty"`
	// AfterCondition is how long a trigger's condition must have held.
	AfterCondition time.Duration `json:"after-condition,omitempty"`
	// Before and After are units started and awaited around the steps.
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
	// WhenMissing is what a plan does about a hook unit that is not there.
	WhenMissing Missing `json:"when-missing,omitempty"`
}

// Manual tells whether a person may ask for the edge.
func (e Edge) Manual() bool {
	if len(e.Triggers) == 0 {
		return true
	}
	for _, t := range e.Triggers {
		if t == triggerManual {
			return true
		}
	}
	return false
}

// GuardSpec is a guard as configured: which code, with which parameters.
type GuardSpec struct {
	// Name is the admin's; Kind names the code.
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Params is the kind's own parameters, validated when the catalog was made.
	Params Value `json:"params"`
	// LastLook asks the guard once more right before a session is ended.
	LastLook bool `json:"last-look,omitempty"`
	// WarnUnknown turns an unknown verdict into a warning (on-unknown = "warn").
	WarnUnknown bool `json:"warn-unknown,omitempty"`
	// Final guards cannot be overridden (overridable = false).
	Final bool `json:"final,omitempty"`
}

// Session is a login session that a plan would end, or somebody's in the way.
// The ID is logind's and is what later looks are compared by.
type Session struct {
	ID   string `json:"id"`
	UID  uint32 `json:"uid"`
	User string `json:"user"`
	Seat string `json:"seat,omitempty"`
	// Class and Type are logind's: user, greeter, …; wayland, x11, tty, …
	Class string `json:"class"`
	Type  string `json:"type"`
	// Scope is the session's unit, session-3.scope.
	Scope string `json:"scope,omitempty"`
}
