package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/server/frame"
)

// wire is a socket that has these bytes to say and forgets what it is told.
type wire struct {
	io.Reader
	closed bool
}

func (w *wire) Write(p []byte) (int, error)      { return len(p), nil }
func (w *wire) Close() error                     { w.closed = true; return nil }
func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// answers keeps what a guard refuses.
type answers struct {
	mu   sync.Mutex
	list []*dbus.Message
}

func (a *answers) Send(m *dbus.Message, _ chan *dbus.Call) *dbus.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, m)
	return nil
}

type fields = map[dbus.HeaderField]any

// message encodes a message; the serial, which godbus keeps to itself, is 7.
func message(tb testing.TB, kind dbus.Type, flags dbus.Flags, f fields, body ...any) []byte {
	tb.Helper()
	m := dbus.Message{Type: kind, Flags: flags, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for k, v := range f {
		m.Headers[k] = dbus.MakeVariant(v)
	}
	if len(body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		tb.Fatal(err)
	}
	raw := out.Bytes()
	raw[8] = 7
	return raw
}

func callFields(sender string) fields {
	return fields{dbus.FieldPath: dbus.ObjectPath("/x"), dbus.FieldInterface: "a.b", dbus.FieldMember: "M", dbus.FieldSender: sender}
}

func signalFields(sender string) fields { return callFields(sender) }

// open returns a guard past SASL over these bytes.
func open(limits frame.Limits, call frame.Handler, bytesIn ...[]byte) (*frame.Guard, *answers) {
	g := frame.New(&wire{Reader: bytes.NewReader(bytes.Join(bytesIn, nil))}, limits)
	a := &answers{}
	g.Use(call, a)
	_, _ = g.Write([]byte("BEGIN\r\n"))
	return g, a
}

func passed(t *testing.T, g *frame.Guard) []byte {
	t.Helper()
	out, err := io.ReadAll(g)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBeforeBeginTheTextPasses(t *testing.T) {
	t.Parallel()
	g := frame.New(&wire{Reader: strings.NewReader("REJECTED EXTERNAL\r\n")}, frame.Limits{})
	if got := passed(t, g); string(got) != "REJECTED EXTERNAL\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestRepliesPassAndCallsGoToTheHandler(t *testing.T) {
	t.Parallel()
	reply := message(t, dbus.TypeMethodReply, 0, fields{dbus.FieldReplySerial: uint32(3)}, "hello")
	call := message(t, dbus.TypeMethodCall, 0, callFields(":1.5"), "mode", uint32(1))
	got := make(chan frame.Header, 1)
	g, _ := open(frame.Limits{}, func(h frame.Header, raw []byte) {
		if _, err := dbus.DecodeMessage(bytes.NewReader(raw)); err != nil {
			t.Errorf("cannot decode: %v", err)
		}
		got <- h
	}, call, reply)
	if out := passed(t, g); !bytes.Equal(out, reply) {
		t.Errorf("passed %q", out)
	}
	h := <-got
	if h.Sender != ":1.5" || h.Member != "M" || h.Interface != "a.b" || h.Path != "/x" || h.Signature != "su" || h.Serial != 7 || !h.ExpectsReply() {
		t.Errorf("header %+v", h)
	}
}

func TestWhatIsTooLargeIsDroppedAndAnswered(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 300<<10)
	g, a := open(frame.Limits{}, func(frame.Header, []byte) { t.Error("handled") },
		message(t, dbus.TypeMethodCall, 0, callFields(":1.5"), big),
		message(t, dbus.TypeMethodCall, dbus.FlagNoReplyExpected, callFields(":1.5"), big),
		message(t, dbus.TypeSignal, 0, signalFields("org.freedesktop.DBus"), big))
	if out := passed(t, g); len(out) != 0 {
		t.Errorf("%d bytes passed", len(out))
	}
	if len(a.list) != 1 || a.list[0].Headers[dbus.FieldErrorName].Value() != "org.modectl.Error.LimitsExceeded" ||
		a.list[0].Headers[dbus.FieldDestination].Value() != ":1.5" || a.list[0].Headers[dbus.FieldReplySerial].Value() != uint32(7) {
		t.Errorf("answers %v", a.list)
	}
	if c := g.Counters(); c.Oversize != 3 {
		t.Errorf("counters %+v", c)
	}
}

func TestCallsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	var calls [][]byte
	for i := range 12 {
		calls = append(calls, message(t, dbus.TypeMethodCall, 0, callFields([]string{":1.1", ":1.2", ":1.3"}[i/4])))
	}
	release := make(chan struct{})
	g, a := open(frame.Limits{InFlight: 7, PerSender: 3}, func(frame.Header, []byte) { <-release }, calls...)
	passed(t, g)
	// 3 of the first, 3 of the second, 1 of the third.
	if g.InFlight() != 7 || len(a.list) != 5 || g.Counters().Calls != 5 {
		t.Errorf("in flight %d, refused %d, counted %d", g.InFlight(), len(a.list), g.Counters().Calls)
	}
	close(release)
}

