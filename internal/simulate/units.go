package simulate

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// EnvDir is where the machine's units say their environment files are. They are
// read below the runtime directory.
const EnvDir = "/run/moded/env"

var _ actions.Units = (*Machine)(nil)

// unitLocked finds a unit by its name or an alias.
func (m *Machine) unitLocked(name string) (id string, u *unit, err error) {
	if err := m.advanceLocked(); err != nil {
		return "", nil, err
	}
	id = name
	if primary, ok := m.world.Aliases[name]; ok {
		id = primary
	}
	u, ok := m.world.Units[id]
	if !ok {
		return "", nil, fmt.Errorf("cannot find unit %s: %w", name, actions.ErrNoUnit)
	}
	return id, u, nil
}

// State is what PID 1 says of the unit. A unit that does not exist is
// not-found, which is no error.
func (m *Machine) State(_ context.Context, name string) (actions.UnitState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return actions.UnitState{}, err
	}
	id, u, err := m.unitLocked(name)
	if err != nil {
		return m.world.scope(name), nil
	}
	s := actions.UnitState{
		ID: id, Load: u.Load, Active: u.Active, Sub: u.Sub, Result: u.Result, ConditionResult: !u.Skipped,
		Type: u.Type, InvocationID: u.Invocation, RemainAfterExit: u.Remains, Processes: u.Processes + m.world.processes(id),
		Gated: u.Gated,
	}
	if u.EnvFile {
		s.EnvironmentFiles = []string{EnvDir + "/" + id}
	}
	return s, nil
}

// scope is the state of a session's scope, or of a unit that does not exist.
func (w *world) scope(name string) actions.UnitState {
	s := actions.UnitState{ID: name, Load: "not-found", Active: "inactive", Sub: "dead"}
	for _, session := range w.Sessions {
		if session.Scope == name {
			s.Load, s.Active, s.Sub, s.ConditionResult = "loaded", "active", "running", true
			s.Processes = 1 + w.processes(name)
		}
	}
	return s
}

// processes counts those in the unit.
func (w *world) processes(id string) (n int) {
	for _, p := range w.Processes {
		if p.Unit == id {
			n++
		}
	}
	return n
}

