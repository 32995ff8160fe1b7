package agent

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

// face is org.modectl.Agent1. Each call has its own goroutine.
type face struct {
	agent *Agent
	ctx   context.Context //nolint:containedctx // that of Run: godbus has none for a call
}

// answerWithin is less than the daemon's deadline of 5 s.
const answerWithin = 4500 * time.Millisecond

// enter says whether the caller is obeyed, and gives the call its deadline.
func (f *face) enter(sender dbus.Sender) (context.Context, context.CancelFunc, *dbus.Error) {
	ctx, stop := context.WithTimeout(f.ctx, answerWithin)
	if !f.agent.obeys(ctx, sender) {
		stop()
		return nil, nil, manager1.Errorf(manager1.ErrAccessDenied, "only the daemon may ask an agent").DBus()
	}
	return ctx, stop, nil
}

// survive turns a panic of a call into an error: the agent goes on.
func survive(err **dbus.Error) {
	if r := recover(); r != nil {
		*err = manager1.Errorf(manager1.ErrFailed, "internal error: %v", r).DBus()
	}
}

// Apply is described in org.modectl.Agent1.xml, as are the others.
func (f *face) Apply(sender dbus.Sender, kind string, want manager1.Dict) (settled bool, detail string, err *dbus.Error) {
	defer survive(&err)
	ctx, stop, err := f.enter(sender)
	if err != nil {
		return false, "", err
	}
	defer stop()
	switch kind {
	case manager1.AgentAudio:
		order, invalid := audioOrder(want)
		if invalid != nil {
			return false, "", invalid.DBus()
		}
		settled, detail = f.agent.Audio.Apply(ctx, order)
		return settled, detail, nil
	case manager1.AgentSlices:
		order, invalid := sliceOrder(want)
		if invalid != nil {
			return false, "", invalid.DBus()
		}
		settled, detail = f.agent.Slices.Apply(ctx, order)
		return settled, detail, nil
	case manager1.AgentSession:
		if s, _ := want["state"].Value().(string); s != "off" {
			return false, "", manager1.Errorf(manager1.ErrInvalidArgument, "state of a session can be off").DBus()
		}
		settled, detail = f.agent.endGraphicalSession(ctx)
		return settled, detail, nil
	default:
		return false, "", notSupported(kind)
	}
}

// Capture reads, and starts nothing.
func (f *face) Capture(sender dbus.Sender, kind string) (have manager1.Dict, err *dbus.Error) {
	defer survive(&err)
	ctx, stop, err := f.enter(sender)
	if err != nil {
		return nil, err
	}
	defer stop()
	switch kind {
	case manager1.AgentAudio:
		return f.agent.Audio.Capture(ctx).ToMap(), nil
	case manager1.AgentSession:
		state, err := f.agent.graphicalSession(ctx)
		if err != nil {
			return nil, manager1.Errorf(manager1.ErrFailed, "%v", err).DBus()
		}
		return manager1.Dict{"graphical": dbus.MakeVariant(state)}, nil
	case manager1.AgentSlices:
		rows, err := f.agent.Slices.Capture(ctx)
		if err != nil {
			return nil, manager1.Errorf(manager1.ErrFailed, "%v", err).DBus()
		}
		return manager1.Dict{"slices": dbus.MakeVariant(manager1.EncodeList(rows))}, nil
	default:
		return nil, notSupported(kind)
	}
}

// Notify hands on and returns.
func (f *face) Notify(sender dbus.Sender, notification manager1.Dict) (err *dbus.Error) {
	defer survive(&err)
	_, stop, err := f.enter(sender)
	if err != nil {
		return err
	}
	stop()
	var n manager1.Notification
	n.FromMap(notification)
	f.agent.Notify.Notify(n)
	return nil
}

func notSupported(kind string) *dbus.Error {
	return manager1.Errorf(manager1.ErrNotSupported, "this agent knows no %s", manager1.Clean(kind, 32)).DBus()
}
