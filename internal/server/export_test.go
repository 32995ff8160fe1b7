package server

import "github.com/modectl/moded/pkg/fsm"

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
