package server

import (
	"context"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/facts"
)

// Classes of audio nodes, as guards know them.
const (
	recording  = "recording"
	production = "production"
	media      = "media"
)

func (s *Server) reportAudio(_ context.Context, c *call) ([]any, error) {
	rows := c.args[1].([]manager1.Dict)
	if len(rows) > manager1.MaxAudioNodes {
		return nil, manager1.Errorf(manager1.ErrInvalidArgument, "at most %d nodes are taken", manager1.MaxAudioNodes)
	}
	var summary manager1.AudioSummary
	summary.FromMap(c.args[0].(manager1.Dict))
	nodes := manager1.DecodeList[manager1.AudioNode](rows)
	if !s.agents.report(c.Sender, summary, nodes) {
		return nil, manager1.Errorf(manager1.ErrNotFound, "you are not registered as an agent")
	}
	return nil, nil
}

// report keeps what an agent says about its user, and gives it its orders
// again when it seems to have lost them. It answers false for strangers.
func (a *Agents) report(sender string, summary manager1.AudioSummary, nodes []manager1.AudioNode) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.bySenderLocked(sender)
	if g == nil {
		return false
	}
	was := g.report
	g.report = audioUser(summary, nodes)
	g.report.UID, g.report.User = g.uid, a.server.cfg.UserName(g.uid)
	g.standing = manager1.Clean(summary.Standing, manager1.MaxText)
	if now := g.report; now.Running != was.Running || now.Unknown != was.Unknown || now.Quantum != was.Quantum || now.Rate != was.Rate {
		a.changed()
	}
	// One that could not see its PipeWire for a moment has kept the order.
	restarted := g.report.Running && !was.Running && was.Unknown == ""
	// One that has the order and differs says in what: that is drift, and not to
	// be fought.
	forgot := g.standing == "" && summary.Detail == ""
	if _, ordered := a.orders[manager1.AgentAudio]; ordered && (restarted || forgot) && time.Since(g.ordered) >= orderInterval {
		g.ordered = time.Now()
		g.order(manager1.AgentAudio)
	}
	return true
}

func (a *Agents) bySenderLocked(sender string) *agent {
	for _, g := range a.byUID {
		if g.unique == sender {
			return g
		}
	}
	return nil
}

// audioUser is a report as guards read it. What the agent could not see is
// unknown, not silent.
func audioUser(summary manager1.AudioSummary, nodes []manager1.AudioNode) facts.AudioUser {
	u := facts.AudioUser{Part: facts.Part{At: time.Now()}, Running: summary.PipeWire == "active"}
	if summary.Forced {
		u.Quantum, u.Rate = summary.Quantum, summary.Rate
	}
	switch summary.PipeWire {
	case "active":
	case "inactive", "failed":
		return u
	default:
		u.Unknown = "moded-agent cannot see PipeWire"
		if detail := manager1.Clean(summary.Detail, manager1.MaxText); detail != "" {
			u.Unknown = detail
		}
		return u
	}
	u.IdleSince = summary.IdleSince
	for _, n := range nodes {
		if n.State == "running" {
			addNode(&u, n)
		}
	}
	running := u.Recording + u.Production + u.Media
	// What was left out of the list runs all the same.
	u.Media += max(0, int(min(summary.Running, 1<<20))-running)
	return u
}

// addNode counts a running node. Its names are the program's own words.
func addNode(u *facts.AudioUser, n manager1.AudioNode) {
	node := facts.AudioNode{Class: class(n), Client: manager1.Clean(n.Client, manager1.MaxText),
		Binary: manager1.Clean(n.Comm, manager1.MaxText), PID: n.PID, State: n.State}
	if n.Kind == "jack" {
		node.API = "jack"
	}
	switch node.Class {
	case recording:
		u.Recording++
	case production:
		u.Production++
	default:
		u.Media++
	}
	u.Nodes = append(u.Nodes, node)
}

// class is the agent's own, or what the node's kind says.
func class(n manager1.AudioNode) string {
	switch n.Class {
	case recording, production, media:
		return n.Class
	}
	switch n.Kind {
	case "capture":
		return recording
	case "jack", "midi":
		return production
	}
	return media
}
