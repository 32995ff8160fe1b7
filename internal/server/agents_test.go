package server_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// agent is a user's agent that a test looks into.
type agent struct {
	conn    *dbus.Conn
	applied chan manager1.Dict
	notes   chan manager1.Dict
	mu      sync.Mutex
	have    manager1.Dict
	fail    *dbus.Error
}

func (a *agent) Apply(_ string, want manager1.Dict) (bool, string, *dbus.Error) {
	a.applied <- want
	return true, "fine\x1b", a.fail
}

func (a *agent) Capture(string) (manager1.Dict, *dbus.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.have, a.fail
}

func (a *agent) Notify(n manager1.Dict) *dbus.Error {
	a.notes <- n
	return nil
}

func newAgent(t *testing.T, conn *dbus.Conn) *agent {
	t.Helper()
	a := &agent{conn: conn, applied: make(chan manager1.Dict, 64), notes: make(chan manager1.Dict, 64)}
	if err := conn.Export(a, manager1.AgentPath, manager1.AgentInterface); err != nil {
		t.Fatal(err)
	}
	return a
}

func agentsCall(conn *dbus.Conn, member string, args ...any) error {
	err := conn.Object(manager1.BusName, manager1.Path).Call(manager1.AgentsInterface+"."+member, 0, args...).Err
	var e dbus.Error
	if errors.As(err, &e) {
		return &manager1.Error{Name: e.Name, Message: e.Error()}
	}
	return err
}

func register(t *testing.T, conn *dbus.Conn, protocol uint32) error {
	t.Helper()
	return agentsCall(conn, "RegisterAgent", manager1.Agent{Version: "1", Protocol: protocol, Notifies: true, Kinds: []string{"audio"}}.ToMap())
}

func audioReport(conn *dbus.Conn, s manager1.AudioSummary, nodes ...manager1.AudioNode) error {
	return agentsCall(conn, "ReportAudio", s.ToMap(), manager1.EncodeList(nodes))
}

// users lists whose agents are registered, once there are n of them.
func (r *rig) users(n int) []uint32 {
	r.t.Helper()
	for limit := time.Now().Add(patience); ; {
		got := r.server.Agents().Registered()
		if len(got) == n || time.Now().After(limit) {
			return got
		}
		if _, err := r.client().Properties(context.Background()); err != nil {
			r.t.Fatal(err)
		}
	}
}

var realtime = fsm.Value(`{"quantum":64,"rate":48000,"state":"realtime"}`)

func TestStandingOrdersReachEveryAgent(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	agents := r.server.Agents()
	agents.Order("audio", realtime)
	a, b := newAgent(t, r.conn(alice)), newAgent(t, r.conn(bob))
	for _, g := range []*agent{a, b} {
		if err := register(t, g.conn, 1); err != nil {
			t.Fatal(err)
		}
		got := <-g.applied
		var order manager1.AudioOrder
		order.FromMap(got)
		if order != (manager1.AudioOrder{State: "realtime", Quantum: 64, Rate: 48000}) || len(got) != 3 {
			t.Errorf("ordered %v", got)
		}
	}
	if got := agents.Registered(); !slices.Equal(got, []uint32{alice, bob}) {
		t.Errorf("registered %v", got)
	}
	agents.Order("audio", `{"state":"off"}`)
	for _, g := range []*agent{a, b} {
		if got := <-g.applied; got["state"].Value() != "off" {
			t.Errorf("ordered %v", got)
		}
	}
	if agents.Standing("audio") != `{"state":"off"}` {
		t.Errorf("standing %s", agents.Standing("audio"))
	}
	agents.Order("audio", "")
	if agents.Standing("audio") != "" {
		t.Error("the order was not lifted")
	}
}

