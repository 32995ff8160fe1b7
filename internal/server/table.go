package server

import (
	"context"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/dbus/manager1"
)

// route is how a call names a method.
type route struct{ iface, member string }

// method is a row of the table: all that is ever reachable.
type method struct {
	route
	// in and out are signatures; a call must have exactly in.
	in, out string
	// actions are polkit's, of which a call is checked against at most one.
	// Without any the method is public.
	actions []string
	// changes marks methods that change something: they want a reply.
	changes bool
	// slow marks methods that ask a helper, or a person, and are bounded by uid.
	slow bool
	// wide is the size of a call in bytes, where maxCall is not enough.
	wide uint64
	// anywhere marks methods of every object.
	anywhere bool
	handle   func(s *Server, ctx context.Context, c *call) ([]any, error)
}

func (m *method) size() uint64 { return max(m.wide, maxCall) }

// identified tells whether the handler must know who calls.
func (m *method) identified() bool { return m.changes || m.slow || len(m.actions) > 0 }

const (
	peer           = "org.freedesktop.DBus.Peer"
	introspectable = "org.freedesktop.DBus.Introspectable"
	properties     = "org.freedesktop.DBus.Properties"
)

var (
	switching = []string{manager1.ActionSwitchMode, manager1.ActionEndOwnSession, manager1.ActionLeaveHeadless,
		manager1.ActionEndSessions, manager1.ActionOverrideGuards, manager1.ActionAdminister}
	administering = []string{manager1.ActionAdminister}
	proceeding    = []string{manager1.ActionEndSessions}
	holding       = []string{manager1.ActionHold, manager1.ActionHoldAll}
)

func newTable() map[route]*method {
	const m, a = manager1.Interface, manager1.AgentsInterface
	rows := []method{
		{route: route{m, manager1.MethodSwitchMode}, in: "suus", out: "u", actions: switching, changes: true, slow: true, handle: (*Server).switchMode},
		{route: route{m, manager1.MethodPlan}, in: "su", out: "baa{sv}aa{sv}", slow: true, handle: (*Server).plan},
		{route: route{m, manager1.MethodCanSwitch}, in: "s", out: "s", slow: true, handle: (*Server).canSwitch},
		{route: route{m, manager1.MethodCancel}, in: "u", actions: administering, changes: true, slow: true, handle: (*Server).cancel},
		{route: route{m, manager1.MethodConfirm}, in: "u", actions: administering, changes: true, slow: true, handle: (*Server).confirm},
		{route: route{m, manager1.MethodProceed}, in: "u", actions: proceeding, changes: true, slow: true, handle: (*Server).proceed},
		{route: route{m, manager1.MethodRecover}, in: "u", actions: administering, changes: true, slow: true, handle: (*Server).recover},
		{route: route{m, manager1.MethodReload}, actions: administering, changes: true, slow: true, handle: (*Server).reload},
		{route: route{m, manager1.MethodHold}, in: "sss", out: "u", actions: holding, changes: true, slow: true, handle: (*Server).hold},
		{route: route{m, manager1.MethodRelease}, in: "u", changes: true, handle: (*Server).release},
		{route: route{m, manager1.MethodListModes}, out: "aa{sv}", slow: true, handle: (*Server).listModes},
		{route: route{m, manager1.MethodListHolds}, out: "aa{sv}", handle: (*Server).listHolds},
		{route: route{m, manager1.MethodListHistory}, in: "u", out: "aa{sv}", slow: true, handle: (*Server).listHistory},
		{route: route{m, manager1.MethodGetTransition}, in: "u", out: "a{sv}", slow: true, handle: (*Server).getTransition},
		{route: route{m, manager1.MethodResources}, out: "a{sv}", slow: true, handle: (*Server).resources},
		{route: route{m, manager1.MethodVerify}, out: "aa{sv}", slow: true, handle: (*Server).verify},

		{route: route{a, manager1.MethodRegisterAgent}, in: "a{sv}", changes: true, handle: (*Server).registerAgent},
		{route: route{a, manager1.MethodReportAudio}, in: "a{sv}aa{sv}", wide: 128 << 10, handle: (*Server).reportAudio},

		{route: route{properties, "Get"}, in: "ss", out: "v", handle: (*Server).get},
		{route: route{properties, "GetAll"}, in: "s", out: "a{sv}", handle: (*Server).getAll},
		{route: route{properties, "Set"}, in: "ssv", handle: (*Server).set},
		{route: route{introspectable, "Introspect"}, out: "s", anywhere: true, handle: (*Server).introspect},
		{route: route{peer, "Ping"}, anywhere: true, handle: (*Server).ping},
	}
	table := make(map[route]*method, len(rows))
	for i := range rows {
		table[rows[i].route] = &rows[i]
	}
	return table
}

func (s *Server) ping(context.Context, *call) ([]any, error) { return nil, nil }

// parents are the objects on the way to ours, so that a tree can be walked.
var parents = map[string]string{"/": "org", "/org": "modectl", "/org/modectl": "Manager1"}

func (s *Server) introspect(_ context.Context, c *call) ([]any, error) {
	if child, ok := parents[c.Path]; ok {
		return []any{`<node><node name="` + child + `"/></node>`}, nil
	}
	if c.Path != string(manager1.Path) {
		return nil, busError("UnknownObject", "there is no such object")
	}
	return []any{dbusxml.Introspection(dbusxml.Manager1, dbusxml.Agents1)}, nil
}
