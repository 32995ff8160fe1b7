package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

var (
	_ actions.Services = (*Machine)(nil)
	_ actions.Servers  = (*Machine)(nil)
)

const (
	// model is what every AI server of the machine serves.
	model = "qwen3-32b"
	// stopTimeout is TimeoutStopSec= of all services.
	stopTimeout = 20 * time.Second
)

// requests are those of an AI server; they have ended at Until, if it is set.
type requests struct {
	Running, Waiting int
	Until            time.Time `json:"until,omitzero"`
}

func (r requests) at(now time.Time) requests {
	if !r.Until.IsZero() && now.After(r.Until) {
		return requests{}
	}
	return r
}

// Service is how the machine's services are stopped: all alike.
func (m *Machine) Service(_ context.Context, name string) (actions.Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, u, err := m.unitLocked(name)
	if err != nil {
		return actions.Service{}, err
	}
	s := actions.Service{KillMode: "control-group", StopTimeout: stopTimeout, Command: []string{"/usr/sbin/" + id}}
	if u.AI != nil {
		s.Command = []string{"/usr/bin/" + u.AI.Comm, "-m", "vllm", "--tensor-parallel-size", "${MODED_TENSOR_PARALLEL_SIZE}"}
	}
	return s, nil
}

// Processes lists those in the unit's cgroup.
func (m *Machine) Processes(_ context.Context, name string) (list []actions.Process, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, _, err := m.unitLocked(name)
	if errors.Is(err, actions.ErrNoUnit) {
		return nil, nil
	}
	for _, p := range m.world.Processes {
		if p.Unit == id {
			list = append(list, actions.Process{PID: p.PID, Comm: p.Comm})
		}
	}
	return list, err
}

// KillAll ends all of them, and with them a stop that does not come to an end.
func (m *Machine) KillAll(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, u, err := m.unitLocked(name)
	if err != nil {
		return err
	}
	m.releaseLocked(func(p facts.Process) bool { return p.Unit == id })
	if u.Active == "deactivating" {
		m.dropLocked(func(e event) bool { return e.Name == id && e.Verb == unitStop })
		u.Active, u.Sub, u.Result, u.Env = "failed", "failed", "signal", nil
	}
	return m.commitLocked()
}

// servingLocked finds the AI server at url that is up.
func (m *Machine) servingLocked(url string) (id string, u *unit) {
	for id, u := range m.world.Units {
		if u.AI != nil && u.AI.URL == url+"/health" && u.Active == "active" {
			return id, u
		}
	}
	return "", nil
}

// Server looks at the AI server at url.
func (m *Machine) Server(_ context.Context, url string) (actions.Server, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return actions.Server{}, err
	}
	id, u := m.servingLocked(url)
	refused := func(why string, absent bool) actions.Server {
		return actions.Server{Problem: why, Unlisted: why, Uncounted: why, Absent: absent}
	}
	switch {
	case u == nil:
		return refused("connection refused", true), nil
	case m.metLocked(unitReady + " " + id):
		return refused("it answers 503 Service Unavailable", false), nil
	case time.Now().Before(u.AI.ReadyAt):
		return refused("connection refused", true), nil
	}
	r, paused := m.world.Work.Requests[id].at(time.Now()), u.AI.Paused
	return actions.Server{Models: []string{model}, Running: r.Running, Waiting: r.Waiting, Paused: &paused}, nil
}

func (m *Machine) metLocked(op string) bool {
	_, met := m.strikeLocked(op)
	return met
}

// Pause lets the AI server at url begin nothing new, or accept again.
func (m *Machine) Pause(_ context.Context, url string, pause bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return err
	}
	_, u := m.servingLocked(url)
	if u == nil {
		return errors.New("connection refused")
	}
	u.AI.Paused = pause
	return m.commitLocked()
}

// engineLocked lets an AI server leave its engine behind when it stops, or not.
func (m *Machine) engineLocked(args []string) (string, error) {
	if len(args) != 2 || args[1] != "leave" && args[1] != "end" {
		return "", fmt.Errorf("say engine UNIT leave or engine UNIT end")
	}
	u, ok := m.world.Units[args[0]]
	if !ok || u.AI == nil {
		return "", fmt.Errorf("%s is no AI server; there are %s and %s", args[0], aiUnit, vllmUnit)
	}
	u.AI.Leaves = args[1] == "leave"
	return "the engine of " + args[0] + " will " + map[bool]string{true: "outlive its stop", false: "end with it"}[u.AI.Leaves], nil
}

// requestsLocked gives the AI server that is up so many requests, for ever or for
// some seconds.
func (m *Machine) requestsLocked(args []string) (string, error) {
	if len(args) < 1 || len(args) > 3 {
		return "", fmt.Errorf("say requests RUNNING [WAITING [SECONDS]]")
	}
	var n [3]int
	for i, text := range args {
		var err error
		if n[i], err = number(text, 100000); err != nil {
			return "", err
		}
	}
	units := []string{aiUnit, vllmUnit}
	i := slices.IndexFunc(units, func(id string) bool { return m.world.Units[id].Active == "active" })
	if i < 0 {
		return "", fmt.Errorf("no AI server is active; say modectl switch compute")
	}
	if m.world.Work.Requests == nil {
		m.world.Work.Requests = map[string]requests{}
	}
	r := requests{Running: n[0], Waiting: n[1]}
	if len(args) == 3 {
		r.Until = time.Now().Add(time.Duration(n[2]) * time.Second)
	}
	m.world.Work.Requests[units[i]] = r
	return fmt.Sprintf("%s works on %d requests, %d wait", units[i], n[0], n[1]), nil
}