func TestOrdersAboutSlicesReachThoseWhoKnowThem(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	agents := r.server.Agents()
	agents.Order("audio", realtime)
	agents.Order("slices/background.slice", `{"cpu-weight":10,"memory-high":-1}`)
	old, knows := newAgent(t, r.conn(alice)), newAgent(t, r.conn(bob))
	if err := register(t, old.conn, 1); err != nil {
		t.Fatal(err)
	}
	me := manager1.Agent{Version: "2", Protocol: 1, Kinds: []string{"audio", "slices"}}
	if err := agentsCall(knows.conn, "RegisterAgent", me.ToMap()); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*agent{old, knows} {
		if got := <-g.applied; got["state"].Value() != "realtime" {
			t.Errorf("ordered %v", got)
		}
	}
	var order manager1.SliceLimits
	order.FromMap(<-knows.applied)
	if order != (manager1.SliceLimits{Slice: "background.slice", CPUWeight: 10, MemoryHigh: manager1.NoLimit}) {
		t.Errorf("ordered %+v", order)
	}
	agents.Order("audio", `{"state":"off"}`) // the old agent's next order is this one
	if got := <-old.applied; got["state"].Value() != "off" {
		t.Errorf("ordered %v", got)
	}
	if got := <-knows.applied; got["state"].Value() != "off" {
		t.Errorf("ordered %v", got)
	}
	agents.Order("slices/background.slice", `{"cpu-weight":20}`) // and of audio nothing again
	agents.Order("slices/app.slice", `{"cpu-weight":30}`)
	for seen := map[any]bool{}; !seen[uint32(20)] || !seen[uint32(30)]; {
		got := <-knows.applied
		if got["slice"].Value() == nil {
			t.Fatalf("ordered %v", got)
		}
		seen[got["cpu-weight"].Value()] = true
	}
	knows.mu.Lock()
	knows.have = manager1.Dict{"slices": dbus.MakeVariant(manager1.EncodeList([]manager1.SliceLimits{{Slice: "app.slice", CPUWeight: 100}, {Slice: "background.slice", CPUWeight: 10}}))}
	knows.mu.Unlock()
	for slice, want := range map[string]fsm.Value{"background.slice": `{"cpu-weight":10,"slice":"background.slice"}`, "none.slice": "{}"} {
		if got, err := agents.Capture(t.Context(), bob, "slices/"+slice); err != nil || got != want {
			t.Errorf("%s is %s, %v", slice, got, err)
		}
	}
}

// A user's own quantum is drift: the daemon tells of it, and does not fight it.
func TestAnAgentThatDiffersIsNotToldAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := newAgent(t, r.bus.Connect(t))
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	r.server.Agents().Order("audio", realtime)
	<-a.applied
	// told reports until it is told again, or for that long.
	told := func(detail string, atMost time.Duration) bool {
		for limit := time.Now().Add(atMost); time.Now().Before(limit); {
			if err := audioReport(a.conn, manager1.AudioSummary{PipeWire: "active", Detail: detail}); err != nil {
				t.Fatal(err)
			}
			select {
			case <-a.applied:
				return true
			case <-time.After(20 * time.Millisecond):
			}
		}
		return false
	}
	const enough = 1200 * time.Millisecond // more than the shortest time between two orders
	told("PipeWire is new", enough)        // it came up: that is a reason of its own
	if told("PipeWire shows a forced quantum of 0, not 64", enough) {
		t.Error("it was told")
	}
	if !told("", patience) {
		t.Error("one that forgot its order was not told")
	}
}

func TestAUserHasOneAgentTheLast(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	first, last := newAgent(t, r.conn(alice)), newAgent(t, r.conn(alice))
	for _, g := range []*agent{first, last} {
		if err := register(t, g.conn, 1); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, audioReport(first.conn, manager1.AudioSummary{}), manager1.ErrNotFound)
	if err := audioReport(last.conn, manager1.AudioSummary{PipeWire: "inactive"}); err != nil {
		t.Error(err)
	}
	_ = first.conn.Close() // no longer anybody's agent
	settled, detail, err := r.server.Agents().Apply(t.Context(), alice, "audio", realtime)
	if err != nil || !settled || detail != "fine" {
		t.Errorf("got %v %q, %v", settled, detail, err)
	}
	_ = last.conn.Close()
	if got := r.users(0); len(got) > 0 {
		t.Errorf("still there: %v", got)
	}
	if _, _, err := r.server.Agents().Apply(t.Context(), alice, "audio", realtime); err == nil {
		t.Error("somebody answered")
	}
}

func TestAgentsThatAreNotWanted(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	wantError(t, register(t, r.conn(nobody), 1), manager1.ErrNotSupported)
	wantError(t, register(t, r.conn(1), 1), manager1.ErrNotSupported)
	wantError(t, register(t, r.conn(alice), 2), manager1.ErrNotSupported)
	wantError(t, audioReport(r.conn(alice), manager1.AudioSummary{}), manager1.ErrNotFound)
	if got := r.server.Agents().Registered(); len(got) > 0 {
		t.Errorf("registered %v", got)
	}
}

func TestReportsBecomeFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	conn := r.bus.Connect(t)
	if err := register(t, conn, 1); err != nil {
		t.Fatal(err)
	}
	only := func() facts.AudioUser {
		t.Helper()
		users := r.server.Agents().Audio()
		if len(users) != 1 {
			t.Fatalf("users %+v", users)
		}
		return users[0]
	}
	if u := only(); u.Known() {
		t.Errorf("nothing was reported: %+v", u)
	}
	nodes := []manager1.AudioNode{{Kind: "jack", State: "running", Client: "REAPER\x1b", Comm: "reaper", PID: 4},
		{Kind: "capture", State: "running"}, {Kind: "playback", State: "idle"}, {Kind: "playback", State: "running", Class: "recording"}}
	if err := audioReport(conn, manager1.AudioSummary{PipeWire: "active", Running: 5, Forced: true, Quantum: 64, Rate: 48000}, nodes...); err != nil {
		t.Fatal(err)
	}
	u := only()
	if !u.Known() || !u.Running || u.Production != 1 || u.Recording != 2 || u.Media != 2 || len(u.Nodes) != 3 || u.Quantum != 64 {
		t.Errorf("facts %+v", u)
	}
	if n := u.Nodes[0]; n.Client != "REAPER" || n.API != "jack" || n.Class != "production" || n.PID != 4 {
		t.Errorf("node %+v", n)
	}
	wantError(t, audioReport(conn, manager1.AudioSummary{}, make([]manager1.AudioNode, 65)...), manager1.ErrInvalidArgument)
	if err := audioReport(conn, manager1.AudioSummary{PipeWire: "active"}, make([]manager1.AudioNode, 64)...); err != nil {
		t.Errorf("64 nodes: %v", err)
	}
	for state, known := range map[string]bool{"inactive": true, "failed": true, "unknown": false, "": false} {
		if err := audioReport(conn, manager1.AudioSummary{PipeWire: state}); err != nil {
			t.Fatal(err)
		}
		if u := only(); u.Known() != known || u.Running {
			t.Errorf("%q: %+v", state, u)
		}
	}
}

func TestAnAgentWhosePipeWireComesBackIsToldAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := newAgent(t, r.bus.Connect(t))
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	r.server.Agents().Order("audio", realtime)
	<-a.applied
	for told := false; !told; {
		for _, state := range []string{"inactive", "active"} {
			if err := audioReport(a.conn, manager1.AudioSummary{PipeWire: state, Standing: "realtime"}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-a.applied: // once a second at most
			told = true
		default:
		}
	}
}

func TestWhatAnAgentSaysIsReadWithCare(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := newAgent(t, r.bus.Connect(t))
	a.have = manager1.Dict{"state": dbus.MakeVariant("on\x1b[2J"), "quantum": dbus.MakeVariant(uint32(64)), "units": dbus.MakeVariant([]string{"a", "b"}),
		"odd": dbus.MakeVariant([]dbus.Variant{dbus.MakeVariant("x")}), "rows": dbus.MakeVariant([]manager1.Dict{{"comm": dbus.MakeVariant("vi"), "rows": dbus.MakeVariant([]manager1.Dict{{}})}})}
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	uid := r.server.Agents().Registered()[0]
	got, err := r.server.Agents().Capture(t.Context(), uid, "audio")
	want := fsm.Value(`{"quantum":64,"rows":[{"comm":"vi"}],"state":"on[2J","units":["a","b"]}`)
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	a.fail = dbus.NewError("org.x", []any{"no\x1b way"})
	if _, err := r.server.Agents().Capture(t.Context(), uid, "audio"); err == nil || err.Error() != "the agent says: no way" {
		t.Errorf("got %v", err)
	}
	if _, _, err := r.server.Agents().Apply(t.Context(), uid, "audio", `{"x":[1]}`); err == nil {
		t.Error("an order that cannot be written was sent")
	}
}

