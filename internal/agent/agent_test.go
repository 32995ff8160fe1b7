package agent_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent"
	"github.com/modectl/moded/internal/agent/audio"
	"github.com/modectl/moded/internal/agent/userunits"
	"github.com/modectl/moded/internal/bustest"
)

const patience = 2 * time.Minute

// daemon is the daemon's side of Agents1.
type daemon struct {
	conn       *dbus.Conn
	registered chan manager1.Agent
	sender     chan string
	reports    chan audio.Report
	refused    chan struct{} // a report was

	mu     sync.Mutex
	refuse *manager1.Error
}

func (d *daemon) fail(e *manager1.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = e
}

func (d *daemon) refusal() *dbus.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse == nil {
		return nil
	}
	return d.refuse.DBus()
}

func (d *daemon) RegisterAgent(sender dbus.Sender, m manager1.Dict) *dbus.Error {
	var a manager1.Agent
	a.FromMap(m)
	d.registered <- a
	d.sender <- string(sender)
	return d.refusal()
}

func (d *daemon) ReportAudio(summary manager1.Dict, nodes []manager1.Dict) *dbus.Error {
	if err := d.refusal(); err != nil {
		d.refused <- struct{}{}
		return err
	}
	r := audio.Report{Nodes: manager1.DecodeList[manager1.AudioNode](nodes)}
	r.Summary.FromMap(summary)
	d.reports <- r
	return nil
}

// serve makes a daemon own the name.
func serve(t *testing.T, bus *bustest.Bus) *daemon {
	t.Helper()
	d := &daemon{
		conn: bus.Connect(t), registered: make(chan manager1.Agent, 8), sender: make(chan string, 8), reports: make(chan audio.Report, 64),
		refused: make(chan struct{}, 64),
	}
	if err := d.conn.Export(d, manager1.Path, manager1.AgentsInterface); err != nil {
		t.Fatal(err)
	}
	if _, err := d.conn.RequestName(manager1.BusName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return d
}

// parts are what the agent serves, in memory.
type parts struct {
	orders  chan manager1.AudioOrder
	notices chan manager1.Notification

	mu      sync.Mutex
	session string
	stopErr error
}

func (p *parts) Apply(_ context.Context, o manager1.AudioOrder) (settled bool, detail string) {
	p.orders <- o
	return o.State != "realtime", "said " + o.State
}

func (p *parts) Capture(context.Context) manager1.AudioState {
	return manager1.AudioState{State: "on", PipeWire: "active", Units: []string{"pipewire.service"}}
}

func (p *parts) Notify(n manager1.Notification) { p.notices <- n }

func (p *parts) States(_ context.Context, units ...string) (map[string]userunits.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]userunits.State{units[0]: {Load: "loaded", Active: p.session}}, nil
}

func (p *parts) Stop(context.Context, ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopErr == nil {
		p.session = "inactive"
	}
	return p.stopErr
}

// run runs an agent on the bus until the test ends.
func run(t *testing.T, bus *bustest.Bus) (*agent.Agent, *parts, <-chan error) {
	t.Helper()
	return prepare(t, bus, func(*agent.Agent) {})
}

// prepare is run with a change to the agent before it runs.
func prepare(t *testing.T, bus *bustest.Bus, change func(*agent.Agent)) (*agent.Agent, *parts, <-chan error) {
	t.Helper()
	p := &parts{orders: make(chan manager1.AudioOrder, 8), notices: make(chan manager1.Notification, 8), session: "active"}
	a := &agent.Agent{Conn: bus.Connect(t), Version: "1", Audio: p, Units: p, Slices: limits{}, Notify: p}
	change(a)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(stop)
	return a, p, ended
}

