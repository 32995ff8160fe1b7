package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server"
)

// ask sends a message as it is and returns the name of the error, or "".
func ask(t *testing.T, conn *dbus.Conn, m *dbus.Message) string {
	t.Helper()
	call := <-conn.Send(m, make(chan *dbus.Call, 1)).Done
	var e dbus.Error
	if errors.As(call.Err, &e) {
		return e.Name
	}
	if call.Err != nil {
		t.Fatal(call.Err)
	}
	return ""
}

func methodCall(destination, path, iface, member string, body ...any) *dbus.Message {
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(destination), dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldMember: dbus.MakeVariant(member)}}
	if iface != "" {
		m.Headers[dbus.FieldInterface] = dbus.MakeVariant(iface)
	}
	if len(body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return m
}

const (
	unknownMethod = "org.freedesktop.DBus.Error.UnknownMethod"
	invalidArgs   = "org.freedesktop.DBus.Error.InvalidArgs"
	busDenies     = "org.freedesktop.DBus.Error.AccessDenied"
)

// open lets every message through the bus: what is tested is the server alone.
func anything() bustest.Option {
	return bustest.WithPolicy(`<policy context="mandatory"><allow send_destination="*" eavesdrop="false"/><allow send_type="method_call"/></policy>`)
}

func TestWhatIsNotInTheTableDoesNotExist(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, bustest.Start(t, anything()), nil)
	conn := r.bus.Connect(t)
	path := string(manager1.Path)
	for name, test := range map[string]struct {
		iface, path, member string
		body                []any
		want                string
	}{
		"no interface":              {"", path, "Reload", nil, unknownMethod},
		"another interface":         {"org.modectl.Agents1", path, "Reload", nil, unknownMethod},
		"a Go method":               {manager1.Interface, path, "switchMode", nil, unknownMethod},
		"another path":              {manager1.Interface, "/org/modectl", "Reload", nil, "org.freedesktop.DBus.Error.UnknownObject"},
		"too few arguments":         {manager1.Interface, path, "SwitchMode", []any{"studio"}, invalidArgs},
		"too many":                  {manager1.Interface, path, "Reload", []any{uint32(1)}, invalidArgs},
		"a wrong type":              {manager1.Interface, path, "SwitchMode", []any{"studio", int32(0), uint32(0), ""}, invalidArgs},
		"a variant for a text":      {manager1.Interface, path, "CanSwitch", []any{dbus.MakeVariant("studio")}, invalidArgs},
		"a property that is not":    {"org.freedesktop.DBus.Properties", path, "Get", []any{manager1.Interface, "Nothing"}, "org.freedesktop.DBus.Error.UnknownProperty"},
		"one of another interface":  {"org.freedesktop.DBus.Properties", path, "Get", []any{manager1.AgentsInterface, "Mode"}, "org.freedesktop.DBus.Error.UnknownProperty"},
		"an interface that is not":  {"org.freedesktop.DBus.Properties", path, "GetAll", []any{"org.x"}, "org.freedesktop.DBus.Error.UnknownInterface"},
		"a property that is set":    {"org.freedesktop.DBus.Properties", path, "Set", []any{manager1.Interface, "Mode", dbus.MakeVariant("studio")}, "org.freedesktop.DBus.Error.PropertyReadOnly"},
		"GetMachineId":              {"org.freedesktop.DBus.Peer", path, "GetMachineId", nil, unknownMethod},
		"introspection elsewhere":   {"org.freedesktop.DBus.Introspectable", "/x", "Introspect", nil, "org.freedesktop.DBus.Error.UnknownObject"},
		"a name that is too long":   {manager1.Interface, path, "CanSwitch", []any{strings.Repeat("x", 5000)}, manager1.ErrLimitsExceeded},
		"a message that is too big": {manager1.Interface, path, "CanSwitch", []any{strings.Repeat("x", 300<<10)}, manager1.ErrLimitsExceeded},
	} {
		if got := ask(t, conn, methodCall(manager1.BusName, test.path, test.iface, test.member, test.body...)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if len(r.engine.done()) > 0 || len(r.engine.asked) > 0 {
		t.Error("something reached the engine")
	}
}

func TestTheBusKeepsAwayWhatThePolicyDoesNotName(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	conn := r.bus.Connect(t)
	for _, m := range []*dbus.Message{
		methodCall(manager1.BusName, string(manager1.Path), "", "Reload"),
		methodCall(manager1.BusName, string(manager1.Path), manager1.Interface, "Internal"),
		methodCall(manager1.BusName, string(manager1.Path), "org.freedesktop.DBus.Properties", "Set", manager1.Interface, "Mode", dbus.MakeVariant("x")),
	} {
		if got := ask(t, conn, m); got != busDenies {
			t.Errorf("got %q", got)
		}
	}
}

func TestAPanicCostsOneCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.client()
	_, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "panic"})
	wantError(t, err, manager1.ErrFailed)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the caller reads %q", err)
	}
	if _, err := c.SwitchMode(t.Context(), manager1.SwitchRequest{Mode: "studio"}); err != nil {
		t.Error(err)
	}
}

