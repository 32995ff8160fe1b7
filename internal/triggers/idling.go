package triggers

import (
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// Idle is the trigger of idleness.
const Idle = "idle"

// How patient idleness is after a refusal, and how often a terminal is looked
// at while a countdown runs.
const (
	idlePatience = 10 * time.Minute
	mostPatience = 2 * time.Hour
	terminalLook = 5 * time.Second
)

// idling is idleness with where it leads.
type idling struct {
	idleness
	edges    []fsm.Edge
	patience backoff
	// period is the quiet that the last attempt was for, and started when it was
	// made.
	period, started time.Time
}

func (i *idling) armed() bool { return len(i.edges) > 0 }

// arm begins to count anew.
func (i *idling) arm(s Settings, edges []fsm.Edge) {
	if s.IdleAfter <= 0 {
		edges = nil
	}
	i.edges = edges
	i.idleness = idleness{after: s.IdleAfter, sessions: s.IdleSessions}
	if i.patience.first == 0 {
		i.patience = backoff{first: idlePatience, most: mostPatience}
	}
}

// due tells whether to go.
func (i *idling) due(now time.Time) bool {
	if !i.armed() || !i.ripe(now) {
		return false
	}
	if !i.period.Equal(i.since) { // somebody was there since the last attempt
		i.patience.forgive()
	}
	return !now.Before(i.patience.until)
}

func (i *idling) attempt() *attempt {
	i.period = i.since
	return &attempt{trigger: Idle, edges: i.edges, why: "idle for " + plain(i.after)}
}

// lookAt is when to ask logind without being told, or zero.
func (i *idling) lookAt(now time.Time, open *fsm.Progress) time.Time {
	switch {
	case !i.armed():
		return time.Time{}
	case open == nil && i.ripe(now):
		return i.patience.until
	case open == nil:
		return i.next()
	case open.Trigger == Idle && withdrawable(open) && i.blind:
		return i.looked.Add(terminalLook)
	}
	return time.Time{}
}

func withdrawable(open *fsm.Progress) bool {
	return open.Phase == fsm.Guarding || open.Phase == fsm.Grace
}
