package server

import "sync"

// Bounds of calls that may take long, beside those of the frame guard: reads of
// properties always find a place.
const (
	slowInAll  = 64
	slowPerUID = 8
)

// slots counts slow calls. The zero value is ready.
type slots struct {
	mu   sync.Mutex
	all  int
	each map[uint32]int
}

func (l *slots) enter(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= slowInAll || l.each[uid] >= slowPerUID {
		return false
	}
	if l.each == nil {
		l.each = map[uint32]int{}
	}
	l.all++
	l.each[uid]++
	return true
}

func (l *slots) leave(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.each[uid]--; l.each[uid] == 0 {
		delete(l.each, uid)
	}
}