func TestSlowCallsOfOneUserAreBounded(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	r := newRig(t, func(e *engine, _ *server.Config) { e.block = make(chan struct{}) })
	c := r.as(nobody)
	results := make(chan error, 20)
	for range 20 {
		go func() { results <- second(c.Plan(t.Context(), "studio", 0)) }()
	}
	for range 12 { // 8 of them wait
		wantError(t, <-results, manager1.ErrLimitsExceeded)
	}
	if _, err := c.Properties(t.Context()); err != nil {
		t.Errorf("reads stopped: %v", err)
	}
	close(r.engine.block)
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// large is how many MiB this process has taken in pieces of more than 32 KiB since
// it began, given back or not: it grows by a message that is read whole, and not
// by many small ones nor by when memory is collected.
func large() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	bytes := m.TotalAlloc
	for _, class := range m.BySize {
		bytes -= class.Mallocs * uint64(class.Size)
	}
	return int(bytes >> 20)
}

// wire encodes a message as a client would send it.
func wire(t *testing.T, m *dbus.Message) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	raw := out.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], 9)
	return raw
}

// bigArray makes the message's empty av one of size bytes, all variants of u.
func bigArray(t *testing.T, m *dbus.Message, size int) []byte {
	t.Helper()
	raw := wire(t, m)
	binary.LittleEndian.PutUint32(raw[4:], uint32(4+size))
	binary.LittleEndian.PutUint32(raw[len(raw)-4:], uint32(size))
	return append(raw, bytes.Repeat([]byte{1, 'u', 0, 0, 1, 2, 3, 4}, size/8)...)
}

