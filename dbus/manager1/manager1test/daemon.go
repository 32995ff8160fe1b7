package manager1test

import (
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/dbus/manager1"
)

// Daemon is a moded that has no machine: it says what its fields say, and runs
// transitions as its script does. Fill it before Serve; afterwards change it
// only through its methods.
type Daemon struct {
	Properties manager1.Properties
	Plans      map[string]manager1.Plan
	Modes      []manager1.ModeInfo
	Holds      []manager1.HoldInfo
	Records    []manager1.Record // newest first
	Resources  manager1.Resources
	// Looks are what the first questions for Resources are answered with.
	Looks    []manager1.Resources
	Settings []manager1.Setting
	Can      map[string]string
	// Errors are answered by methods of that name, whatever they are asked.
	Errors map[string]*manager1.Error
	// NeedsPrompt are methods that are answered only when the caller allows
	// interaction.
	NeedsPrompt map[string]bool
	// NextID is what SwitchMode answers when it answers at all.
	NextID uint32
	// Script runs after SwitchMode, Cancel, Confirm, Proceed or Recover was
	// answered, in a goroutine of its own that Stop waits for.
	Script func(d *Daemon, method string, id uint32)

	mu    sync.Mutex
	calls []Call
	conn  *dbus.Conn
	work  sync.WaitGroup
	// pending are the scripts of calls that are not answered yet.
	pending map[question]func()
	// failing are the errors of the next calls.
	failing map[string][]*manager1.Error
}

// Call is something that a client asked for.
type Call struct {
	Method string
	Args   []any
	Flags  dbus.Flags
}

// Serve puts the daemon on the bus until the test ends or Stop is called.
func (d *Daemon) Serve(t testing.TB, address string) {
	t.Helper()
	conn, err := dbus.Connect(address, AfterReplies(d.answered)...)
	if err != nil {
		t.Fatal(err)
	}
	d.conn = conn
	t.Cleanup(d.Stop)
	d.export(t)
	if reply, err := conn.RequestName(manager1.BusName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("cannot own %s: %v, %v", manager1.BusName, reply, err)
	}
}

// Stop takes the daemon off the bus, as a crash would, and waits for scripts.
func (d *Daemon) Stop() {
	_ = d.conn.Close()
	d.work.Wait()
}

// Vanish is Stop for a script, which cannot wait for itself.
func (d *Daemon) Vanish() { _ = d.conn.Close() }

// Calls returns what was asked so far, properties aside.
func (d *Daemon) Calls() []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Call(nil), d.calls...)
}

// Change changes the properties and tells everybody.
func (d *Daemon) Change(change func(p *manager1.Properties)) {
	d.mu.Lock()
	change(&d.Properties)
	all := d.Properties.ToMap()
	d.mu.Unlock()
	_ = d.conn.Emit(manager1.Path, "org.freedesktop.DBus.Properties.PropertiesChanged",
		manager1.Interface, all, []string{})
}

// SetPlan changes what Plan answers for a mode, and tells nobody.
func (d *Daemon) SetPlan(mode string, p manager1.Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Plans[mode] = p
}

// SetModes changes what ListModes answers, and tells nobody.
func (d *Daemon) SetModes(modes []manager1.ModeInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Modes = modes
}

// Fail makes the next calls of a method answer with an error.
func (d *Daemon) Fail(method string, times int, err *manager1.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing == nil {
		d.failing = map[string][]*manager1.Error{}
	}
	d.failing[method] = slices.Repeat([]*manager1.Error{err}, times)
}

// Step tells everybody about a step, properties first.
func (d *Daemon) Step(id, index, total uint32, step, status string) {
	d.Change(func(p *manager1.Properties) {
		p.Transition.Phase, p.Transition.Step = manager1.PhaseRunning, step
		p.Transition.Index, p.Transition.Of = index, total
		if status == manager1.Undoing || status == manager1.Undone {
			p.Transition.Phase = manager1.PhaseUndoing
		}
	})
	d.Emit(manager1.SignalStepChanged, id, index, total, step, status)
}

// Finish puts a record at the head of the history and tells everybody.
func (d *Daemon) Finish(r manager1.Record) {
	d.Change(func(p *manager1.Properties) {
		d.Records = append([]manager1.Record{r}, d.Records...)
		p.Mode, p.Target, p.LastTransition = r.Mode, "", r
		if r.Outcome != manager1.Stuck {
			p.Transition = manager1.Progress{}
		} else {
			p.Transition.Phase = manager1.PhaseStuck
		}
	})
	d.Emit(manager1.SignalTransitionFinished, r.ID, r.Outcome, r.Mode, r.Message)
}

// Emit sends a signal of the interface.
func (d *Daemon) Emit(signal string, args ...any) {
	_ = d.conn.Emit(manager1.Path, manager1.Interface+"."+signal, args...)
}

func (d *Daemon) export(t testing.TB) {
	t.Helper()
	for iface, table := range map[string]map[string]any{
		manager1.Interface:                d.methods(),
		"org.freedesktop.DBus.Properties": d.propertyMethods(),
	} {
		if err := d.conn.ExportMethodTable(table, manager1.Path, iface); err != nil {
			t.Fatal(err)
		}
	}
	node := introspect.Introspectable(dbusxml.Introspection(dbusxml.Manager1, dbusxml.Agents1))
	if err := d.conn.Export(node, manager1.Path, "org.freedesktop.DBus.Introspectable"); err != nil {
		t.Fatal(err)
	}
}