func TestNoticesGoToEverybodyAsTheyConcernThem(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	a, b := newAgent(t, r.conn(alice)), newAgent(t, r.conn(bob))
	for _, g := range []*agent{a, b} {
		if err := register(t, g.conn, 1); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.UnixMicro(1e15)
	agents := r.server.Agents()
	agents.Notify(fsm.Notice{Kind: "grace", ID: 4, From: "desktop", To: "compute", Deadline: deadline, Ends: []fsm.Session{session(alice, "user"), session(120, "greeter")}})
	for _, want := range []struct {
		*agent
		urgency, summary string
	}{{a, "critical", "This machine goes to compute mode: your session ends, save your work"}, {b, "normal", "This machine goes to compute mode"}} {
		var n manager1.Notification
		n.FromMap(<-want.notes)
		if n.ID != 4 || n.Kind != "grace" || n.Urgency != want.urgency || n.Summary != want.summary || !n.Deadline.Equal(deadline) ||
			!slices.Equal(n.Ends, []string{"session 47001 of user47001"}) {
			t.Errorf("note %+v", n)
		}
	}
	agents.Notify(fsm.Notice{Kind: "cancelled", ID: 4, To: "compute"})
	for _, g := range []*agent{a, b} {
		var n manager1.Notification
		if n.FromMap(<-g.notes); n.Kind != "cancelled" {
			t.Errorf("note %+v", n)
		}
	}
	agents.Notify(fsm.Notice{Kind: "something new"})
	agents.Notify(fsm.Notice{Kind: "started", From: "studio", To: "studio"})
	if len(a.notes)+len(b.notes) > 0 {
		t.Error("more than that was told")
	}
}

func TestNoticesComeInTheOrderInWhichTheyWereGiven(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := newAgent(t, r.bus.Connect(t))
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	for id := range uint32(8) {
		r.server.Agents().Notify(fsm.Notice{Kind: "started", ID: id + 1, From: "desktop", To: "studio"})
	}
	for id := range uint32(8) {
		var n manager1.Notification
		if n.FromMap(<-a.notes); n.ID != id+1 || n.Kind != "started" || n.Summary != "This machine goes to studio mode now" {
			t.Fatalf("note %+v, want that of %d", n, id+1)
		}
	}
}

func TestPeopleAreToldOfWhatIsDegradedOnceAndWhenItIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a := newAgent(t, r.bus.Connect(t))
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	for _, state := range []fsm.State{
		{Mode: "studio"},
		{Mode: "studio", Degraded: []string{"ai.service failed"}},
		{Mode: "studio", Degraded: []string{"ai.service failed"}},
		{Mode: "transitioning", Open: &fsm.Progress{ID: 3}, Degraded: []string{"between"}},
		{Mode: "studio", Degraded: []string{"ai.service failed", "tune differs"}},
		{Mode: "studio", Degraded: []string{"tune differs"}},
		{Mode: "studio"},
		{Mode: "studio"},
	} {
		r.server.Changed(state)
	}
	r.server.Agents().Notify(fsm.Notice{Kind: "cancelled", ID: 9, To: "compute"}) // the last
	var got []string
	for n := (manager1.Notification{}); n.Kind != "cancelled"; got = append(got, n.Kind+" "+n.Body) {
		n.FromMap(<-a.notes)
	}
	want := []string{"degraded ai.service failed", "degraded ai.service failed; tune differs", "closed ", "cancelled "}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAnAgentThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *engine, cfg *server.Config) {
		cfg.AudioServers = func(context.Context) ([]uint32, error) { return []uint32{5}, nil }
	})
	a := newAgent(t, r.bus.Connect(t))
	a.applied = make(chan manager1.Dict) // nobody takes it
	if err := register(t, a.conn, 1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, _, err := r.server.Agents().Apply(t.Context(), r.server.Agents().Registered()[0], "audio", realtime)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took < 5*time.Second || took > patience {
		t.Errorf("got %v after %v", err, took)
	}
	if got, err := r.server.Agents().AudioServers(t.Context()); err != nil || !slices.Equal(got, []uint32{5}) {
		t.Errorf("servers %v, %v", got, err)
	}
}

func TestWhoWantsToKnowIsToldOfAgentsAndOfTheirAudio(t *testing.T) {
	t.Parallel()
	var told atomic.Int64
	r := newRig(t, func(_ *engine, cfg *server.Config) { cfg.AudioChanged = func() { told.Add(1) } })
	conn := r.bus.Connect(t)
	if err := register(t, newAgent(t, conn).conn, 1); err != nil {
		t.Fatal(err)
	}
	want := func(what string, n int64) {
		t.Helper()
		if got := told.Swap(0); got != n {
			t.Errorf("%s: told %d times, want %d", what, got, n)
		}
	}
	want("a new agent", 1)
	for _, c := range []struct {
		what    string
		summary manager1.AudioSummary
		told    int64
	}{
		{"PipeWire runs", manager1.AudioSummary{PipeWire: "active"}, 1},
		{"a program plays", manager1.AudioSummary{PipeWire: "active", Running: 1}, 0},
		{"a quantum is forced", manager1.AudioSummary{PipeWire: "active", Forced: true, Quantum: 64, Rate: 48000}, 1},
		{"PipeWire has failed", manager1.AudioSummary{PipeWire: "failed"}, 1},
		{"it has still failed", manager1.AudioSummary{PipeWire: "failed"}, 0},
	} {
		if err := audioReport(conn, c.summary); err != nil {
			t.Fatal(err)
		}
		want(c.what, c.told)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	r.users(0)
	want("it has left", 1)
}
