package manager1test

import (
	"sync"

	"github.com/godbus/dbus/v5"
)

// AfterReplies makes a connection call sent with each answer that it has given,
// once the answer is written: what sent does, nobody sees before the answer.
// Sent must not wait for the connection.
func AfterReplies(sent func(reply *dbus.Message)) []dbus.ConnOption {
	o := &outbox{sent: sent, going: map[uint32]*dbus.Message{}}
	return []dbus.ConnOption{dbus.WithOutgoingInterceptor(o.goes), dbus.WithSerialGenerator(o)}
}

// outbox numbers the messages of a connection. godbus says before it writes a
// message what it will write, and gives the number back when it has written it.
type outbox struct {
	sent func(*dbus.Message)

	mu    sync.Mutex
	last  uint32
	going map[uint32]*dbus.Message
}

// GetSerial implements dbus.SerialGenerator.
func (o *outbox) GetSerial() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	return o.last
}

func (o *outbox) goes(m *dbus.Message) {
	if m.Type != dbus.TypeMethodReply {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.going[m.Serial()] = m
}

// RetireSerial implements dbus.SerialGenerator.
func (o *outbox) RetireSerial(serial uint32) {
	o.mu.Lock()
	m := o.going[serial]
	delete(o.going, serial)
	o.mu.Unlock()
	if m != nil {
		o.sent(m)
	}
}
