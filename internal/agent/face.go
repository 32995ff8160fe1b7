package agent

import (
	"context"
	"fmt"
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

// Limits of what may be forced: PipeWire does not check.
const (
	minQuantum, maxQuantum = 4, 8192
	minRate, maxRate       = 8000, 768000
)

// audioOrder reads and checks an order. Keys that its state does not use are
// dropped, so that equal orders are equal.
func audioOrder(want manager1.Dict) (manager1.AudioOrder, *manager1.Error) {
	for key, sig := range map[string]string{"state": "s", "quantum": "u", "rate": "u"} {
		if v, ok := want[key]; ok && v.Signature().String() != sig {
			return manager1.AudioOrder{}, manager1.Errorf(manager1.ErrInvalidArgument, "%s is no %s", key, sig)
		}
	}
	var o manager1.AudioOrder
	o.FromMap(want)
	switch o.State {
	case "on", "off":
		return manager1.AudioOrder{State: o.State}, nil
	case "realtime":
		return o, inRange("quantum", o.Quantum, minQuantum, maxQuantum, inRange("rate", o.Rate, minRate, maxRate, nil))
	default:
		return o, manager1.Errorf(manager1.ErrInvalidArgument, "state of audio can be on, realtime or off")
	}
}

// inRange is err, or why n is neither 0 nor in the range.
func inRange(name string, n, low, high uint32, err *manager1.Error) *manager1.Error {
	if err == nil && n != 0 && (n < low || n > high) {
		return &manager1.Error{Name: manager1.ErrInvalidArgument, Message: fmt.Sprintf("%s can be %d to %d", name, low, high)}
	}
	return err
}
