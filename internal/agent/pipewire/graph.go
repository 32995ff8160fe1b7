package pipewire

import (
	"encoding/json"
	"errors"
	"time"
)

// ErrAmbiguous says that a document cannot be applied: a key of the settings
// was removed, and pw-dump does not say which. Only a fresh dump helps.
var ErrAmbiguous = errors.New("pw-dump does not say which setting was removed")

// Graph is PipeWire's graph as the documents so far describe it. The zero
// value is empty and ready. It is not safe for concurrent use.
type Graph struct {
	clients  map[uint32]props
	nodes    map[uint32]node
	links    map[uint32]link
	settings settings
	// idleSince is when the last audio node stopped, zero while one runs.
	idleSince time.Time
}

type node struct {
	state string
	props props
}

type link struct {
	state    string
	from, to uint32
}

// settings is the metadata object of that name.
type settings struct {
	id     uint32
	known  bool
	values map[text]text
}

// ReadDocument applies the next document of a stream, at the time now. It
// returns io.EOF when the stream ended between two documents. After
// ErrAmbiguous, forced values are not to be believed.
func (g *Graph) ReadDocument(d *json.Decoder, now time.Time) error {
	doc, err := readDocument(d)
	if err != nil {
		return err
	}
	return g.applyDocument(doc, now)
}

func (g *Graph) applyDocument(doc []object, now time.Time) error {
	clear := true
	for _, o := range doc {
		clear = g.apply(o) && clear
	}
	g.clock(now)
	if !clear {
		return ErrAmbiguous
	}
	return nil
}

// clock keeps idleSince.
func (g *Graph) clock(now time.Time) {
	running := false
	for id := range g.nodes {
		if g.classify(id) != None {
			running = true
			break
		}
	}
	switch {
	case running:
		g.idleSince = time.Time{}
	case g.idleSince.IsZero():
		g.idleSince = now
	}
}

// apply changes the graph by one object, and tells whether that was clear.
func (g *Graph) apply(o object) bool {
	if o.Type == typeMetadata && o.Props != nil {
		return g.applyMetadata(o)
	}
	g.remove(o.ID) // also what had the id before: ids are used again
	if o.Info == nil {
		return true
	}
	switch o.Type {
	case typeClient:
		put(&g.clients, o.ID, o.Info.Props)
	case typeNode:
		put(&g.nodes, o.ID, node{state: o.Info.State, props: o.Info.Props})
	case typeLink:
		put(&g.links, o.ID, link{state: o.Info.State, from: o.Info.OutputNode, to: o.Info.InputNode})
	}
	return true
}

func put[V any](m *map[uint32]V, id uint32, v V) {
	if *m == nil {
		*m = map[uint32]V{}
	}
	(*m)[id] = v
}

func (g *Graph) remove(id uint32) {
	delete(g.clients, id)
	delete(g.nodes, id)
	delete(g.links, id)
	if g.settings.known && g.settings.id == id {
		g.settings = settings{}
	}
}

// applyMetadata merges changed keys; a list without any is a removed key.
func (g *Graph) applyMetadata(o object) bool {
	if o.Props.MetadataName != "settings" {
		g.remove(o.ID)
		return true
	}
	if !g.settings.known || g.settings.id != o.ID {
		g.remove(o.ID)
		g.settings = settings{id: o.ID, known: true, values: map[text]text{}}
	} else if len(o.Metadata) == 0 {
		return false
	}
	for _, e := range o.Metadata {
		if e.Subject == 0 {
			g.settings.values[e.Key] = e.Value
		}
	}
	return true
}
