package agent

import (
	"context"
	"time"
)

// graphicalTarget is active while a desktop runs that tells systemd so; see
// systemd.special(7).
const graphicalTarget = "graphical-session.target"

const lastLook = 300 * time.Millisecond

// graphicalSession is active or inactive.
func (a *Agent) graphicalSession(ctx context.Context) (string, error) {
	states, err := a.Units.States(ctx, graphicalTarget)
	if err != nil {
		return "", err
	}
	if states[graphicalTarget].Running() {
		return "active", nil
	}
	return "inactive", nil
}

// endGraphicalSession stops the target, and with it what is part of it. When
// the call's deadline is over the jobs go on in the user's manager.
func (a *Agent) endGraphicalSession(ctx context.Context) (settled bool, detail string) {
	state, err := a.graphicalSession(ctx)
	if err != nil {
		return false, err.Error()
	}
	if state == "inactive" {
		return true, ""
	}
	stopErr := a.Units.Stop(ctx, graphicalTarget)
	// Look also when the time is over: the daemon has a little left.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer done()
	state, err = a.graphicalSession(ctx)
	switch {
	case err != nil:
		return false, err.Error()
	case state == "inactive":
		return true, ""
	case stopErr != nil:
		return false, stopErr.Error()
	default:
		return false, graphicalTarget + " is still active"
	}
}
