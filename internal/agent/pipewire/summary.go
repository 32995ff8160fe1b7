package pipewire

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// MaxNodes is how many nodes a Summary lists.
const MaxNodes = 64

// maxName is how many runes of a name are kept.
const maxName = 64

// Summary is a graph in short. It shares nothing with the graph.
type Summary struct {
	// Recording, Production and Media count running nodes by class.
	Recording, Production, Media int
	// Total counts streams and JACK clients, running or not.
	Total int
	// Nodes are streams and JACK clients, running ones first, MaxNodes at
	// most.
	Nodes []Node
	// Clients are the names of JACK clients that have a node, sorted.
	Clients []string
	// Quantum and Rate are what holds now: forced, else the default.
	Quantum, Rate uint32
	// ForcedQuantum and ForcedRate are 0 when nothing is forced.
	ForcedQuantum, ForcedRate uint32
	// Settings is false while PipeWire has not shown its settings.
	Settings bool
	// IdleSince is when the last node stopped, zero while one runs.
	IdleSince time.Time
}

// Node is a stream or a JACK client.
type Node struct {
	Serial uint32
	Kind   string // Playback, Capture or JACK
	Class  Class
	State  string
	Client string
	Binary string
	// PID is the process, told by the kernel where it can be.
	PID uint32
	API string // jack, pipewire-pulse, or empty for native clients
}

// Running counts the nodes that run.
func (s Summary) Running() int { return s.Recording + s.Production + s.Media }

// Summary says what the graph is now.
func (g *Graph) Summary() Summary {
	s := Summary{Settings: g.settings.known, IdleSince: g.idleSince}
	for id, n := range g.nodes {
		if n.kind() == "" {
			continue
		}
		node := g.describe(id, n)
		s.count(node)
		s.Nodes = append(s.Nodes, node)
	}
	slices.SortFunc(s.Nodes, byWeight)
	slices.Sort(s.Clients)
	s.Total = len(s.Nodes)
	s.Nodes = slices.Clip(s.Nodes[:min(s.Total, MaxNodes)])
	s.ForcedQuantum, s.ForcedRate = g.setting("clock.force-quantum"), g.setting("clock.force-rate")
	s.Quantum = cmp.Or(s.ForcedQuantum, g.setting("clock.quantum"))
	s.Rate = cmp.Or(s.ForcedRate, g.setting("clock.rate"))
	return s
}

func (g *Graph) setting(key text) uint32 { return g.settings.values[key].number() }

func (s *Summary) count(n Node) {
	switch n.Class {
	case Recording:
		s.Recording++
	case Production:
		s.Production++
	case Media:
		s.Media++
	}
	if n.Kind == JACK && len(s.Clients) < MaxNodes {
		s.Clients = append(s.Clients, n.Client)
	}
}

func (g *Graph) describe(id uint32, n node) Node {
	owner := g.owner(n)
	pid := owner.SecPID.number()
	if pid == 0 || n.props.ClientAPI.is("pipewire-pulse") || owner.ClientAPI.is("pipewire-pulse") {
		// The kernel only knows pipewire-pulse there, not the application.
		pid = cmp.Or(n.props.AppPID, owner.AppPID).number()
	}
	name := cmp.Or(owner.AppName, n.props.AppName, n.props.NodeName)
	if n.kind() == JACK {
		name = cmp.Or(n.props.ClientName, n.props.NodeName, owner.AppName)
	}
	return Node{
		Serial: cmp.Or(n.props.Serial.number(), id),
		Kind:   n.kind(), Class: g.classify(id), State: clean(text(n.state)),
		Client: clean(name), Binary: clean(cmp.Or(owner.AppBinary, n.props.AppBinary)), PID: pid, API: clean(n.props.ClientAPI),
	}
}

// byWeight puts the strongest class first, then other states, then the oldest.
func byWeight(a, b Node) int {
	rank := func(n Node) int { return slices.Index([]Class{Recording, Production, Media, None}, n.Class) }
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Serial, b.Serial))
}

// clean makes an application's words fit for a bus and a terminal.
func clean(t text) string {
	kept := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, string(t))
	if runes := []rune(kept); len(runes) > maxName {
		kept = string(runes[:maxName])
	}
	return kept
}
