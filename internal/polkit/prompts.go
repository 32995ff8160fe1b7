package polkit

import "sync"

// maxPrompts bounds pending prompts in all; a uid has one.
const maxPrompts = 8

// prompts counts them. The zero value is ready.
type prompts struct {
	mu   sync.Mutex
	open map[uint32]bool
}

func (p *prompts) enter(uid uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[uid] || len(p.open) >= maxPrompts {
		return false
	}
	if p.open == nil {
		p.open = map[uint32]bool{}
	}
	p.open[uid] = true
	return true
}

func (p *prompts) leave(uid uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, uid)
}
