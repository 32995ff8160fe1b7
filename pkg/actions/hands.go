package actions

import (
	"context"
	"errors"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// ErrNoUnit says that PID 1 knows no such unit.
var ErrNoUnit = errors.New("no such unit")

// UnitState is what PID 1 says of a unit, re-read after every job: a job
// result of "done" is no proof (a failed condition is "done" too).
type UnitState struct {
	// ID is the primary name; an alias such as display-manager.service has
	// another one.
	ID string
	// Load is loaded, not-found, masked, …; Active is active, inactive,
	// activating, deactivating, failed, reloading.
	Load   string
	Active string
	Sub    string
	// Result is the service's: success, exit-code, timeout, …
	Result string
	// ConditionResult is false when the last start was skipped.
	ConditionResult bool
	Type            string // of a service: simple, notify, oneshot, …
	// InvocationID changes with every start.
	InvocationID string
	// EnvironmentFiles are the paths of EnvironmentFile=, a leading dash kept.
	EnvironmentFiles []string
	// RemainAfterExit oneshots count as active when done.
	RemainAfterExit bool
	Processes       int // in its cgroup, -1 when unknown
	// MainPID is the service's main process, 0 when there is none.
	MainPID uint32
	// Pending tells whether a job of the unit waits or runs.
	Pending bool
	// Gated tells whether a condition on its gate file holds the unit's starts.
	Gated bool
}

// Units is PID 1's side: jobs and states. Start and Stop return when the job is
// finished or the context ends; the caller re-reads the state. A unit that does
// not exist has the load state not-found, which is no error of State.
type Units interface {
	State(ctx context.Context, unit string) (UnitState, error)
	Start(ctx context.Context, unit string) (result string, err error)
	Stop(ctx context.Context, unit string) (result string, err error)
	ResetFailed(ctx context.Context, unit string) error
	// Members lists what the unit pulls in: WantedBy= and RequiredBy= of it,
	// one level, that are PartOf= it.
	Members(ctx context.Context, unit string) ([]string, error)
}

// Graph is a Units that knows how units hang together, which is what isolating
// one of them goes by.
type Graph interface {
	// Awake lists the units that are not at rest by their primary names, but
	// for devices, which no job stops.
	Awake(ctx context.Context) ([]string, error)
	// Links reads what jobs would follow from a unit. One that does not exist
	// has none, without an error.
	Links(ctx context.Context, unit string) (Links, error)
	// Isolate starts the unit and stops all that it does not want. It returns
	// when the start is finished; some may still be stopping then.
	Isolate(ctx context.Context, unit string) (result string, err error)
	// StopAlone stops the unit, and nothing that is part of it.
	StopAlone(ctx context.Context, unit string) (result string, err error)
}

// Links are a unit's dependencies, see systemd.unit(5), by what follows them.
type Links struct {
	// ID is the primary name, Loaded whether it can be started at all.
	ID     string
	Loaded bool
	// AllowIsolate and IgnoreOnIsolate are the unit's own words.
	AllowIsolate    bool
	IgnoreOnIsolate bool
	// Lost is true for what nobody can start again by hand: a transient unit,
	// or one that refuses it.
	Lost bool
	// Needs and Pulls are started with it, and it fails without Needs
	// (Requires= and its kin; Wants= and its). Fights are stopped for it
	// (Conflicts=), Drags with it (RequiredBy=, ConsistsOf= and their kin).
	Needs  []string
	Pulls  []string
	Fights []string
	Drags  []string
	// TriggeredBy are sockets, timers and paths that start it, Triggers what it
	// starts as one of them.
	TriggeredBy []string
	Triggers    []string
}

// Glancer is a Units that can read the least of a unit for less: ID, Load,
// Active and Sub. Most looks at a unit want no more.
type Glancer interface {
	Glance(ctx context.Context, unit string) (UnitState, error)
}

// Slices reads and sets resource limits at PID 1, runtime only, of slices and of
// services. A unit that has neither processes nor a fragment is ErrNoUnit: PID 1
// would take and show its limits, and nothing would be limited.
type Slices interface {
	Limits(ctx context.Context, slice string) (Limits, error)
	SetLimits(ctx context.Context, slice string, l Limits) error
}

// Logind ends sessions and tells whether they are gone.
type Logind interface {
	fsm.Sessions
	// SessionState returns "gone" when logind does not know the session.
	SessionState(ctx context.Context, id string) (state string, err error)
	Terminate(ctx context.Context, id string) error
	// Kill sends SIGKILL to all of the session.
	Kill(ctx context.Context, id string) error
	// OtherSessions lists the user's sessions but for those with an id in
	// except; the user's manager is none.
	OtherSessions(ctx context.Context, uid uint32, except []string) ([]fsm.Session, error)
}

// Leaders is a Logind that knows the process that a session began with.
type Leaders interface {
	Leader(ctx context.Context, id string) (pid uint32, err error)
}

// Agents reaches the users' agents. A kind is one that agents know, audio or
// session; of slices it says which: slices/background.slice.
type Agents interface {
	// Registered lists uids with an agent on the bus.
	Registered() []uint32
	Apply(ctx context.Context, uid uint32, kind string, want fsm.Value) (settled bool, detail string, err error)
	Capture(ctx context.Context, uid uint32, kind string) (fsm.Value, error)
	// Order makes want a standing order of that kind: applied to every agent
	// now, and again whenever one registers or its PipeWire restarts. The
	// empty Value lifts the order. Standing returns the present one.
	Order(kind string, want fsm.Value)
	Standing(kind string) fsm.Value
	// AudioServers lists uids for which an audio server runs, agent or not.
	AudioServers(ctx context.Context) ([]uint32, error)
}

// Device is a GPU as the action needs it.
type Device struct {
	PCI       string
	UUID      string
	Nodes     []string
	Connected bool
	Suspended bool
	Holders   []DeviceHolder
}

// DeviceHolder is a process with the device open.
type DeviceHolder struct {
	PID      uint32
	Comm     string
	UID      uint32
	User     string
	Unit     string
	Session  string
	Compute  bool
	Graphics bool
}

// Devices lists GPUs with their holders, freshly looked up.
type Devices interface {
	Devices(ctx context.Context) ([]Device, error)
}

// Files is the runtime directory: environment files for units and the gate
// files that drop-ins of managed units look at. Writes are atomic.
type Files interface {
	// ReadEnv returns the file's text and false when there is none.
	ReadEnv(unit string) (string, bool, error)
	WriteEnv(unit, text string) error
	RemoveEnv(unit string) error
	// Denied tells whether the unit's gate is shut; Deny shuts or opens it.
	Denied(unitID string) (bool, error)
	Deny(unitID string, shut bool) error
}

// Prober asks whether a service is ready: an HTTP GET on loopback that must
// answer 200. The brain has no network; the call goes through a helper.
type Prober interface {
	Ready(ctx context.Context, url string) error
}

// Limits are a slice's. A nil field is not set and not touched.
type Limits struct {
	CPUWeight   *uint64 `json:"cpu-weight,omitempty"`
	IOWeight    *uint64 `json:"io-weight,omitempty"`
	MemoryHigh  *uint64 `json:"memory-high,omitempty"`
	CPUQuota    *uint64 `json:"cpu-quota,omitempty"` // µs per second
	AllowedCPUs *string `json:"allowed-cpus,omitempty"`
}

// Timing holds the deadlines of waits; a zero field means its default.
type Timing struct {
	// SessionTerm and SessionKill are how long ended sessions are waited for
	// after asking, and after forcing. 45 s (a user's manager stays 10 s by
	// itself) and 15 s.
	SessionTerm time.Duration
	SessionKill time.Duration
	// GPUBarrier is for values that say no release-timeout: 30 s.
	GPUBarrier time.Duration
	// GPUSettings is how long moded-gpu.service may take: 1 min.
	GPUSettings time.Duration
	// UnitStart and UnitStop are for values that say none: 90 s. UnitReady is
	// how long readiness is waited for: 2 min.
	UnitStart time.Duration
	UnitStop  time.Duration
	UnitReady time.Duration
	// UnitKill is how long what a stopped unit left in its cgroup may take to end
	// before it is killed: 15 s.
	UnitKill time.Duration
	// Stable is how long a service must stay up whose start proves nothing
	// (Type=simple, exec, idle): 1 s.
	Stable time.Duration
	// Audio is how long agents may take to follow an order: 30 s.
	Audio time.Duration
	// Hook is how long a hook unit may run: 10 min.
	Hook time.Duration
	// Cluster is how long an API server that does not answer is waited for:
	// 1 min. Drain is for values that say no drain-timeout: 5 min.
	Cluster time.Duration
	Drain   time.Duration
	// Poll is the time between two looks: 250 ms.
	Poll time.Duration
}