func next[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func report(state string, nodes int) audio.Report {
	return audio.Report{Summary: manager1.AudioSummary{PipeWire: state}, Nodes: make([]manager1.AudioNode, nodes)}
}

func TestTheAgentRegistersAndReports(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	a, _, _ := run(t, bus)
	a.Report(report("active", 2))
	me := next(t, "registration", d.registered)
	if me.Protocol != manager1.AgentProtocol || me.Version != "1" || strings.Join(me.Kinds, " ") != "audio session slices" || !me.Notifies {
		t.Errorf("registered as %+v", me)
	}
	if r := next(t, "report", d.reports); r.Summary.PipeWire != "active" || len(r.Nodes) != 2 {
		t.Errorf("reported %+v", r)
	}
	a.Report(report("inactive", 0))
	if r := next(t, "report", d.reports); r.Summary.PipeWire != "inactive" {
		t.Errorf("reported %+v", r)
	}
}

func TestManyReportsAreFewMessagesAndTheLastArrives(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	a, _, _ := run(t, bus)
	began := time.Now()
	a.Report(report("first", 0))
	next(t, "registration", d.registered)
	for range 500 {
		a.Report(report("more", 0))
	}
	a.Report(report("last", 0))
	messages := 1
	for next(t, "report", d.reports).Summary.PipeWire != "last" {
		messages++
	}
	if took := time.Since(began); messages > 3+int(took/(100*time.Millisecond)) {
		t.Errorf("%d messages in %s", messages, took)
	}
}

func TestTheAgentRegistersWithEachNewDaemon(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	a, _, _ := run(t, bus)
	a.Report(report("active", 0)) // there is no daemon yet
	for range 2 {
		d := serve(t, bus)
		next(t, "registration", d.registered)
		next(t, "report", d.reports)
		_ = d.conn.Close()
	}
}

func TestAnAgentThatWasReplacedMakesRoomWhenThereIsANewDaemon(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	a, _, ended := prepare(t, bus, func(a *agent.Agent) { a.Replaced = func() bool { return true } })
	a.Report(report("active", 0))
	next(t, "registration", d.registered)
	a.Report(report("inactive", 0))
	for next(t, "report", d.reports).Summary.PipeWire != "inactive" { // it goes on with this one
		continue
	}
	_ = d.conn.Close()
	serve(t, bus)
	if err := next(t, "end", ended); !errors.Is(err, agent.ErrReplaced) {
		t.Errorf("ended with %v", err)
	}
}

func TestADaemonThatForgotTheAgentIsRegisteredWithAgain(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	a, _, _ := run(t, bus)
	a.Report(report("inactive", 0))
	next(t, "registration", d.registered)
	next(t, "report", d.reports)
	d.fail(manager1.Errorf(manager1.ErrNotFound, "who?"))
	a.Report(report("active", 0))
	next(t, "refusal", d.refused)
	d.fail(nil)
	next(t, "second registration", d.registered)
	next(t, "report", d.reports)
}

// call calls the agent as the daemon does.
func call(t *testing.T, conn *dbus.Conn, agent, method string, args ...any) *dbus.Call {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	return conn.Object(agent, manager1.AgentPath).CallWithContext(ctx, manager1.AgentInterface+"."+method, 0, args...)
}

func TestTheAgentObeysTheDaemon(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	_, p, _ := run(t, bus)
	me := next(t, "registration", d.sender)

	var settled bool
	var detail string
	order := manager1.AudioOrder{State: "realtime", Quantum: 64, Rate: 48000}
	if err := call(t, d.conn, me, "Apply", "audio", order.ToMap()).Store(&settled, &detail); err != nil || settled || detail != "said realtime" {
		t.Errorf("%v, %q, %v", settled, detail, err)
	}
	if got := next(t, "order", p.orders); got != order {
		t.Errorf("ordered %+v", got)
	}
	var m manager1.Dict
	var have manager1.AudioState
	if err := call(t, d.conn, me, "Capture", "audio").Store(&m); err != nil {
		t.Error(err)
	}
	if have.FromMap(m); have.State != "on" || len(have.Units) != 1 {
		t.Errorf("captured %+v", have)
	}
	if err := call(t, d.conn, me, "Notify", manager1.Notification{ID: 7, Summary: "soon"}.ToMap()).Err; err != nil {
		t.Error(err)
	}
	if n := next(t, "notice", p.notices); n.ID != 7 || n.Summary != "soon" {
		t.Errorf("notified %+v", n)
	}
}

func TestTheGraphicalSessionIsReadAndEnded(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	_, p, _ := run(t, bus)
	me := next(t, "registration", d.sender)
	graphical := func() any {
		var m manager1.Dict
		if err := call(t, d.conn, me, "Capture", "session").Store(&m); err != nil {
			t.Error(err)
		}
		return m["graphical"].Value()
	}
	end := func() (settled bool, detail string) {
		if err := call(t, d.conn, me, "Apply", "session", manager1.Dict{"state": dbus.MakeVariant("off")}).Store(&settled, &detail); err != nil {
			t.Error(err)
		}
		return settled, detail
	}
	if got := graphical(); got != "active" {
		t.Errorf("graphical is %v", got)
	}
	p.mu.Lock()
	p.stopErr = errors.New("the job's result is timeout")
	p.mu.Unlock()
	if settled, detail := end(); settled || detail != "the job's result is timeout" {
		t.Errorf("%v, %q", settled, detail)
	}
	p.mu.Lock()
	p.stopErr = nil
	p.mu.Unlock()
	for range 2 {
		if settled, detail := end(); !settled || detail != "" {
			t.Errorf("%v, %q", settled, detail)
		}
	}
	if got := graphical(); got != "inactive" {
		t.Errorf("graphical is %v", got)
	}
}

func TestWhatTheAgentDoesNotDo(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	run(t, bus)
	me := next(t, "registration", d.sender)
	v := func(pairs ...any) manager1.Dict {
		m := manager1.Dict{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = dbus.MakeVariant(pairs[i+1])
		}
		return m
	}
	for name, c := range map[string]struct {
		method string
		args   []any
		want   string
	}{
		"an unknown kind":       {"Apply", []any{"gpu", v()}, manager1.ErrNotSupported},
		"an unknown capture":    {"Capture", []any{"gpu"}, manager1.ErrNotSupported},
		"no state":              {"Apply", []any{"audio", v()}, manager1.ErrInvalidArgument},
		"an unknown state":      {"Apply", []any{"audio", v("state", "loud")}, manager1.ErrInvalidArgument},
		"a state of a number":   {"Apply", []any{"audio", v("state", uint32(1))}, manager1.ErrInvalidArgument},
		"a quantum of a string": {"Apply", []any{"audio", v("state", "realtime", "quantum", "64")}, manager1.ErrInvalidArgument},
		"a quantum too small":   {"Apply", []any{"audio", v("state", "realtime", "quantum", uint32(1))}, manager1.ErrInvalidArgument},
		"a rate too high":       {"Apply", []any{"audio", v("state", "realtime", "rate", uint32(1<<30))}, manager1.ErrInvalidArgument},
		"a slice that is none":  {"Apply", []any{"slices", v("slice", "../x.slice", "cpu-weight", uint32(20))}, manager1.ErrInvalidArgument},
		"a slice of no name":    {"Apply", []any{"slices", v("cpu-weight", uint32(20))}, manager1.ErrInvalidArgument},
		"a weight too great":    {"Apply", []any{"slices", v("slice", "a.slice", "cpu-weight", uint32(10_001))}, manager1.ErrInvalidArgument},
		"a weight of a string":  {"Apply", []any{"slices", v("slice", "a.slice", "io-weight", "20")}, manager1.ErrInvalidArgument},
		"a size below nothing":  {"Apply", []any{"slices", v("slice", "a.slice", "memory-high", int64(-2))}, manager1.ErrInvalidArgument},
		"a session that begins": {"Apply", []any{"session", v("state", "on")}, manager1.ErrInvalidArgument},
	} {
		var remote dbus.Error
		if err := call(t, d.conn, me, c.method, c.args...).Err; !errors.As(err, &remote) || remote.Name != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestTheAgentObeysNobodyElse(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	bus := bustest.Start(t, bustest.WithPolicy(`<policy context="default"><allow send_interface="org.modectl.Agent1"/></policy>`))
	d := serve(t, bus)
	run(t, bus)
	me := next(t, "registration", d.sender)
	other, root := bus.ConnectAs(t, 65534), bus.Connect(t)
	for method, args := range map[string][]any{
		"Apply": {"audio", manager1.AudioOrder{State: "off"}.ToMap()}, "Capture": {"audio"}, "Notify": {manager1.Dict{}},
	} {
		var remote dbus.Error
		if err := call(t, other, me, method, args...).Err; !errors.As(err, &remote) || remote.Name != manager1.ErrAccessDenied {
			t.Errorf("%s by another user: %v", method, err)
		}
		if err := call(t, root, me, method, args...).Err; err != nil {
			t.Errorf("%s by root: %v", method, err)
		}
	}
}

func TestTheAgentEndsWithItsBus(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	a, _, ended := run(t, bus)
	_ = a.Conn.Close()
	if err := next(t, "end", ended); !errors.Is(err, agent.ErrBusGone) && !errors.Is(err, dbus.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

func TestIntrospectionServesTheContract(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t, bustest.WithPolicy(`<policy context="default"><allow send_interface="org.freedesktop.DBus.Introspectable"/></policy>`))
	d := serve(t, bus)
	run(t, bus)
	me := next(t, "registration", d.sender)
	var xml string
	err := d.conn.Object(me, manager1.AgentPath).Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&xml)
	if err != nil || !strings.Contains(xml, `<interface name="org.modectl.Agent1">`) {
		t.Errorf("%q, %v", xml, err)
	}
}
