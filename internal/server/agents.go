package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

const (
	// maxAgents is how many users may have one.
	maxAgents = 64
	// orderInterval is the shortest time between two orders that an agent's
	// own reports bring about.
	orderInterval = time.Second
)

// Agents is the registry of the users' agents: an agent for a uid, the last to
// register. It is believed about its own uid, which the bus tells, and about
// nothing else. All methods may be called at any time; before Listen, and when
// nobody is logged in, there are just no agents.
type Agents struct {
	server *Server

	mu     sync.Mutex
	byUID  map[uint32]*agent
	orders map[string]fsm.Value
}

// agent is a registered agent. Its registry's lock guards it.
type agent struct {
	uid    uint32
	unique string
	info   manager1.Agent
	report facts.AudioUser
	// standing is the order that its audio conforms to by its own words, and
	// ordered when it was last told.
	standing string
	// told is closed when it was told the last notice, or did not listen.
	told    chan struct{}
	ordered time.Time
	left    chan struct{}   // closed when it is no longer its uid's agent
	due     map[string]bool // kinds of orders that wait to be given
	poke    chan struct{}   // has one element when some do
}

var (
	_ actions.Agents = (*Agents)(nil)
	_ fsm.Notifier   = (*Agents)(nil)
)

func newAgents(s *Server) *Agents {
	return &Agents{server: s, byUID: map[uint32]*agent{}, orders: map[string]fsm.Value{}}
}

// Registered implements actions.Agents.
func (a *Agents) Registered() []uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.byUID))
}

// AudioServers implements actions.Agents.
func (a *Agents) AudioServers(ctx context.Context) ([]uint32, error) {
	if a.server.cfg.AudioServers == nil {
		return nil, nil
	}
	return a.server.cfg.AudioServers(ctx)
}

// Audio is what the agents reported last, by uid. A user without an agent is
// not there.
func (a *Agents) Audio() []facts.AudioUser {
	a.mu.Lock()
	defer a.mu.Unlock()
	users := make([]facts.AudioUser, 0, len(a.byUID))
	for _, uid := range slices.Sorted(maps.Keys(a.byUID)) {
		users = append(users, a.byUID[uid].report)
	}
	return users
}

// find returns an agent's unique name.
func (a *Agents) find(uid uint32) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.byUID[uid]; g != nil {
		return g.unique, nil
	}
	return "", fmt.Errorf("cannot reach the agent of uid %d: none is registered", uid)
}

func (s *Server) registerAgent(ctx context.Context, c *call) ([]any, error) {
	var info manager1.Agent
	info.FromMap(c.args[0].(manager1.Dict))
	if err := s.admit(c, info); err != nil {
		return nil, err
	}
	gone, stop, err := s.names.Watch(ctx, c.Sender)
	if err != nil {
		return nil, err
	}
	g := s.agents.add(c.caller.uid, c.Sender, info)
	if g == nil {
		stop()
		return nil, manager1.Errorf(manager1.ErrLimitsExceeded, "there are too many agents")
	}
	if s.audit.room(g.uid, time.Now().Unix()) {
		s.log.Info("agent registered", zap.Uint32("uid", g.uid), zap.String("sender", g.unique))
	}
	s.background(func() { s.agents.accompany(s.ctx, g, gone, stop) })
	s.background(func() { s.agents.instruct(s.ctx, g) })
	return nil, nil
}

// admit refuses agents that nobody wants.
func (s *Server) admit(c *call, info manager1.Agent) error {
	if info.Protocol != manager1.AgentProtocol {
		return manager1.Errorf(manager1.ErrNotSupported, "this moded speaks protocol %d with agents", manager1.AgentProtocol)
	}
	if systemUID(c.caller.uid) && !c.caller.is(s.own) {
		return manager1.Errorf(manager1.ErrNotSupported, "users of the system have no agents")
	}
	return nil
}

// systemUID tells uids of services: below 1000, of DynamicUser= and nobody.
// https://systemd.io/UIDS-GIDS/
func systemUID(uid uint32) bool {
	return uid < 1000 || uid >= 61184 && uid <= 65519 || uid == 65534 || uid == 65535 || uid == 1<<32-1
}

// add makes the agent that of its uid. It returns nil when there are too many.
func (a *Agents) add(uid uint32, unique string, info manager1.Agent) *agent {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.byUID[uid]
	if old == nil && len(a.byUID) >= maxAgents {
		return nil
	}
	if old != nil {
		close(old.left)
	}
	g := &agent{uid: uid, unique: unique, info: info, left: make(chan struct{}), poke: make(chan struct{}, 1), due: map[string]bool{}}
	for kind := range a.orders {
		g.order(kind)
	}
	g.report = facts.AudioUser{UID: uid, User: a.server.cfg.UserName(uid),
		Part: facts.Part{Unknown: "moded-agent has not reported yet", At: time.Now()}}
	a.byUID[uid] = g
	a.changed()
	return g
}

// changed tells whoever wants to know that another agent is there, or that one
// reports another state of its audio.
func (a *Agents) changed() {
	if f := a.server.cfg.AudioChanged; f != nil {
		f()
	}
}

// accompany forgets the agent when it leaves the bus.
func (a *Agents) accompany(ctx context.Context, g *agent, gone <-chan struct{}, stop func()) {
	defer stop()
	select {
	case <-gone:
	case <-g.left:
		return
	case <-ctx.Done():
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byUID[g.uid] == g {
		delete(a.byUID, g.uid)
		close(g.left)
		a.changed()
	}
}

// Order implements actions.Agents. It returns at once; agents are told beside.
func (a *Agents) Order(kind string, want fsm.Value) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if want == "" {
		delete(a.orders, kind)
		return
	}
	a.orders[kind] = want
	for _, g := range a.byUID {
		g.order(kind)
	}
}

// Standing implements actions.Agents.
func (a *Agents) Standing(kind string) fsm.Value {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.orders[kind]
}

// order has the agent be given the standing order of that kind, soon, and no
// other: one that is given again is followed again, whatever its user has done
// since. The registry is locked.
func (g *agent) order(kind string) {
	g.due[kind] = true
	select {
	case g.poke <- struct{}{}:
	default: // it will be, by what stands then
	}
}

// instruct gives an agent its orders, one after the other: two that are given
// side by side could arrive in the wrong order.
func (a *Agents) instruct(ctx context.Context, g *agent) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.left:
			return
		case <-g.poke:
			a.tell(ctx, g)
		}
	}
}

// knows tells whether the agent has said that it knows the kind. Audio they all
// know.
func (g *agent) knows(kind string) bool {
	kind, _, _ = strings.Cut(kind, "/")
	return kind == manager1.AgentAudio || slices.Contains(g.info.Kinds, kind)
}

// tell gives an agent the standing orders that are due and that it knows the
// kinds of. Whether it follows is asked later,
// by those who wait for it.
func (a *Agents) tell(ctx context.Context, g *agent) {
	a.mu.Lock()
	orders := maps.Clone(a.orders)
	maps.DeleteFunc(orders, func(kind string, _ fsm.Value) bool { return !g.due[kind] || !g.knows(kind) })
	clear(g.due)
	g.ordered = time.Now()
	a.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(orders)) {
		_, _, err := a.apply(ctx, g.unique, kind, orders[kind])
		if err != nil && ctx.Err() == nil && a.server.audit.room(g.uid, time.Now().Unix()) {
			a.server.log.Warn("agent does not take an order", zap.Uint32("uid", g.uid), zap.String("kind", kind),
				zap.String("error", manager1.Clean(err.Error(), manager1.MaxText)))
		}
	}
}
