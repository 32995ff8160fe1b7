package actionstest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

type unitHands struct{ m *Machine }

func (m *Machine) units() unitHands { return unitHands{m} }

// find returns the unit, dead if its time has come.
func (m *Machine) find(name string) (*Unit, error) {
	if id, ok := m.Aliases[name]; ok {
		name = id
	}
	u, ok := m.Units[name]
	if !ok {
		return nil, fmt.Errorf("cannot find %s: %w", name, actions.ErrNoUnit)
	}
	return u, nil
}

func (h unitHands) State(_ context.Context, name string) (actions.UnitState, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u, err := h.m.find(name)
	if err != nil {
		return actions.UnitState{ID: name, Load: "not-found", Active: "inactive", Processes: -1}, nil
	}
	state := u.UnitState
	state.Gated = u.Gated
	return state, nil
}

func (h unitHands) Members(_ context.Context, name string) ([]string, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u, err := h.m.find(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(u.Members), nil
}

func (h unitHands) ResetFailed(_ context.Context, name string) error {
	return h.m.effect(func() error {
		u, err := h.m.find(name)
		if err == nil && u.Active == "failed" {
			u.Active, u.Result = "inactive", "success"
		}
		if err == nil {
			u.started = 0
		}
		return err
	})
}

func (h unitHands) Start(_ context.Context, name string) (result string, err error) {
	err = h.m.effect(func() error {
		u, err := h.m.find(name)
		if err == nil {
			result = h.m.start(u)
		}
		return err
	})
	return result, err
}

func (h unitHands) Stop(ctx context.Context, name string) (string, error) {
	deaf := false
	err := h.m.effect(func() error {
		u, err := h.m.find(name)
		if deaf = err == nil && u.Server != nil && u.Server.Deaf && u.Active == "active"; deaf {
			u.Active = "deactivating"
		} else if err == nil {
			h.m.stop(u)
		}
		return err
	})
	if deaf && err == nil {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	return "done", err
}

func (h unitHands) Awake(context.Context) ([]string, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	var names []string
	for name, u := range h.m.Units {
		if u.Active != "inactive" && u.Active != "failed" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Links has the members among what is pulled and dragged.
func (h unitHands) Links(_ context.Context, name string) (actions.Links, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u, err := h.m.find(name)
	if err != nil {
		return actions.Links{ID: name}, nil
	}
	l := u.Hangs
	l.ID, l.Loaded = u.ID, true
	l.Pulls = slices.Concat(l.Pulls, u.Members)
	l.Drags = slices.Concat(l.Drags, u.Members)
	return l, nil
}

// Isolate starts the unit and stops what it does not pull in, in the simple way
// of a machine without triggers and conflicts.
func (h unitHands) Isolate(_ context.Context, name string) (result string, err error) {
	err = h.m.effect(func() error {
		u, err := h.m.find(name)
		if err != nil {
			return err
		}
		kept := map[string]bool{}
		h.m.pull(u, kept)
		for id, other := range h.m.Units {
			if !kept[id] && !other.Hangs.IgnoreOnIsolate {
				h.m.stop(other)
			}
		}
		result = h.m.start(u)
		return nil
	})
	return result, err
}

// pull marks the unit and all that starts with it.
func (m *Machine) pull(u *Unit, kept map[string]bool) {
	if kept[u.ID] {
		return
	}
	kept[u.ID] = true
	for _, name := range slices.Concat(u.Members, u.Hangs.Needs, u.Hangs.Pulls) {
		if other, err := m.find(name); err == nil {
			m.pull(other, kept)
		}
	}
}

// StopAlone stops the unit without its members.
func (h unitHands) StopAlone(_ context.Context, name string) (string, error) {
	return "done", h.m.effect(func() error {
		u, err := h.m.find(name)
		if err == nil {
			members := u.Members
			u.Members = nil
			h.m.stop(u)
			u.Members = members
		}
		return err
	})
}

func (m *Machine) start(u *Unit) string {
	if u.Active == "active" {
		return "done"
	}
	if u.ConditionResult = !u.Gated || !m.Denied[u.ID]; !u.ConditionResult {
		return "done"
	}
	if u.started++; u.Burst > 0 && u.started > u.Burst {
		u.Active, u.Result = "failed", "start-limit-hit"
		return "failed"
	}
	if problem := m.load(u); problem != "" {
		u.Active, u.Result = "failed", problem
		return "failed"
	}
	if u.ID == gpuUnit && !m.obeyOrder() {
		u.Active, u.Result = "failed", "exit-code"
		return "failed"
	}
	m.starts++
	u.Active, u.Result, u.InvocationID = "active", "success", fmt.Sprint("run-", m.starts)
	if u.Type == "oneshot" && !u.RemainAfterExit {
		u.Active = "inactive"
	}
	for _, name := range u.Members {
		m.start(m.Units[name])
	}
	if u.Opens != nil {
		m.Sessions = append(m.Sessions, *u.Opens)
	}
	if u.Server != nil {
		m.open(u)
	}
	if u.Dies != 0 {
		time.AfterFunc(u.Dies, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			u.Active, u.Result = "failed", "exit-code"
		})
	}
	return "done"
}

// load reads the unit's environment files and tells what is wrong.
func (m *Machine) load(u *Unit) (problem string) {
	if u.Fails {
		return "exit-code"
	}
	u.Read = ""
	for _, file := range u.EnvironmentFiles {
		text, ok := m.Env[path.Base(file)]
		if !ok && !strings.HasPrefix(file, "-") {
			return "resources"
		}
		u.Read += text
	}
	return ""
}

func (m *Machine) stop(u *Unit) {
	if u.Active == "inactive" || u.Active == "failed" {
		return
	}
	u.Active, u.Read = "inactive", ""
	for _, name := range u.Members {
		m.stop(m.Units[name])
	}
	if u.Opens != nil {
		m.endSession(u.Opens.ID)
	}
	if u.Server != nil {
		m.shut(u)
	}
}

// endSession forgets the session, lets go of its GPUs, and stops the user's
// manager with the last one.
func (m *Machine) endSession(id string) {
	i := slices.IndexFunc(m.Sessions, func(s fsm.Session) bool { return s.ID == id })
	if i < 0 {
		return
	}
	s := m.Sessions[i]
	m.Sessions = slices.Delete(m.Sessions, i, i+1)
	m.release(func(h actions.DeviceHolder) bool { return h.Session == id })
	if scope, ok := m.Units[s.Scope]; ok {
		scope.Active = "inactive"
	}
	if slices.ContainsFunc(m.Sessions, func(o fsm.Session) bool { return o.UID == s.UID }) {
		return
	}
	if manager, ok := m.Units[fmt.Sprintf("user@%d.service", s.UID)]; ok && !manager.RemainAfterExit {
		manager.Active = "inactive"
		delete(m.Audio, s.UID)
		m.release(func(h actions.DeviceHolder) bool { return h.UID == s.UID })
	}
}

func (m *Machine) release(match func(actions.DeviceHolder) bool) {
	for i := range m.GPUs {
		m.GPUs[i].Holders = slices.DeleteFunc(m.GPUs[i].Holders, match)
	}
}
