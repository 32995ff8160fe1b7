// Package manager1 is the Go side of the bus contract in dbus/*.xml: its names,
// its dictionaries as structs that both the server and clients use, its errors
// as Go errors, and a Client.
//
// The XML is the source of truth; a test compares every name, signature and
// key here with it. This package decides nothing and knows no daemon code.
package manager1

import "github.com/godbus/dbus/v5"

// Where the daemon is found.
const (
	BusName         = "org.modectl.Manager1"
	Path            = dbus.ObjectPath("/org/modectl/Manager1")
	Interface       = "org.modectl.Manager1"
	AgentsInterface = "org.modectl.Agents1"
)

// Where an agent is found, at its unique name.
const (
	AgentPath      = dbus.ObjectPath("/org/modectl/Agent1")
	AgentInterface = "org.modectl.Agent1"
)

// Methods of Interface.
const (
	MethodSwitchMode    = "SwitchMode"
	MethodPlan          = "Plan"
	MethodCanSwitch     = "CanSwitch"
	MethodCancel        = "Cancel"
	MethodConfirm       = "Confirm"
	MethodProceed       = "Proceed"
	MethodRecover       = "Recover"
	MethodReload        = "Reload"
	MethodHold          = "Hold"
	MethodRelease       = "Release"
	MethodListModes     = "ListModes"
	MethodListHolds     = "ListHolds"
	MethodListHistory   = "ListHistory"
	MethodGetTransition = "GetTransition"
	MethodResources     = "Resources"
	MethodVerify        = "Verify"
)

// Methods of AgentsInterface and AgentInterface.
const (
	MethodRegisterAgent = "RegisterAgent"
	MethodReportAudio   = "ReportAudio"
	MethodApply         = "Apply"
	MethodCapture       = "Capture"
	MethodNotify        = "Notify"
)

// Properties of Interface.
const (
	PropMode           = "Mode"
	PropTarget         = "Target"
	PropTransition     = "Transition"
	PropLastTransition = "LastTransition"
	PropLastVerdicts   = "LastVerdicts"
	PropDegraded       = "Degraded"
	PropHolds          = "Holds"
	PropModes          = "Modes"
	PropVersion        = "Version"
)

// Signals of Interface.
const (
	SignalModeChanged        = "ModeChanged"
	SignalTransitionStarted  = "TransitionStarted"
	SignalStepChanged        = "StepChanged"
	SignalTransitionFinished = "TransitionFinished"
)

// Flags of SwitchMode and Plan.
const (
	OverrideGuards uint32 = 1
	SkipCountdown  uint32 = 2
	Automatic      uint32 = 4
)

// Flags of Recover.
const (
	RecoverUndo  uint32 = 0
	RecoverFresh uint32 = 1
	RecoverAdopt uint32 = 2
)

// Values of the property Mode that are not modes.
const (
	ModeBoot          = "boot"
	ModeTransitioning = "transitioning"
)

// Scopes of Hold.
const (
	HoldAutomatic = "automatic"
	HoldAll       = "all"
)

// Answers of CanSwitch.
const (
	CanYes       = "yes"
	CanChallenge = "challenge"
	CanNo        = "no"
	CanNotNow    = "na"
)

// Outcomes of a verdict.
const (
	Pass    = "pass"
	Warn    = "warn"
	Deny    = "deny"
	Unknown = "unknown"
)

// Phases of an open transition.
const (
	PhaseGuarding        = "guarding"
	PhaseGrace           = "grace"
	PhaseRunning         = "running"
	PhaseUndoing         = "undoing"
	PhaseAwaitingConfirm = "awaiting-confirm"
	PhaseStuck           = "stuck"
)

// Outcomes of a transition.
const (
	Settled    = "settled"
	RolledBack = "rolled-back"
	Stuck      = "stuck"
	Refused    = "refused"
	Cancelled  = "cancelled"
)

// Statuses of a step.
const (
	Pending = "pending"
	Doing   = "doing"
	Done    = "done"
	Failed  = "failed"
	Skipped = "skipped"
	Undoing = "undoing"
	Undone  = "undone"
)

// NoReturnPoint is Progress.PointOfNoReturn when there is none.
const NoReturnPoint uint32 = 4294967295

// MaxText is how many runes a caller's text may have.
const MaxText = 128

// Polkit actions, as in org.modectl.policy.
const (
	ActionSwitchMode     = "org.modectl.switch-mode"
	ActionEndOwnSession  = "org.modectl.end-own-session"
	ActionLeaveHeadless  = "org.modectl.leave-headless"
	ActionEndSessions    = "org.modectl.end-sessions"
	ActionHold           = "org.modectl.hold"
	ActionHoldAll        = "org.modectl.hold-all"
	ActionOverrideGuards = "org.modectl.override-guards"
	ActionAdminister     = "org.modectl.administer"
)
