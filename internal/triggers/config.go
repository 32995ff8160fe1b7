package triggers

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// Engine is what a Watcher moves; *fsm.Engine is one.
type Engine interface {
	State() fsm.State
	Catalog() *fsm.Catalog
	Plan(ctx context.Context, req fsm.Request) (fsm.Plan, error)
	Switch(ctx context.Context, req fsm.Request) (uint32, error)
	Withdraw(id uint32, reason string) error
	Recheck(ctx context.Context) []fsm.Difference
	Correct(ctx context.Context, reason string, spared ...string) (uint32, error)
	Degrade(text string, ok bool)
}

// Machine is what a Watcher looks at.
type Machine interface {
	// Sessions are logind's, of this moment.
	Sessions(ctx context.Context) facts.Sessions
	// Audio is what the users' agents reported last; it does not block.
	Audio() []facts.AudioUser
	// Follow says of which units there shall be news, in place of those before;
	// it does not block.
	Follow(units []string)
	// WatchPressure has the kernel watched for short memory, or no longer.
	// errors.ErrUnsupported: no kernel of this machine's kind can be.
	WatchPressure(ctx context.Context, on bool) error
	// Pressure tells whether memory is short, while it is watched.
	Pressure(ctx context.Context) (bool, error)
}

// Settings are what the configuration in force says of triggers.
type Settings struct {
	// IdleAfter is how long the machine must have been quiet; 0 is never.
	IdleAfter time.Duration
	// IdleSessions is NoSessions, LockedSessions or AnySessions.
	IdleSessions string
	// Correct says that drift is put right, and not only reported.
	Correct bool
	// Sound is true when the mode wants the users' PipeWire to run.
	Sound bool
	// Units are those whose news may be drift from the mode.
	Units []string
}

// Config is what a Watcher is made of. All fields but Holds are needed.
type Config struct {
	Machine Machine
	// Settings are asked for at every change of mode, and at a reload.
	Settings func(mode string) Settings
	// Holds tell when a request that they stopped may be tried again.
	Holds fsm.Holds
	Log   *zap.Logger
}

// News says where something may have changed.
type News uint8

// The sources of news.
const (
	// Sessions: somebody came, went, locked, or stopped being idle.
	Sessions News = 1 << iota
	// Audio: an agent came, went, or reported another state.
	Audio
	// Units: one of the units that Follow named.
	Units
	// Pressure: the watcher of memory.
	Pressure
	// Resumed: the machine woke up.
	Resumed
	// Reloaded: there is another configuration.
	Reloaded
	// modes: the engine's own.
	modes
)