func TestSignalsPassOnlyFromTheBusAndFollowedOwners(t *testing.T) {
	t.Parallel()
	changed := func(name, now string) []byte {
		return message(t, dbus.TypeSignal, 0, fields{dbus.FieldPath: dbus.ObjectPath("/org/freedesktop/DBus"),
			dbus.FieldInterface: "org.freedesktop.DBus", dbus.FieldMember: "NameOwnerChanged",
			dbus.FieldSender: "org.freedesktop.DBus"}, name, "", now)
	}
	forged := message(t, dbus.TypeSignal, 0, fields{dbus.FieldPath: dbus.ObjectPath("/org/freedesktop/DBus"),
		dbus.FieldInterface: "org.freedesktop.DBus", dbus.FieldMember: "NameOwnerChanged",
		dbus.FieldSender: ":1.66"}, "org.login", "", ":1.66")
	old := message(t, dbus.TypeSignal, 0, signalFields(":1.4"))
	owner := message(t, dbus.TypeSignal, 0, signalFields(":1.9"))
	liar := message(t, dbus.TypeSignal, 0, signalFields(":1.66"))
	next, other, gone := changed("org.login", ":1.9"), changed("org.other", ":1.66"), changed("org.login", "")
	g, _ := open(frame.Limits{}, nil, old, liar, forged, liar, next, other, old, owner, liar, gone, owner)
	g.Follow("org.login", ":1.4")
	want := bytes.Join([][]byte{old, next, other, owner, gone}, nil)
	if got := passed(t, g); !bytes.Equal(got, want) {
		t.Errorf("passed %d bytes, want %d", len(got), len(want))
	}
	if g.Counters().Signals != 6 {
		t.Errorf("dropped %d signals", g.Counters().Signals)
	}
}

func TestUnknownFlagsAndTypesAreIgnored(t *testing.T) {
	t.Parallel()
	odd := message(t, dbus.TypeMethodReply, 0, fields{dbus.FieldReplySerial: uint32(3)})
	plain := bytes.Clone(odd)
	odd[2] = 0xf0
	unknown := bytes.Clone(plain)
	unknown[1] = 9
	g, _ := open(frame.Limits{}, nil, odd, unknown)
	if got := passed(t, g); !bytes.Equal(got, plain) {
		t.Errorf("passed %q", got)
	}
}

func TestLengthsThatWrapEndTheConnection(t *testing.T) {
	t.Parallel()
	for _, raw := range [][]byte{
		{'l', 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0x10, 0, 0, 0},
		{'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		{'B', 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0},
		{'x', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
		{'l', 1, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		g, _ := open(frame.Limits{}, nil, raw)
		if _, err := io.ReadAll(g); err == nil {
			t.Errorf("%v passed", raw)
		}
	}
}

func TestABusThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	g := frame.New(ours, frame.Limits{Write: time.Millisecond})
	if _, err := g.Write([]byte("AUTH\r\n")); err == nil {
		t.Error("written to nobody")
	}
	if _, err := g.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("still open: %v", err)
	}
}

// FuzzGuard gives any stream of bytes to a guard. Whatever it says, nothing
// larger than the limit comes through, and nothing panics.
func FuzzGuard(f *testing.F) {
	f.Add(message(f, dbus.TypeMethodCall, 0, callFields(":1.5"), "mode", uint32(1)))
	f.Add(message(f, dbus.TypeSignal, 0, signalFields("org.freedesktop.DBus"), "a", "b", "c"))
	f.Add(message(f, dbus.TypeMethodReply, 0, fields{dbus.FieldReplySerial: uint32(3)}, map[string]dbus.Variant{}))
	f.Add([]byte{'B', 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 200})
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 128
		g, _ := open(frame.Limits{Frame: limit}, func(h frame.Header, raw []byte) {
			if len(raw) > limit || uint64(len(raw)) != h.Size {
				t.Errorf("%d bytes handled, size %d", len(raw), h.Size)
			}
		}, stream)
		g.Follow("org.login", ":1.4")
		out, _ := io.ReadAll(g)
		if len(out) > len(stream) {
			t.Errorf("%d bytes out of %d", len(out), len(stream))
		}
	})
}
