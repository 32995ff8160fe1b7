package host_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/host"
)

// signal is a message as a manager sends it.
func signal(t *testing.T, order binary.ByteOrder, member string, body ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/systemd1/unit/a_2eservice")),
		dbus.FieldInterface: dbus.MakeVariant("org.example.Some"),
		dbus.FieldMember:    dbus.MakeVariant(member),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, order); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOfAllSignalsOnlyTheEndOfAJobIsHeard(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]binary.ByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs, ours := net.Pipe()
			q := host.NewQuiet(ours)
			go func() { // the handshake, and then what is and is not heard
				line := make([]byte, 5)
				_, _ = io.ReadFull(theirs, line)
				_, _ = theirs.Write([]byte("OK 1\r\n"))
				begin := make([]byte, 7)
				_, _ = io.ReadFull(theirs, begin)
				large := bytes.Repeat([]byte("x"), 100_000)
				for _, m := range [][]byte{
					signal(t, order, "PropertiesChanged", "org.example.Unit", large),
					signal(t, order, "JobRemoved", uint32(7), "done"),
					signal(t, order, "UnitNew", "a.service"),
					signal(t, order, "JobRemoved", uint32(8), string(large)),
				} {
					_, _ = theirs.Write(m)
				}
				_ = theirs.Close()
			}()
			_, _ = q.Write([]byte("AUTH\n"))
			answer := make([]byte, 6)
			if _, err := io.ReadFull(q, answer); err != nil || string(answer) != "OK 1\r\n" {
				t.Fatalf("the handshake reads %q, %v", answer, err)
			}
			_, _ = q.Write([]byte("BEGIN\r\n"))
			for _, want := range []uint32{7, 8} {
				m, err := dbus.DecodeMessage(q)
				if err != nil {
					t.Fatal(err)
				}
				if m.Body[0] != want {
					t.Errorf("heard %v, want job %d", m.Body[0], want)
				}
			}
			if m, err := dbus.DecodeMessage(q); err == nil {
				t.Errorf("heard %v after the last job", m)
			}
		})
	}
}