// TestHugeMessagesAreNeverDecoded is threats D1: 31 MiB made a stock godbus
// service 1.1 GB large. It runs alone: it measures the process.
func TestHugeMessagesAreNeverDecoded(t *testing.T) {
	r := newRig(t, nil)
	path := string(manager1.Path)
	raw := bigArray(t, methodCall(manager1.BusName, path, manager1.Interface, "CanSwitch", []dbus.Variant{}), 31<<20)
	conn := r.bus.Connect(t)
	socket, err := r.bus.DialAs(uint32(os.Geteuid()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	if _, err := fmt.Fprintf(socket, "\x00AUTH EXTERNAL %x\r\nBEGIN\r\n", strconv.Itoa(os.Geteuid())); err != nil {
		t.Fatal(err)
	}
	if _, err := socket.Write(wire(t, methodCall("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))); err != nil {
		t.Fatal(err)
	}
	before := large()
	for range 3 {
		if _, err := socket.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	for r.server.Counters().Oversize < 3 {
		if got := ask(t, conn, methodCall(manager1.BusName, path, "org.freedesktop.DBus.Peer", "Ping")); got != "" {
			t.Fatalf("ping: %s", got)
		}
	}
	// A message that was read whole would be 31 of them.
	if taken := large() - before; taken > 16 {
		t.Errorf("%d MiB were taken for them", taken)
	}
}

// TestAFloodOfCallsIsBounded is threats D2, small: 50,000 calls that want no
// reply, as fast as the bus takes them, while somebody else reads.
func TestAFloodOfCallsIsBounded(t *testing.T) {
	r := newRig(t, nil)
	flood := r.bus.Connect(t)
	before := runtime.NumGoroutine()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50_000 {
			m := methodCall(manager1.BusName, string(manager1.Path), manager1.Interface, "Reload")
			m.Flags = dbus.FlagNoReplyExpected
			flood.Send(m, nil)
		}
	}()
	c, most, slowest := r.client(), 0, time.Duration(0)
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		began := time.Now()
		if _, err := c.Properties(t.Context()); err != nil {
			t.Fatal(err)
		}
		slowest, most = max(slowest, time.Since(began)), max(most, runtime.NumGoroutine()-before)
	}
	if most > 200 {
		t.Errorf("%d goroutines more", most)
	}
	if len(r.engine.done()) > 0 {
		t.Error("the engine did something")
	}
	t.Logf("at most %d goroutines more; slowest read %v; %+v", most, slowest, r.server.Counters())
}

// TestNobodyBelievesForgedSignals is threats D4: the bus's own signals, and
// the leaving of agents and of holders, told by somebody else.
func TestNobodyBelievesForgedSignals(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, bustest.Start(t, anything()), nil)
	conn := r.bus.Connect(t)
	if err := register(t, conn, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := manager1.New(conn).Hold(t.Context(), manager1.HoldAll, "a", "b"); err != nil {
		t.Fatal(err)
	}
	unique := conn.Names()[0]
	liar := r.bus.Connect(t)
	for _, to := range []string{r.server.UniqueName(), manager1.BusName, ""} {
		for _, body := range [][]any{{unique, unique, ""}, {unique}, {}, {uint32(1), "", ""}} {
			for _, member := range []string{"NameOwnerChanged", "NameLost", "NameAcquired"} {
				m := methodCall(to, "/org/freedesktop/DBus", "org.freedesktop.DBus", member, body...)
				m.Type = dbus.TypeSignal
				if to == "" {
					delete(m.Headers, dbus.FieldDestination)
				}
				liar.Send(m, nil)
			}
		}
	}
	if got := ask(t, liar, methodCall(manager1.BusName, string(manager1.Path), "org.freedesktop.DBus.Peer", "Ping")); got != "" {
		t.Fatal(got)
	}
	if got := r.server.Agents().Registered(); len(got) != 1 {
		t.Errorf("registered %v", got)
	}
	if got := r.server.Holds().Holds(); len(got) != 1 {
		t.Errorf("holds %v", got)
	}
	if r.server.Counters().Signals == 0 {
		t.Error("none was dropped: the test proves nothing")
	}
}

// TestFileDescriptorsNeverArrive is threats D3: the connection did not
// negotiate any, so the bus does not pass them on.
func TestFileDescriptorsNeverArrive(t *testing.T) {
	r := newRigOn(t, bustest.Start(t, anything()), nil)
	conn, err := dbus.Connect(r.bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for range 50 {
		fds := []dbus.UnixFD{0, 1, 2, 0, 1, 2}
		if got := ask(t, conn, methodCall(manager1.BusName, string(manager1.Path), manager1.Interface, "Reload", fds)); got == "" {
			t.Error("it was taken")
		}
	}
	if now := count(); now > before {
		t.Errorf("%d descriptors more", now-before)
	}
}

func TestARefusedUidIsNotRoot(t *testing.T) {
	t.Parallel()
	// Somebody whom the bus does not know any more must not be uid 0.
	bustest.RequireRoot(t)
	r := newRig(t, nil)
	for range 50 {
		conn := r.bus.ConnectAs(t, nobody)
		conn.Send(methodCall(manager1.BusName, string(manager1.Path), manager1.Interface, "SwitchMode", "studio", uint32(0), uint32(0), ""), nil)
		_ = conn.Close()
	}
	for r.server.InFlight() > 0 {
		if _, err := r.client().Properties(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if did := r.engine.done(); len(did) > 0 {
		t.Errorf("the engine did %v", did)
	}
}
