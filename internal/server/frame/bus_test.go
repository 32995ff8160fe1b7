package frame_test

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/server/frame"
)

// greeter has the interface that the bus lets root call.
type greeter struct{}

func (greeter) Greet() (string, *dbus.Error) { return "hello", nil }

// On a system bus everybody may send signals to everybody, of any size.
func TestASignalOfTheLargestSizeDoesNotReachAClient(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	us, guard, err := frame.Dial(t.Context(), bus.Address, frame.Limits{PassCalls: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = us.Close() })
	if err := us.Export(greeter{}, "/x", "org.modectl.Agent1"); err != nil {
		t.Fatal(err)
	}
	heard := make(chan *dbus.Signal, 8)
	us.Signal(heard)
	peer, name := bus.Connect(t), us.Names()[0]
	for _, text := range []string{strings.Repeat("x", 8<<20), "small"} {
		signal := &dbus.Message{Type: dbus.TypeSignal, Body: []any{text}, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(name), dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/x")),
			dbus.FieldInterface: dbus.MakeVariant("a.b"), dbus.FieldMember: dbus.MakeVariant("C"), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(text)),
		}}
		if c := peer.Send(signal, nil); c != nil && c.Err != nil {
			t.Fatal(c.Err)
		}
	}
	var answer string // which comes after both
	if err := peer.Object(name, "/x").Call("org.modectl.Agent1.Greet", 0).Store(&answer); err != nil || answer != "hello" {
		t.Fatalf("a call is answered %q, %v", answer, err)
	}
	if n := guard.Counters(); n.Oversize != 1 || n.Signals != 1 {
		t.Errorf("dropped %+v", n)
	}
	for len(heard) > 0 {
		if s := <-heard; s.Name == "a.b.C" {
			t.Error("it was heard")
		}
	}
}
