package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// Notify implements fsm.Notifier: it tells every agent, since who works over ssh
// beside a session that ends wants to know too. It does not block; an agent that
// does not listen misses it.
func (a *Agents) Notify(n fsm.Notice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range a.byUID {
		note := notification(n, g.uid)
		if note.Kind == "" || !g.info.Notifies {
			continue
		}
		a.tellLocked(g, note)
	}
}

// tellLocked sends a note after those before it: the last word is what people go on
// seeing.
func (a *Agents) tellLocked(g *agent, note manager1.Notification) {
	before, told, unique := g.told, make(chan struct{}), g.unique
	g.told = told
	a.server.background(func() {
		defer close(told)
		if before != nil {
			select {
			case <-before:
			case <-a.server.ctx.Done():
			}
		}
		a.notify(a.server.ctx, unique, note)
	})
}

// tellDegraded tells what has begun not to be as it should, and that it is mended.
// While a transition is open it has the word.
func (s *Server) tellDegraded(state fsm.State) {
	if state.Open != nil {
		return
	}
	isNew := func(line string) bool { return !slices.Contains(s.degraded, line) }
	switch {
	case slices.ContainsFunc(state.Degraded, isNew):
		s.agents.Notify(fsm.Notice{Kind: "degraded", To: state.Mode, Text: strings.Join(state.Degraded, "; ")})
	case len(state.Degraded) == 0 && len(s.degraded) > 0:
		s.agents.Notify(fsm.Notice{Kind: "mended", To: state.Mode})
	}
	s.degraded = state.Degraded
}

func (a *Agents) notify(ctx context.Context, unique string, note manager1.Notification) {
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	// Nobody waits for people to read.
	_ = a.server.conn.Object(unique, manager1.AgentPath).
		CallWithContext(ctx, manager1.AgentInterface+"."+manager1.MethodNotify, 0, note.ToMap()).Err
}

// endsOf tells whether a session of the user ends.
func endsOf(n fsm.Notice, uid uint32) bool {
	return slices.ContainsFunc(n.Ends, func(s fsm.Session) bool { return isPerson(s) && s.UID == uid })
}

// notification words a notice for one user. Kinds that nobody knows are not
// shown.
func notification(n fsm.Notice, uid uint32) manager1.Notification {
	note := manager1.Notification{ID: n.ID, From: n.From, To: n.To, Urgency: "normal", Ends: endLines(n.Ends), Body: n.Text}
	switch n.Kind {
	case "grace":
		note.Kind, note.Deadline = "grace", n.Deadline
		note.Summary = fmt.Sprintf("This machine goes to %s mode", n.To)
		if endsOf(n, uid) {
			note.Urgency = "critical"
			note.Summary += ": your session ends, save your work"
		}
	case "awaiting-confirm":
		note.Kind, note.Deadline = "awaiting-confirm", n.Deadline
		note.Summary = fmt.Sprintf("Keep %s mode? Unless somebody confirms it, this machine goes back to %s mode", n.To, n.From)
	case "cancelled":
		note.Kind, note.Summary = "cancelled", fmt.Sprintf("The change to %s mode was cancelled", n.To)
	case "started":
		if n.From == n.To {
			return manager1.Notification{} // a correction of drift goes nowhere
		}
		note.Kind, note.Summary = "started", fmt.Sprintf("This machine goes to %s mode now", n.To)
	case "degraded":
		note.Kind, note.Summary = "degraded", fmt.Sprintf("Not all is as %s mode wants it", n.To)
	case "mended":
		note.Kind, note.Summary = "closed", fmt.Sprintf("All is as %s mode wants it", n.To)
	case "finished":
		note.Kind, note.Summary = outcomeOf(n)
		if n.Outcome == fsm.Stuck {
			note.Urgency = "critical"
		}
	}
	return note
}

// outcomeOf words the end of a transition. Its kind is the outcome.
func outcomeOf(n fsm.Notice) (kind, summary string) {
	switch n.Outcome {
	case fsm.RolledBack:
		return string(n.Outcome), fmt.Sprintf("The change to %s mode was rolled back", n.To)
	case fsm.Stuck:
		return string(n.Outcome), fmt.Sprintf("The change to %s mode is stuck", n.To)
	case fsm.Refused:
		return string(n.Outcome), fmt.Sprintf("The change to %s mode was refused", n.To)
	case fsm.Cancelled:
		return string(n.Outcome), fmt.Sprintf("The change to %s mode was cancelled", n.To)
	default:
		if n.From == n.To {
			return string(fsm.Settled), fmt.Sprintf("What was not as %s mode wants it was put back", n.To)
		}
		return string(fsm.Settled), fmt.Sprintf("From %s to %s mode", n.From, n.To)
	}
}
