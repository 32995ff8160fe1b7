// Package actionstest is a machine of a few maps for the tests of actions: it
// behaves, in no time, and any of its effects can be made to fail. The machine
// of internal/simulate is the one with clocks, people and a story.
package actionstest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// ErrBroken is the failure of an effect that Break chose.
var ErrBroken = errors.New("broken by the test")

// EnvDir is where the machine's units look for environment files.
const EnvDir = "/run/moded/env"

// Machine is the fake. Its fields are the state; a test changes them before it
// hands the machine to actions, or through Look.
type Machine struct {
	// Units are by primary name; Aliases lead to it.
	Units   map[string]*Unit
	Aliases map[string]string
	Limits  map[string]actions.Limits
	// Sessions are logind's; Stubborn ones survive Terminate, and those whose
	// value is true Kill as well.
	Sessions []fsm.Session
	Stubborn map[string]bool
	Leaders  map[string]uint32
	Env      map[string]string
	Denied   map[string]bool
	GPUs     []actions.Device
	// Cards are what the drivers of GPUs are set to, by address; a Blind one
	// does not answer.
	Cards map[string]*Card
	Blind map[string]bool
	// Audio is what each agent's user has; Deaf agents follow no order, and
	// Silent users have no PipeWire.
	Audio  map[uint32]fsm.Value
	Deaf   map[uint32]bool
	Silent map[uint32]bool
	// Desktop is graphical-session.target of each user with an agent.
	Desktop map[uint32]bool
	Orders  map[string]fsm.Value
	// Slices are limits of slices in the managers of users with an agent; who
	// is not there has the kernel's defaults.
	Slices map[uint32]map[string]fsm.Value
	// Stray are uids with an audio server and no agent.
	Stray []uint32
	// NotReady are URLs that do not answer, each with when it will.
	NotReady map[string]time.Time
	// Cluster is there while K3sUnit is active.
	Cluster Cluster

	mu      sync.Mutex
	effects int
	fuse    int
	after   bool
	starts  int
	order   actions.GPUOrder
	report  actions.GPUReport
}

// Unit is a unit of the machine.
type Unit struct {
	actions.UnitState
	// Members are what a target pulls in and takes along.
	Members []string
	// Left are processes that outlive it.
	Left []actions.Process
	// Hangs are its other dependencies; the members need not be in them.
	Hangs actions.Links
	// Gated units have moded's drop-in.
	Gated bool
	// Fails makes every start fail; Dies ends a service after that time.
	Fails bool
	Dies  time.Duration
	// Burst is how often it may be started before it is refused; 0 is no limit.
	Burst int
	// Opens is a session that is there while the unit is active, Holds a GPU.
	Opens *fsm.Session
	// Server makes it an inference server; see Serve.
	Server *Server
	// Read is the text of the environment file that the unit started with.
	Read string

	started int
}

// New returns an empty machine.
func New() *Machine {
	return &Machine{
		Units: map[string]*Unit{}, Aliases: map[string]string{}, Limits: map[string]actions.Limits{},
		Stubborn: map[string]bool{}, Leaders: map[string]uint32{}, Env: map[string]string{}, Denied: map[string]bool{},
		Audio: map[uint32]fsm.Value{}, Deaf: map[uint32]bool{}, Silent: map[uint32]bool{}, Desktop: map[uint32]bool{},
		Cards: map[string]*Card{}, Blind: map[string]bool{}, Orders: map[string]fsm.Value{}, Slices: map[uint32]map[string]fsm.Value{}, NotReady: map[string]time.Time{},
	}
}

// Add puts a unit on the machine and returns it.
func (m *Machine) Add(name, kind, active string) *Unit {
	u := &Unit{UnitState: actions.UnitState{ID: name, Load: "loaded", Active: active, Type: kind,
		Result: "success", ConditionResult: true, Processes: 1}}
	m.Units[name] = u
	return u
}

// Hands are the machine's.
func (m *Machine) Hands() actions.Hands {
	return actions.Hands{Units: m.units(), Slices: sliceHands{m}, Logind: logindHands{m}, Agents: agentHands{m},
		Devices: deviceHands{m}, Cards: cardHands{m}, Orders: cardHands{m}, Files: fileHands{m}, Prober: proberHands{m}, Cluster: clusterHands{m}, EnvDir: EnvDir,
		Services: serviceHands{m}, Servers: serverHands{m}}
}

// Effects counts what was done to the machine.
func (m *Machine) Effects() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.effects
}

// Break lets the n-th effect from now fail, before or after it took place; 0
// mends.
func (m *Machine) Break(n int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fuse, m.after = n, after
}

// Look calls f while nobody else touches the machine.
func (m *Machine) Look(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// effect is one change of the machine, under its lock.
func (m *Machine) effect(change func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.effects++
	if m.fuse > 0 {
		m.fuse--
		if m.fuse == 0 {
			if m.after {
				_ = change() // the caller hears of the other failure
			}
			return ErrBroken
		}
	}
	return change()
}

// String shows everything that can be put back: not the sessions.
func (m *Machine) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Units)) {
		if strings.HasSuffix(name, ".scope") || strings.HasPrefix(name, "user@") {
			continue // goes with its session, and cannot be put back
		}
		u := m.Units[name]
		up := u.Active != "inactive" && u.Active != "failed"
		fmt.Fprintf(&b, "%s up=%v read=%q\n", name, up, u.Read)
		if u.Server != nil {
			fmt.Fprintf(&b, "  paused=%v holds=%q\n", u.Server.Paused, m.holds(u))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		fmt.Fprintf(&b, "env %s=%q\n", name, m.Env[name])
	}
	for _, name := range slices.Sorted(maps.Keys(m.Denied)) {
		fmt.Fprintf(&b, "shut %s\n", name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Limits)) {
		fmt.Fprintf(&b, "limits %s %s\n", name, fsm.NewValue(m.Limits[name]))
	}
	for _, uid := range slices.Sorted(maps.Keys(m.Audio)) {
		fmt.Fprintf(&b, "audio %d %s\n", uid, m.Audio[uid])
	}
	for _, uid := range slices.Sorted(maps.Keys(m.Slices)) {
		if len(m.Slices[uid]) > 0 {
			fmt.Fprintf(&b, "slices %d %v\n", uid, m.Slices[uid])
		}
	}
	b.WriteString(m.cards())
	fmt.Fprintf(&b, "orders %v\n", m.Orders)
	if _, there := m.Units[K3sUnit]; there {
		fmt.Fprintln(&b, m.Cluster.String())
	}
	return b.String()
}

// holds lists the GPUs that the unit holds.
func (m *Machine) holds(u *Unit) (pci []string) {
	for _, d := range m.GPUs {
		if slices.ContainsFunc(d.Holders, func(h actions.DeviceHolder) bool { return h.Unit == u.ID }) {
			pci = append(pci, d.PCI)
		}
	}
	return pci
}
