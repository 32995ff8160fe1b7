package frame

import "sync"

// busName is the sender of the bus's own signals, which nobody can forge: the
// bus writes the sender of every message.
const busName = "org.freedesktop.DBus"

// owners knows the current owners of the names whose signals are believed.
type owners struct {
	mu    sync.Mutex
	names map[string]string
}

// Follow lets signals of the name's owner pass, from now on and whoever that
// is. The caller must have a match rule for NameOwnerChanged of the name, and
// says who owns it now, or "".
func (g *Guard) Follow(name, owner string) {
	o := &g.names
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.names == nil {
		o.names = map[string]string{}
	}
	o.names[name] = owner
}

// trusted tells whether a signal may pass, and learns from the bus's own about
// new owners, in the order of the stream.
func (o *owners) trusted(h *Header, message []byte) bool {
	if h.Sender == busName {
		o.learn(h, message)
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, owner := range o.names {
		if owner != "" && owner == h.Sender {
			return true
		}
	}
	return false
}

func (o *owners) learn(h *Header, message []byte) {
	if h.Member != "NameOwnerChanged" || h.Interface != busName || h.Signature != "sss" {
		return
	}
	c := cursor{b: message[fixed+pad8(h.fields):], order: h.order}
	name, _, now := c.string(), c.string(), c.string()
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, followed := o.names[name]; followed && !c.bad {
		o.names[name] = now
	}
}
