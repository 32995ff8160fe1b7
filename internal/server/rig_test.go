package server_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

const (
	alice  = bustest.Alice
	bob    = bustest.Bob
	nobody = bustest.Nobody
)

// patience is how long a test waits for what must come, on a busy machine.
const patience = 2 * time.Minute

// engine is an engine that does as a test says. It keeps to what fsm.Engine
// promises: Authorize is asked once, with the effect.
type engine struct {
	mu      sync.Mutex
	catalog *fsm.Catalog
	state   fsm.State
	effect  fsm.Effect
	owner   uint32
	asked   []fsm.Request
	did     []string
	fail    error
	plan    fsm.Plan
	differs []fsm.Difference
	log     []fsm.Transition
	read    atomic.Int32 // how often the log was
	block   chan struct{}
}

func (e *engine) note(what string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.did = append(e.did, what)
	return e.fail
}

func (e *engine) done() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.did...)
}

func (e *engine) Switch(ctx context.Context, req fsm.Request) (uint32, error) {
	e.mu.Lock()
	e.asked = append(e.asked, req)
	effect, fail := e.effect, e.fail
	e.mu.Unlock()
	if fail != nil {
		return 0, fail
	}
	if req.Mode == "panic" {
		panic("secret of the panic")
	}
	effect.Override, effect.SkipCountdown = req.Override, req.SkipCountdown
	if err := req.Authorize(ctx, effect); err != nil {
		return 0, err
	}
	return 7, e.note("switch " + req.Mode)
}

func (e *engine) Plan(ctx context.Context, req fsm.Request) (fsm.Plan, error) {
	if e.block != nil {
		select {
		case <-e.block:
		case <-ctx.Done():
		}
	}
	return e.plan, e.note("plan " + req.Mode)
}

func (e *engine) CanSwitch(context.Context, string) (*fsm.Effect, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	effect := e.effect
	if e.fail != nil {
		return nil, e.fail
	}
	if effect.To == "" {
		return nil, nil
	}
	return &effect, nil
}

func (e *engine) Cancel(context.Context, uint32, uint32) error      { return e.note("cancel") }
func (e *engine) Confirm(uint32) error                              { return e.note("confirm") }
func (e *engine) Proceed(uint32) error                              { return e.note("proceed") }
func (e *engine) Owner(uint32) (uint32, bool)                       { return e.owner, true }
func (e *engine) Recover(_ context.Context, h fsm.RecoverHow) error { return e.note("recover") }
func (e *engine) Verify(context.Context) ([]fsm.Difference, error)  { return e.differs, e.fail }
func (e *engine) Words(_ string, v fsm.Value) string {
	return map[fsm.Value]string{`{"state":"on"}`: "on"}[v]
}
func (e *engine) Catalog() *fsm.Catalog { return e.catalog }
func (e *engine) History() fsm.History  { return history{e} }

func (e *engine) State() fsm.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *engine) set(s fsm.State) fsm.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = s
	return s
}

type history struct{ e *engine }

func (h history) NextID() (uint32, error)     { return 0, nil }
func (h history) Append(fsm.Transition) error { return nil }
func (h history) SetChosen(string) error      { return nil }
func (h history) Chosen() (string, error)     { return "", nil }
func (h history) List(limit int) ([]fsm.Transition, error) {
	h.e.read.Add(1)
	if limit == 0 || limit > len(h.e.log) {
		limit = len(h.e.log)
	}
	return h.e.log[:limit], nil
}

func (h history) Get(id uint32) (fsm.Transition, error) {
	for _, t := range h.e.log {
		if t.ID == id {
			return t, nil
		}
	}
	return fsm.Transition{}, fsm.ErrNotFound
}

func catalog(t *testing.T) *fsm.Catalog {
	t.Helper()
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes: []fsm.Mode{
			{Name: "desktop", Summary: "GUI and audio", Settings: []fsm.Setting{{Kind: "gui", Value: `{"state":"on"}`, Essential: true}}},
			{Name: "studio", Summary: "music"},
			{Name: "compute", Summary: "AI", Headless: true, Settings: []fsm.Setting{{Kind: "gpus", Key: "gpu0", Value: `{"owner":"compute","pci":"0000:01:00.0"}`}}},
		},
		Edges: []fsm.Edge{
			{Event: "enter_studio", From: "desktop", To: "studio"}, {Event: "exit_studio", From: "studio", To: "desktop"},
			{Event: "to_compute", From: "desktop", To: "compute", Through: true}, {Event: "to_desktop", From: "compute", To: "desktop", Through: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rig is a server on a bus of its own.
type rig struct {
	t      *testing.T
	bus    *bustest.Bus
	engine *engine
	server *server.Server
}

// newRig starts a server. With change the engine or configuration is prepared.
func newRig(t *testing.T, change func(*engine, *server.Config)) *rig {
	t.Helper()
	return newRigOn(t, bustest.Start(t), change)
}

func newRigOn(t *testing.T, bus *bustest.Bus, change func(*engine, *server.Config)) *rig {
	t.Helper()
	e := &engine{catalog: catalog(t), state: fsm.State{Mode: "desktop"}, effect: fsm.Effect{From: "desktop", To: "studio"}}
	cfg := server.Config{Address: bus.Address, Version: "1.2.3", Log: zap.NewNop(),
		Resources: func(context.Context) (*facts.Facts, error) { return &facts.Facts{}, nil },
		UserName:  func(uid uint32) string { return map[uint32]string{alice: "alice", bob: "bob"}[uid] }}
	if change != nil {
		change(e, &cfg)
	}
	s := server.New(cfg)
	if err := s.Listen(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &rig{t: t, bus: bus, engine: e, server: s}
}

// client connects as the daemon's own uid; as connects as somebody else.
func (r *rig) client() *manager1.Client { return r.as(uint32(os.Geteuid())) }

func (r *rig) as(uid uint32) *manager1.Client {
	r.t.Helper()
	return manager1.New(r.conn(uid))
}

func (r *rig) conn(uid uint32) *dbus.Conn {
	r.t.Helper()
	return r.bus.ConnectAs(r.t, uid, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
}

func wantError(t *testing.T, err error, name string) {
	t.Helper()
	var e *manager1.Error
	if !errors.As(err, &e) || e.Name != name {
		t.Errorf("got error %v, want %s", err, name)
	}
}
