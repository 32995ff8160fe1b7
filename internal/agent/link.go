package agent

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

// link is how the agent stands with the daemon. It belongs to Agent.Run.
type link struct {
	agent      *Agent
	registered bool
	refused    bool // this daemon does not want us: wait for another one
	unsent     bool // the pending report was not sent
	lastSent   time.Time
	retryAt    time.Time
	backoff    time.Duration
}

// ownerChanged notes a daemon that came, went or was replaced. A new one knows
// nothing of us.
func (l *link) ownerChanged(s *dbus.Signal) {
	var name, from, to string
	if s.Name != "org.freedesktop.DBus.NameOwnerChanged" || dbus.Store(s.Body, &name, &from, &to) != nil || name != manager1.BusName {
		return
	}
	l.agent.setOwner(to)
	*l = link{agent: l.agent, unsent: l.agent.hasReport()}
}

// advance registers and reports, if it is time for either.
func (l *link) advance(ctx context.Context, now time.Time) {
	if !l.agent.hasOwner() || l.refused || now.Before(l.retryAt) {
		return
	}
	if !l.registered {
		l.register(ctx, now)
	}
	if l.registered && l.unsent && !now.Before(l.lastSent.Add(reportEvery)) {
		l.send(ctx, now)
	}
}

// wait is how long nothing is to be done, if nothing happens.
func (l *link) wait(now time.Time) time.Duration {
	const forever = 1 << 62
	switch {
	case !l.agent.hasOwner() || l.refused:
		return forever
	case now.Before(l.retryAt):
		return l.retryAt.Sub(now)
	case !l.registered: // the time to try again came since it was looked at last
		return 0
	case l.registered && l.unsent:
		return max(0, l.lastSent.Add(reportEvery).Sub(now))
	default:
		return forever
	}
}

func (l *link) register(ctx context.Context, now time.Time) {
	a := l.agent
	me := manager1.Agent{
		Version: a.Version, Protocol: manager1.AgentProtocol, Notifies: true,
		Kinds: []string{manager1.AgentAudio, manager1.AgentSession, manager1.AgentSlices},
	}
	err := a.call(ctx, manager1.MethodRegisterAgent, me.ToMap())
	switch {
	case err == nil:
		l.registered, l.unsent, l.backoff = true, a.hasReport(), 0
		a.log("registered", nil)
	case errorIs(err, manager1.ErrNotSupported):
		l.refused = true
		a.log("the daemon does not know this agent's protocol", err)
	default:
		l.later(now)
		a.log("cannot register", err)
	}
}

func (l *link) send(ctx context.Context, now time.Time) {
	a := l.agent
	a.mu.Lock()
	r := a.pending
	a.mu.Unlock()
	if r == nil {
		return
	}
	l.unsent, l.lastSent = false, now
	err := a.call(ctx, manager1.MethodReportAudio, r.Summary.ToMap(), manager1.EncodeList(r.Nodes))
	if err == nil {
		return
	}
	l.unsent = true
	l.later(now)
	l.registered = !errorIs(err, manager1.ErrNotFound)
	a.log("cannot report", err)
}

func (l *link) later(now time.Time) {
	l.backoff = min(max(firstRetry, 2*l.backoff), lastRetry)
	l.retryAt = now.Add(l.backoff)
}

func (a *Agent) hasOwner() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.owner != ""
}

func (a *Agent) hasReport() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending != nil
}

// call calls the daemon without ever starting one.
func (a *Agent) call(ctx context.Context, method string, args ...any) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	return a.Conn.Object(manager1.BusName, manager1.Path).
		CallWithContext(ctx, manager1.AgentsInterface+"."+method, dbus.FlagNoAutoStart, args...).Err
}

func errorIs(err error, name string) bool {
	var remote dbus.Error
	return errors.As(err, &remote) && remote.Name == name
}
