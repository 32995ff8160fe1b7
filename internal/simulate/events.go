package simulate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// Things that take time. Their name, with what they are done to, is what a
// fault is made for: "unit start ai.service".
const (
	unitStart   = "unit start"
	unitStop    = "unit stop"
	unitReady   = "unit ready"
	sessionEnd  = "session end"
	sessionKill = "session kill"
	greeter     = "greeter start"
	managerEnd  = "manager end"
	gpuFree     = "gpu free"
	gpuSet      = "gpu set"
	sliceSet    = "slice set"
	audioSet    = "audio set"
	userSlice   = "user-slice set"
	desktopEnd  = "desktop end"
	lookAt      = "look"
	nodeLook    = "node look"
	nodeSet     = "node set"
	podEnd      = "pod end"
)

// Verbs lists the operations that can be made to hang or fail, with what they
// are done to, for the help of the control command.
func Verbs() []string {
	return []string{
		unitStart + " UNIT", unitStop + " UNIT", unitReady + " UNIT", sessionEnd + " ID", sessionKill + " ID",
		greeter + " seat0", managerEnd + " UID", desktopEnd + " UID", gpuFree + " GPU", gpuSet + " GPU", sliceSet + " SLICE",
		audioSet + " UID", userSlice + " UID/SLICE", lookAt + " PART",
		nodeLook + " " + node, nodeSet + " " + node, podEnd + " POD",
	}
}

// How long things take at speed 1: long enough to be seen, short enough to be
// watched.
var paces = map[string]time.Duration{
	unitStart: 350 * time.Millisecond, unitStop: 300 * time.Millisecond, unitReady: 1500 * time.Millisecond,
	sessionEnd: 400 * time.Millisecond, sessionKill: 100 * time.Millisecond,
	greeter: 500 * time.Millisecond, managerEnd: 400 * time.Millisecond, desktopEnd: 300 * time.Millisecond,
	gpuFree: 500 * time.Millisecond, sliceSet: 40 * time.Millisecond, audioSet: 150 * time.Millisecond,
	userSlice: 60 * time.Millisecond,
	nodeSet:   60 * time.Millisecond, podEnd: 700 * time.Millisecond,
}

// errSimulated is what an operation that was made to fail says.
var errSimulated = errors.New("simulated failure")

// event is something that will take place.
type event struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	Verb string    `json:"verb"`
	// Name is whom it happens to.
	Name string `json:"name"`
	// Fails is set when a fault lets it fail.
	Fails  bool            `json:"fails,omitempty"`
	Limits *actions.Limits `json:"limits,omitempty"`
	Order  fsm.Value       `json:"order,omitempty"`
	PIDs   []uint32        `json:"pids,omitempty"`
	// Cluster is an order about the node.
	Cluster *actions.ClusterOrder `json:"cluster,omitempty"`
	Version int                   `json:"version,omitempty"`
}

func (e event) op() string { return e.Verb + " " + e.Name }

// outcome is how an event ended: a job's result, or an error.
type outcome struct {
	result string
	err    error
}

// fault makes operations hang or fail. Pattern is an operation's name or a
// glob; a fault with Once is gone when it has struck.
type fault struct {
	Pattern string `json:"pattern"`
	Hangs   bool   `json:"hangs"`
	Once    bool   `json:"once,omitempty"`
}

func (f fault) strikes(op string) bool {
	ok, err := path.Match(f.Pattern, op)
	return f.Pattern == op || err == nil && ok
}

// strikeLocked returns the fault that meets op, if there is one.
func (m *Machine) strikeLocked(op string) (fault, bool) {
	for i, f := range m.world.Faults {
		if !f.strikes(op) {
			continue
		}
		if f.Once {
			m.world.Faults = slices.Delete(m.world.Faults, i, i+1)
		}
		return f, true
	}
	return fault{}, false
}

// beginLocked makes e happen in its time, or whatever a fault makes of it.
func (m *Machine) beginLocked(e event) event {
	e.ID = m.world.NextEvent
	m.world.NextEvent++
	e.At = m.nowLocked().Add(m.pace(e.Verb))
	f, met := m.strikeLocked(e.op())
	if met && f.Hangs {
		m.world.Hung = append(m.world.Hung, e)
		return e
	}
	e.Fails = met
	m.world.Pending = append(m.world.Pending, e)
	return e
}

// nowLocked is the time at which what happens happens, which may be earlier
// than when somebody looks and lets it happen.
func (m *Machine) nowLocked() time.Time {
	if m.happening.IsZero() {
		return time.Now()
	}
	return m.happening
}

