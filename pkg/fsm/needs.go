package fsm

import (
	"context"
	"encoding/json"
	"time"
)

// Judge collects facts and asks guards. A Judge never fails: what it cannot
// see, it calls unknown.
type Judge interface {
	Judge(ctx context.Context, q Question) Judgement
}

// Question is what a Judge is asked.
type Question struct {
	Guards []GuardSpec
	From   string
	To     string
	// Ends are the sessions that the plan ends and Units the units that it
	// owns; what these hold or burn is not in the way.
	Ends  []Session
	Units []string
	// Fresh forbids facts that were collected before the question.
	Fresh bool
}

// Judgement is a Judge's answer, with the facts that decided as JSON of at most
// 64 KiB.
type Judgement struct {
	Verdicts []Verdict
	Facts    json.RawMessage
}

// Sessions tells who is at the machine.
type Sessions interface {
	// Graphical lists the sessions that ending the GUI would end, the users'
	// and the greeter's, sorted by id.
	Graphical(ctx context.Context) ([]Session, error)
}

// Host is what the engine must know about the machine it runs on.
type Host interface {
	// Boottime is CLOCK_BOOTTIME: it goes on during suspend and is the same for
	// every process of one boot.
	Boottime() time.Duration
	// Alarm is closed when Boottime reaches at, or never once ctx is done.
	Alarm(ctx context.Context, at time.Duration) <-chan struct{}
	// Stopping tells whether the machine is shutting down, when PID 1 refuses
	// jobs and undoing is futile.
	Stopping(ctx context.Context) bool
}

// Notifier tells people at the machine. It must not block.
type Notifier interface {
	Notify(n Notice)
}

// Notice is news for the people whom a transition concerns.
type Notice struct {
	// Kind is grace, cancelled, started (steps begin), awaiting-confirm, finished.
	Kind     string
	ID       uint32
	From, To string
	// Deadline is when the grace period, or the wait for confirmation, ends.
	Deadline time.Time
	Ends     []Session
	Text     string
	// Outcome is how a finished transition ended.
	Outcome End
}

// Observer is told of every change, in order, from the engine's goroutine. It
// must not block and must not call the engine.
type Observer interface {
	// Changed follows every change of State.
	Changed(s State)
	Started(t Transition)
	StepChanged(id uint32, total int, s Step)
	Finished(t Transition)
	// ModeChanged is once per change of settled mode.
	ModeChanged(from, to string, id uint32)
}

// LateObserver is an Observer that also hears how the steps end that go on after
// the mode has settled. Their transition is Finished before, and they are in no
// State; s is done, or failed with its Problem.
type LateObserver interface {
	Observer
	StepEndedLate(id uint32, total int, s Step)
}

// State is what the engine shows to readers: an immutable snapshot.
type State struct {
	// Mode is what clients see: a mode, Boot or Transitioning.
	Mode string
	// Target is where a transition goes; empty from the first undo on.
	Target string
	// Open is the transition under way, or nil.
	Open *Progress
	// Last is the last finished transition that was not refused, or nil.
	Last *Transition
	// Verdicts are those of the last request that asked the guards.
	Verdicts []Verdict
	// Degraded says, one sentence each, what is not as it should be.
	Degraded []string
}

// Progress is a transition under way.
type Progress struct {
	ID     uint32
	From   string
	To     string
	Event  string
	Phase  Phase
	Step   string
	Index  int
	Of     int
	Reason string
	UID    uint32
	// NoReturn is the index of the point of no return or -1, and Past whether
	// it lies behind.
	NoReturn int
	Past     bool
	// Deadline is when the phase ends by itself (grace, awaiting-confirm), or
	// zero.
	Deadline time.Time
	// Note is what the current step waits for.
	Note string
	// Trigger and Started are the transition's; Ends are the sessions that it
	// ends or has ended.
	Trigger string
	Started time.Time
	Ends    []Session
	// Steps are all of the plan, as they stand; those that have not begun are
	// pending. They must not be changed.
	Steps []Step
}

// History keeps finished transitions and gives out ids. Ids rise over reboots.
type History interface {
	NextID() (uint32, error)
	Append(t Transition) error
	// List returns at most limit transitions, newest first; 0 means all.
	List(limit int) ([]Transition, error)
	Get(id uint32) (Transition, error)
	// SetChosen and Chosen keep the mode that a person chose last.
	SetChosen(mode string) error
	Chosen() (string, error)
}
