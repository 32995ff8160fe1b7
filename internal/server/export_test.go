package server

import (
	"math"

	"github.com/modectl/moded/pkg/fsm"
)

// Row is a row of the method table, for the drift test.
type Row struct {
	Interface, Member, In, Out string
	Actions                    []string
	Changes                    bool
}

// Table lists the method table.
func Table() []Row {
	var rows []Row
	for _, m := range newTable() {
		rows = append(rows, Row{m.iface, m.member, m.in, m.out, m.actions, m.changes})
	}
	return rows
}

// ActionFor is actionFor for a known caller, or for nobody.
func ActionFor(e fsm.Effect, known bool, uid uint32, othersInteractive bool) string {
	return actionFor(e, caller{known: known, uid: uid}, othersInteractive)
}

// InFlight is how many calls are being handled.
func (s *Server) InFlight() int { return s.guard.InFlight() }

// UniqueName is the server's own on the bus.
func (s *Server) UniqueName() string { return s.conn.Names()[0] }

// WrapCookies makes the next cookie of a hold the one after the highest.
func (s *Server) WrapCookies() {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	s.holds.cookie = math.MaxUint32
}

// Drop loses the connection to the bus.
func (s *Server) Drop() { _ = s.conn.Close() }

// AuditRoom counts the lines that a uid gets out of n in one second.
func AuditRoom(n int) (lines int) {
	var a audit
	for range n {
		if a.room(7, 1) {
			lines++
		}
	}
	return lines
}