func (m *Machine) pace(verb string) time.Duration {
	return time.Duration(float64(paces[verb]) / m.speed)
}

// perform begins e and returns when it is over, or ctx. In the latter case it
// goes on without the caller.
func (m *Machine) perform(ctx context.Context, e event) (outcome, error) {
	m.mu.Lock()
	e = m.beginLocked(e)
	m.results[e.ID] = outcome{}
	err := m.commitLocked()
	m.mu.Unlock()
	if err != nil {
		return outcome{}, err
	}
	return m.wait(ctx, e)
}

// wait returns when the event is over. It was registered in results.
func (m *Machine) wait(ctx context.Context, e event) (outcome, error) {
	for {
		out, over, changed, next, err := m.poll(e.ID)
		if over || err != nil {
			return out, err
		}
		timer := time.NewTimer(next)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			m.forget(e.ID)
			return outcome{}, fmt.Errorf("cannot %s: %w", e.op(), ctx.Err())
		}
		timer.Stop()
	}
}

// poll lets happen what is due, and tells whether the event is over, else what
// to wait for.
func (m *Machine) poll(id uint64) (out outcome, over bool, changed <-chan struct{}, next time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return outcome{}, false, nil, 0, err
	}
	if out := m.results[id]; out.result != "" || out.err != nil {
		delete(m.results, id)
		return out, true, nil, 0, nil
	}
	return outcome{}, false, m.changed, m.untilNextLocked(), nil
}

func (m *Machine) forget(id uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.results, id)
}

func (m *Machine) untilNextLocked() time.Duration {
	next := time.Hour
	for _, e := range m.world.Pending {
		next = min(next, time.Until(e.At))
	}
	return next
}

// advanceLocked lets everything happen that is due, in the order of its time.
func (m *Machine) advanceLocked() error {
	happened := false
	for {
		i := m.dueLocked()
		if i < 0 {
			break
		}
		e := m.world.Pending[i]
		m.world.Pending = slices.Delete(m.world.Pending, i, i+1)
		m.happening = e.At
		m.finishLocked(e, m.happenLocked(e))
		happened = true
	}
	m.happening = time.Time{}
	if !happened {
		return nil
	}
	return m.commitLocked()
}

func (m *Machine) dueLocked() int {
	first := -1
	for i, e := range m.world.Pending {
		if time.Until(e.At) <= 0 && (first < 0 || e.At.Before(m.world.Pending[first].At)) {
			first = i
		}
	}
	return first
}

// finishLocked tells who waits for the event how it ended.
func (m *Machine) finishLocked(e event, out outcome) {
	if _, awaited := m.results[e.ID]; awaited {
		m.results[e.ID] = out
	}
}

// happenLocked is what an event does to the world.
func (m *Machine) happenLocked(e event) outcome {
	switch e.Verb {
	case unitStart:
		return m.unitStartedLocked(e)
	case unitStop:
		return m.unitStoppedLocked(e)
	}
	if e.Fails {
		return outcome{err: fmt.Errorf("cannot %s: %w", e.op(), errSimulated)}
	}
	switch e.Verb {
	case sessionEnd, sessionKill:
		m.sessionEndedLocked(e)
	case greeter:
		m.greeterStartedLocked()
	case managerEnd:
		m.managerEndedLocked(e)
	case desktopEnd:
		m.desktopEndedLocked(e)
	case gpuFree:
		m.gpuFreedLocked(e)
	case sliceSet:
		m.sliceSetLocked(e)
	case audioSet:
		m.audioSetLocked(e)
	case userSlice:
		m.userSliceSetLocked(e)
	case nodeSet:
		m.nodeSetLocked(e)
	case podEnd:
		m.podEndedLocked(e)
	}
	return outcome{result: "done"}
}

// healLocked forgets all faults and lets go on what hung.
func (m *Machine) healLocked() {
	m.world.Faults = nil
	for _, e := range m.world.Hung {
		e.At = time.Now()
		m.world.Pending = append(m.world.Pending, e)
	}
	m.world.Hung = nil
}

// dropLocked takes back what is under way and matches; its waiters learn that
// it was cancelled.
func (m *Machine) dropLocked(match func(event) bool) {
	drop := func(e event) bool {
		if match(e) {
			m.finishLocked(e, outcome{result: "canceled"})
			return true
		}
		return false
	}
	m.world.Pending = slices.DeleteFunc(m.world.Pending, drop)
	m.world.Hung = slices.DeleteFunc(m.world.Hung, drop)
}