// Members lists what the unit pulls in and takes along.
func (m *Machine) Members(_ context.Context, name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, u, err := m.unitLocked(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(u.Members), nil
}

// ResetFailed makes a failed unit inactive.
func (m *Machine) ResetFailed(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, u, err := m.unitLocked(name)
	if err != nil {
		return err
	}
	if u.Active == "failed" {
		u.Active, u.Sub, u.Result = "inactive", "dead", "success"
	}
	return m.commitLocked()
}

// Start begins a job and returns with its result.
func (m *Machine) Start(ctx context.Context, name string) (string, error) {
	return m.job(ctx, name, unitStart, "active", "activating")
}

// Stop begins a job and returns with its result. It cancels a start.
func (m *Machine) Stop(ctx context.Context, name string) (string, error) {
	return m.job(ctx, name, unitStop, "inactive", "deactivating")
}

func (m *Machine) job(ctx context.Context, name, verb, already, meanwhile string) (string, error) {
	e, out, err := m.beginJob(name, verb, already, meanwhile)
	if err == nil && out.result == "" {
		out, err = m.wait(ctx, e)
	}
	if err == nil {
		err = out.err
	}
	return out.result, err
}

// beginJob puts the job in the queue, in the place of any other of the unit. It
// returns an outcome at once when there is nothing to do.
func (m *Machine) beginJob(name, verb, already, meanwhile string) (event, outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, u, err := m.unitLocked(name)
	if err != nil {
		return event{}, outcome{}, err
	}
	if m.world.Stopping {
		return event{}, outcome{}, fmt.Errorf("cannot %s %s: transaction is destructive: the machine shuts down", verb, id)
	}
	if u.Active == already {
		return event{}, outcome{result: "done"}, nil
	}
	if verb == unitStart && m.gateShut(id, u) {
		u.Skipped = true
		return event{}, outcome{result: "done"}, m.commitLocked()
	}
	e := m.queueLocked(id, u, verb, meanwhile)
	m.results[e.ID] = outcome{}
	return e, outcome{}, m.commitLocked()
}

func (m *Machine) queueLocked(id string, u *unit, verb, meanwhile string) event {
	m.dropLocked(func(e event) bool {
		return e.Name == id && (e.Verb == unitStart || e.Verb == unitStop)
	})
	u.Active, u.Sub, u.Skipped = meanwhile, meanwhile, false
	return m.beginLocked(event{Verb: verb, Name: id})
}

func (m *Machine) unitStartedLocked(e event) outcome {
	u := m.world.Units[e.Name]
	if problem := m.startProblem(e, u); problem != "" {
		u.Active, u.Sub, u.Result = "failed", "failed", problem
		return outcome{result: "failed"}
	}
	if e.Name == gpuUnit && !m.setUpLocked() {
		u.Active, u.Sub, u.Result = "failed", "failed", "exit-code"
		return outcome{result: "failed"}
	}
	u.Active, u.Sub, u.Result, u.Invocation = "active", "running", "success", bootID()
	for _, name := range u.Members {
		if member, ok := m.world.Units[name]; ok && member.Active != "active" && !m.gateShut(name, member) {
			m.queueLocked(name, member, unitStart, "activating")
		}
	}
	if u.Type == "oneshot" && !u.Remains {
		u.Active, u.Sub = "inactive", "dead"
	}
	if u.AI != nil {
		m.serveLocked(e.Name, u)
	}
	if e.Name == displayDM && !m.world.displays() {
		m.beginLocked(event{Verb: greeter, Name: seat})
	}
	return outcome{result: "done"}
}

// startProblem is the Result= of a start that fails, or empty.
func (m *Machine) startProblem(e event, u *unit) string {
	if e.Fails {
		return "exit-code"
	}
	if !u.EnvFile {
		return ""
	}
	env, err := readEnv(m.envFile(e.Name))
	if err != nil {
		return "resources"
	}
	u.Env = env
	return ""
}

func (m *Machine) unitStoppedLocked(e event) outcome {
	u := m.world.Units[e.Name]
	if e.Fails {
		u.Active, u.Sub = "active", "running"
		return outcome{result: "timeout"}
	}
	u.Active, u.Sub, u.Result, u.Env = "inactive", "dead", "success", nil
	for _, name := range u.Members {
		if member, ok := m.world.Units[name]; ok && member.Active != "inactive" {
			m.queueLocked(name, member, unitStop, "deactivating")
		}
	}
	if u.AI == nil || !u.AI.Leaves {
		m.releaseLocked(func(p facts.Process) bool { return p.Unit == e.Name })
	}
	if e.Name == displayDM {
		m.endGreetersLocked()
	}
	return outcome{result: "done"}
}

// serveLocked starts the AI server's process, which opens the GPUs it is shown
// and then takes its time to load the model.
func (m *Machine) serveLocked(id string, u *unit) {
	pid := m.world.pid()
	m.world.Processes = append(m.world.Processes, facts.Process{
		PID: pid, Comm: u.AI.Comm, Exe: u.AI.Comm, UID: aiUID, User: "ai", Unit: id,
	})
	visible, limited := u.Env["CUDA_VISIBLE_DEVICES"]
	for _, g := range m.world.GPUs {
		if !limited || strings.Contains(visible, g.UUID) {
			m.world.hold(g.PCI, facts.Holder{PID: pid, Comm: u.AI.Comm, Compute: true, BusyPercent: 0})
		}
	}
	delete(m.world.Work.Requests, id)
	u.AI.Paused = false
	u.AI.ReadyAt = m.nowLocked().Add(m.pace(unitReady))
}

// gateShut tells whether the condition of moded's drop-in holds the unit down.
func (m *Machine) gateShut(id string, u *unit) bool {
	if !u.Gated {
		return false
	}
	_, err := os.Stat(filepath.Join(m.dir, "deny", id))
	return err == nil
}

func (m *Machine) envFile(id string) string { return filepath.Join(m.dir, "env", id) }

// readEnv reads an environment file as far as moded writes it: one assignment
// a line, values perhaps quoted.
func readEnv(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	env := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(strings.TrimSpace(lines.Text()), "="); ok && !strings.HasPrefix(k, "#") {
			env[k] = strings.Trim(v, `"`)
		}
	}
	return env, nil
}

// Ready asks the AI server at url whether it has loaded its model.
func (m *Machine) Ready(_ context.Context, url string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(m.world.Units)) {
		u := m.world.Units[id]
		if u.AI == nil || u.AI.URL != url || u.Active != "active" {
			continue
		}
		_, met := m.strikeLocked(unitReady + " " + id)
		if met || time.Now().Before(u.AI.ReadyAt) {
			return fmt.Errorf("cannot get %s: 503 Service Unavailable", url)
		}
		return nil
	}
	return fmt.Errorf("cannot get %s: connection refused", url)
}
