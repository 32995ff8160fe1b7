package host

import (
	"context"

	"github.com/modectl/moded/pkg/fsm"
)

// Machine is what the engine must know about the machine it runs on.
type Machine struct {
	Clock
	Manager *Manager
	Logind  Logind
}

var (
	_ fsm.Host     = Machine{}
	_ fsm.Sessions = Logind{}
)

// Stopping tells whether the machine shuts down. Either one's word will do: PID
// 1 refuses jobs from then on, and logind announces it before. Who does not
// answer says nothing.
func (m Machine) Stopping(ctx context.Context) bool {
	state, err := m.Manager.SystemState(ctx)
	if err == nil && state == "stopping" {
		return true
	}
	if m.Logind.conn == nil {
		return false
	}
	down, err := m.Logind.ShuttingDown(ctx)
	return err == nil && down
}
