package actions

import (
	"context"
	"time"
)

// Services is what PID 1 knows of a service besides its state.
type Services interface {
	Service(ctx context.Context, unit string) (Service, error)
	// Processes lists those in the unit's cgroup and below. A unit that has
	// ended may have left some there; one that does not exist has none.
	Processes(ctx context.Context, unit string) ([]Process, error)
	// KillAll sends SIGKILL to all of them.
	KillAll(ctx context.Context, unit string) error
}

// Service is how a service is started and stopped.
type Service struct {
	// KillMode is control-group, mixed, process or none.
	KillMode string
	// StopTimeout is TimeoutStopSec=: after which time PID 1 kills what does
	// not end; 0 is never.
	StopTimeout time.Duration
	// Command is ExecStart= with its arguments, variables as they are written.
	Command []string
}

// Process is a process of a unit, with what ps shows everybody.
type Process struct {
	PID  uint32
	Comm string
}

// Servers reaches inference servers on this machine by their URL. The brain has
// no network; the call goes through a helper.
type Servers interface {
	// Server looks at one. The error is that nobody could be asked.
	Server(ctx context.Context, url string) (Server, error)
	// Pause lets a server finish what it has and begin nothing new; without
	// pause it accepts again. Servers that cannot are an error.
	Pause(ctx context.Context, url string, pause bool) error
}

// Server is an inference server at one moment.
type Server struct {
	// Problem says why the server is not ready; it is empty when it is. Absent is
	// set when nobody listens there, who could have no requests.
	Problem string
	Absent  bool
	Models  []string
	// Unlisted says why Models are not known.
	Unlisted string
	Running  int
	Waiting  int
	// Uncounted says why Running and Waiting are not known, which is not zero.
	Uncounted string
	// Paused is nil when the server cannot be paused.
	Paused *bool
}

// Contexts is a Devices that can also ask the driver's own library. It takes
// longer, and knows what the kernel's files do not tell: the UUID of a GPU that
// nobody has used since boot, a context without a descriptor in sight.
type Contexts interface {
	Contexts(ctx context.Context) ([]Device, error)
}
