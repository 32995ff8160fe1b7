// Package server is moded on the bus: the object of dbus/*.xml, over an engine
// that knows no D-Bus.
//
// A message passes, in this order: the frame guard (size, calls in flight), the
// method table (exact signature; what is not in the table does not exist), the
// caller's identity by the bus, the handler, and there at most one question to
// polkit. Handlers survive their own panics, and callers read fixed sentences.
//
// Reads come from snapshots: a client that reads thousands of times a second
// never waits for the engine, and the engine never waits for a client.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/polkit"
	"github.com/modectl/moded/internal/server/frame"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// SystemBus is the address of the system bus.
const SystemBus = "unix:path=/run/dbus/system_bus_socket"

// ErrNameTaken says that another moded is on the bus.
var ErrNameTaken = errors.New("the name " + manager1.BusName + " is taken: another moded runs")

// Engine is what the bus shows; *fsm.Engine is one.
type Engine interface {
	Switch(ctx context.Context, req fsm.Request) (uint32, error)
	Plan(ctx context.Context, req fsm.Request) (fsm.Plan, error)
	CanSwitch(ctx context.Context, mode string) (*fsm.Effect, error)
	Cancel(ctx context.Context, id, uid uint32) error
	Confirm(id uint32) error
	Proceed(id uint32) error
	Owner(id uint32) (uid uint32, ok bool)
	Recover(ctx context.Context, how fsm.RecoverHow) error
	Verify(ctx context.Context) ([]fsm.Difference, error)
	Words(kind string, v fsm.Value) string
	State() fsm.State
	Catalog() *fsm.Catalog
	History() fsm.History
}

var _ Engine = (*fsm.Engine)(nil)

// Config is what a Server is made of. All functions but Resources may be nil.
type Config struct {
	// Address of the bus: SystemBus, or a private one's.
	Address string
	// Version is the daemon's.
	Version string
	// Log gets one line for each decision about authorisation.
	Log *zap.Logger
	// Resources is what the machine is now, at most a second old.
	Resources func(ctx context.Context) (*facts.Facts, error)
	// Reload reads the configuration again. The text of its error is shown to
	// the administrator who called.
	Reload func(ctx context.Context) error
	// Interactive lists the uids with an interactive session, of any kind.
	// Without it, somebody else is always taken to be there.
	Interactive func(ctx context.Context) ([]uint32, error)
	// AudioServers lists the uids for which an audio server runs.
	AudioServers func(ctx context.Context) ([]uint32, error)
	// AudioChanged is called when an agent came, went, or reported another state
	// of its user's audio. It must not block or ask the agents; nil is nobody.
	AudioChanged func()
	// Stopping tells whether the machine or the daemon is about to stop.
	Stopping func(ctx context.Context) bool
	// UserName gives a uid's name, or "".
	UserName func(uid uint32) string
}

// Server is moded on the bus. It exists before the engine, which it observes,
// and is served once there is one: New, then Listen.
type Server struct {
	cfg    Config
	log    *zap.Logger
	own    uint32 // the daemon's uid
	engine Engine
	agents *Agents
	holds  *Holds
	table  map[route]*method

	ctx    context.Context
	stop   context.CancelFunc
	mu     sync.Mutex // guards closed, and tasks against beginning after it
	closed bool
	tasks  sync.WaitGroup

	ready  chan struct{} // closed when the fields below are set
	conn   *dbus.Conn
	guard  *frame.Guard
	names  *names
	polkit *polkit.Authority

	shown   atomic.Pointer[snapshot]
	modes   atomic.Pointer[[]string]
	record  recorder
	memory  memory
	emitter emitter
	slow    slots
	large   chan struct{}
	audit   audit
	// degraded is what people were told of; the engine's lock guards it.
	degraded []string
}

var _ fsm.Observer = (*Server)(nil)

// New makes a server that is not on any bus yet. It observes from now on.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.UserName == nil {
		cfg.UserName = func(uint32) string { return "" }
	}
	s := &Server{cfg: cfg, log: cfg.Log, own: uint32(os.Geteuid()), ready: make(chan struct{}),
		large: make(chan struct{}, 2), names: newNames()}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.table = newTable()
	s.agents, s.holds = newAgents(s), newHolds(s)
	s.emitter.init()
	s.shown.Store(&snapshot{server: s, state: fsm.State{Mode: fsm.Boot}})
	return s
}

// Agents is the registry of the users' agents. It is empty before Listen.
func (s *Server) Agents() *Agents { return s.agents }

// Holds are the claims that the mode must not change. There are none before
// Listen.
func (s *Server) Holds() *Holds { return s.holds }

// Listen connects to the bus, serves the engine and takes the name, in this
// order: whoever sees the name can call. It returns ErrNameTaken when another
// moded has it. The server then runs until Close, or until Done.
func (s *Server) Listen(ctx context.Context, engine Engine) error {
	s.engine = engine
	s.loadLast()
	s.refreshModes()
	s.shown.Store(&snapshot{server: s, state: engine.State()})
	conn, guard, err := frame.Dial(ctx, s.cfg.Address, frame.Limits{}, s.serve, dbus.WithSignalHandler(s.names))
	if err != nil {
		return err
	}
	s.conn, s.guard, s.polkit = conn, guard, polkit.New(conn, s.names)
	s.names.use(conn)
	close(s.ready)
	s.background(func() { s.emitter.run(s.ctx, s) })
	if err := s.takeName(); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// takeName takes the well-known name, or nothing.
func (s *Server) takeName() error {
	reply, err := s.conn.RequestName(manager1.BusName, dbus.NameFlagDoNotQueue)
	if err != nil {
		return fmt.Errorf("cannot take the name %s: %w", manager1.BusName, err)
	}
	if reply != dbus.RequestNameReplyPrimaryOwner {
		return ErrNameTaken
	}
	return nil
}

// Done is closed when the connection to the bus is lost. Nothing brings it
// back: matches, names and agents are gone with it, and the daemon exits. It
// waits until Listen has connected.
func (s *Server) Done() <-chan struct{} {
	<-s.ready
	return s.conn.Context().Done()
}

// Counters are what the frame guard has dropped.
func (s *Server) Counters() frame.Counters {
	<-s.ready
	return s.guard.Counters()
}

// Close leaves the bus and waits for what the server has begun itself. Calls
// that are being handled are not waited for.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	s.tasks.Wait()
	return err
}

// background begins something that Close waits for and the server's context
// ends. After Close it does nothing.
func (s *Server) background(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.tasks.Go(f)
	}
}
