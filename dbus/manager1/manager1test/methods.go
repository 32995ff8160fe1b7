package manager1test

import (
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

// enter records a call and says whether it fails.
func (d *Daemon) enter(msg dbus.Message, args ...any) *dbus.Error {
	method, _ := msg.Headers[dbus.FieldMember].Value().(string)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, Call{method, args, msg.Flags})
	if next := d.failing[method]; len(next) > 0 {
		d.failing[method] = next[1:]
		return next[0].DBus()
	}
	if err, ok := d.Errors[method]; ok {
		return err.DBus()
	}
	if d.NeedsPrompt[method] && msg.Flags&dbus.FlagAllowInteractiveAuthorization == 0 {
		return manager1.Errorf(manager1.ErrInteractive, "a password is needed").DBus()
	}
	return nil
}

// question is a call that waits for its answer: who asked, and their number of it.
type question struct {
	who    any
	number uint32
}

// run has the script run as soon as the call is answered.
func (d *Daemon) run(msg dbus.Message, method string, id uint32) {
	if d.Script == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending == nil {
		d.pending = map[question]func(){}
	}
	d.pending[question{msg.Headers[dbus.FieldSender].Value(), msg.Serial()}] = func() { d.Script(d, method, id) }
}

// answered begins the script of what was answered now, if it has one.
func (d *Daemon) answered(m *dbus.Message) {
	number, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32)
	asked := question{m.Headers[dbus.FieldDestination].Value(), number}
	d.mu.Lock()
	defer d.mu.Unlock()
	if script, ok := d.pending[asked]; ok {
		delete(d.pending, asked)
		d.work.Go(script)
	}
}

func (d *Daemon) methods() map[string]any {
	return map[string]any{
		manager1.MethodSwitchMode:    d.switchMode,
		manager1.MethodPlan:          d.plan,
		manager1.MethodCanSwitch:     d.canSwitch,
		manager1.MethodCancel:        d.byID(manager1.MethodCancel),
		manager1.MethodConfirm:       d.byID(manager1.MethodConfirm),
		manager1.MethodProceed:       d.byID(manager1.MethodProceed),
		manager1.MethodRecover:       d.byID(manager1.MethodRecover),
		manager1.MethodReload:        d.reload,
		manager1.MethodHold:          d.hold,
		manager1.MethodRelease:       d.release,
		manager1.MethodListModes:     list(d, &d.Modes),
		manager1.MethodListHolds:     list(d, &d.Holds),
		manager1.MethodListHistory:   d.listHistory,
		manager1.MethodGetTransition: d.getTransition,
		manager1.MethodResources:     d.resources,
		manager1.MethodVerify:        list(d, &d.Settings),
	}
}

func list[T any, P interface {
	*T
	ToMap() manager1.Dict
}](d *Daemon, items *[]T) any {
	return func(msg dbus.Message) ([]manager1.Dict, *dbus.Error) {
		if err := d.enter(msg); err != nil {
			return nil, err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return dicts[T, P](*items), nil
	}
}

func dicts[T any, P interface {
	*T
	ToMap() manager1.Dict
}](items []T) []manager1.Dict {
	rows := []manager1.Dict{}
	for i := range items {
		rows = append(rows, P(&items[i]).ToMap())
	}
	return rows
}

func (d *Daemon) switchMode(msg dbus.Message, mode string, flags, within uint32, reason string) (uint32, *dbus.Error) {
	if err := d.enter(msg, mode, flags, within, reason); err != nil {
		return 0, err
	}
	if mode == d.Properties.Mode {
		return 0, nil
	}
	d.run(msg, manager1.MethodSwitchMode, d.NextID)
	return d.NextID, nil
}

func (d *Daemon) plan(msg dbus.Message, mode string, flags uint32) (bool, []manager1.Dict, []manager1.Dict, *dbus.Error) {
	if err := d.enter(msg, mode, flags); err != nil {
		return false, nil, nil, err
	}
	d.mu.Lock()
	p, ok := d.Plans[mode]
	d.mu.Unlock()
	if !ok {
		return false, nil, nil, manager1.Errorf(manager1.ErrUnknownMode, "there is no mode %q; there are: desktop, studio, compute", mode).DBus()
	}
	return p.Allowed, dicts(p.Verdicts), dicts(p.Steps), nil
}

func (d *Daemon) canSwitch(msg dbus.Message, mode string) (string, *dbus.Error) {
	if err := d.enter(msg, mode); err != nil {
		return "", err
	}
	if answer, ok := d.Can[mode]; ok {
		return answer, nil
	}
	return manager1.CanYes, nil
}

func (d *Daemon) byID(method string) any {
	return func(msg dbus.Message, id uint32) *dbus.Error {
		if err := d.enter(msg, id); err != nil {
			return err
		}
		if method == manager1.MethodRecover && d.Script != nil { // it is stuck no longer when the answer comes
			d.Change(func(p *manager1.Properties) { p.Transition.Phase = manager1.PhaseUndoing })
		}
		d.run(msg, method, id)
		return nil
	}
}

func (d *Daemon) reload(msg dbus.Message) *dbus.Error { return d.enter(msg) }

func (d *Daemon) hold(msg dbus.Message, scope, who, why string) (uint32, *dbus.Error) {
	return 1, d.enter(msg, scope, who, why)
}

func (d *Daemon) release(msg dbus.Message, cookie uint32) *dbus.Error { return d.enter(msg, cookie) }

func (d *Daemon) listHistory(msg dbus.Message, limit uint32) ([]manager1.Dict, *dbus.Error) {
	if err := d.enter(msg, limit); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := []manager1.Dict{}
	for i, r := range d.Records {
		if limit != 0 && uint32(i) >= limit {
			break
		}
		rows = append(rows, r.Brief().ToMap())
	}
	return rows, nil
}

func (d *Daemon) getTransition(msg dbus.Message, id uint32) (manager1.Dict, *dbus.Error) {
	if err := d.enter(msg, id); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.Records {
		if id == 0 || r.ID == id {
			return r.ToMap(), nil
		}
	}
	return nil, manager1.Errorf(manager1.ErrNotFound, "there is no transition %d", id).DBus()
}

func (d *Daemon) resources(msg dbus.Message) (manager1.Dict, *dbus.Error) {
	if err := d.enter(msg); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.Looks) == 0 {
		return d.Resources.ToMap(), nil
	}
	first := d.Looks[0]
	d.Looks = d.Looks[1:]
	return first.ToMap(), nil
}

func (d *Daemon) propertyMethods() map[string]any {
	return map[string]any{
		"GetAll": func(string) (manager1.Dict, *dbus.Error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if next := d.failing["GetAll"]; len(next) > 0 {
				d.failing["GetAll"] = next[1:]
				return nil, next[0].DBus()
			}
			return d.Properties.ToMap(), nil
		},
		"Get": func(_, name string) (dbus.Variant, *dbus.Error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.Properties.ToMap()[name], nil
		},
	}
}
