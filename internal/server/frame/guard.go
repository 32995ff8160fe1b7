// Package frame stands between the bus and godbus and looks at each message
// before anything decodes it.
//
// godbus decodes a message whole, by reflection, before it knows whether
// anybody wants it: 31 MiB from any local user became 1.1 GB here. It starts a
// goroutine for every call, without limit, and believes every signal. The
// Guard is a socket that drops what is too large, passes signals only from the
// bus itself and from owners of names that it was told to follow, and takes
// method calls out of the stream: godbus never sees one. They go to a handler,
// a bounded number at a time. What is dropped while somebody waits for it is
// answered with org.modectl.Error.LimitsExceeded.
//
// The connection never negotiates file descriptors, so that the bus refuses to
// send any.
package frame

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
)

// Limits of a Guard. The zero value of a field means the default.
type Limits struct {
	// Frame is the largest message in bytes that is read at all: 256 KiB.
	Frame uint64
	// InFlight and PerSender bound the calls being handled: 256 and 64.
	InFlight  int
	PerSender int
	// Write is how long the bus may take to accept a message before the
	// connection is given up: 10 s.
	Write time.Duration
	// PassCalls leaves method calls to godbus, which takes any number of them:
	// for a connection that the bus's policy lets nobody but root call.
	PassCalls bool
}

func (l Limits) orDefaults() Limits {
	if l.Frame == 0 {
		l.Frame = 256 << 10
	}
	if l.InFlight == 0 {
		l.InFlight = 256
	}
	if l.PerSender == 0 {
		l.PerSender = 64
	}
	if l.Write == 0 {
		l.Write = 10 * time.Second
	}
	return l
}

// Handler handles one method call, whose bytes it may keep, and sends the
// reply. It runs in a goroutine of its own and counts as in flight until it
// returns. It must not panic.
type Handler func(h Header, message []byte)

// Sender sends a message of ours; *dbus.Conn is one.
type Sender interface {
	Send(msg *dbus.Message, ch chan *dbus.Call) *dbus.Call
}

// Counters are what a Guard has dropped so far.
type Counters struct {
	Oversize  uint64
	Signals   uint64
	Calls     uint64
	Malformed uint64
}

// Guard is the socket that godbus is given. Read must be called by one
// goroutine only, as godbus does.
type Guard struct {
	socket net.Conn
	in     *bufio.Reader
	limits Limits
	call   Handler
	reply  Sender

	begun bool   // SASL is over: set by the Write of BEGIN, before Read goes on
	ready []byte // of the message that godbus reads now
	calls callers
	names owners

	oversize, signals, refused, malformed atomic.Uint64
}

// New puts a guard before a connected socket. Use must be called before the
// connection's Auth.
func New(socket net.Conn, limits Limits) *Guard {
	g := &Guard{socket: socket, in: bufio.NewReaderSize(socket, 16<<10), limits: limits.orDefaults()}
	g.calls = newCallers(g.limits)
	return g
}

// Use says who handles calls and by whom refusals are sent.
func (g *Guard) Use(call Handler, reply Sender) { g.call, g.reply = call, reply }

// Counters returns what was dropped so far.
func (g *Guard) Counters() Counters {
	return Counters{g.oversize.Load(), g.signals.Load(), g.refused.Load(), g.malformed.Load()}
}

// InFlight returns how many calls are being handled.
func (g *Guard) InFlight() int { return g.calls.total() }

var beginLine = []byte("BEGIN\r\n")

// Write sends bytes to the bus. When that fails or takes too long the socket
// is closed: half a message cannot be taken back.
func (g *Guard) Write(p []byte) (int, error) {
	if !g.begun && bytes.Equal(p, beginLine) {
		g.begun = true
	}
	n, err := 0, g.socket.SetWriteDeadline(time.Now().Add(g.limits.Write))
	if err == nil {
		n, err = g.socket.Write(p)
	}
	if err != nil {
		return n, errors.Join(err, g.socket.Close())
	}
	return n, nil
}

// Close closes the socket.
func (g *Guard) Close() error { return g.socket.Close() }

// Read gives godbus the bytes of whole messages that passed.
func (g *Guard) Read(p []byte) (int, error) {
	if !g.begun {
		return g.in.Read(p)
	}
	for len(g.ready) == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.ready)
	g.ready = g.ready[n:]
	return n, nil
}

// next reads one message and decides about it.
func (g *Guard) next() error {
	var first [fixed]byte
	if _, err := io.ReadFull(g.in, first[:]); err != nil {
		return err
	}
	h, err := parseFixed(first[:])
	if err != nil {
		g.malformed.Add(1)
		return err
	}
	if h.Size > g.limits.Frame {
		return g.skip(h)
	}
	message := make([]byte, h.Size)
	copy(message, first[:])
	if _, err := io.ReadFull(g.in, message[fixed:]); err != nil {
		return err
	}
	if !h.parseFields(message[fixed : fixed+h.fields]) {
		g.malformed.Add(1)
		return nil
	}
	g.decide(h, message)
	return nil
}

// decide passes a message, hands it to the handler, or drops it.
func (g *Guard) decide(h Header, message []byte) {
	switch h.Type {
	case dbus.TypeSignal:
		if !g.names.trusted(&h, message) {
			g.signals.Add(1)
			return
		}
	case dbus.TypeMethodCall:
		if !g.limits.PassCalls {
			g.handle(h, message)
			return
		}
	case dbus.TypeMethodReply, dbus.TypeError:
	default:
		return // the specification wants unknown types to be ignored
	}
	// Unknown flags are to be ignored as well; godbus would drop the message.
	message[2] &= byte(dbus.FlagNoReplyExpected | dbus.FlagNoAutoStart | dbus.FlagAllowInteractiveAuthorization)
	g.ready = message
}

func (g *Guard) handle(h Header, message []byte) {
	if g.call == nil || !g.calls.enter(h.Sender) {
		g.refused.Add(1)
		g.refuse(h, "too many calls at once; try again")
		return
	}
	message[2] &= byte(dbus.FlagNoReplyExpected | dbus.FlagNoAutoStart | dbus.FlagAllowInteractiveAuthorization)
	go func() {
		defer g.calls.leave(h.Sender)
		g.call(h, message)
	}()
}

// skip drops a message that is too large. Its header is read, if that alone is
// not too large, so that a caller who waits gets an answer.
func (g *Guard) skip(h Header) error {
	g.oversize.Add(1)
	rest := h.Size - fixed
	if h.fields <= g.limits.Frame {
		fields := make([]byte, h.fields)
		if _, err := io.ReadFull(g.in, fields); err != nil {
			return err
		}
		rest -= h.fields
		if h.parseFields(fields) {
			g.refuse(h, "the message is too large")
		}
	}
	_, err := io.CopyN(io.Discard, g.in, int64(rest))
	return err
}

// errLimits is manager1.ErrLimitsExceeded; this package knows no contract.
const errLimits = "org.modectl.Error.LimitsExceeded"

func (g *Guard) refuse(h Header, text string) {
	if g.reply == nil || !h.ExpectsReply() || h.Serial == 0 {
		return
	}
	g.reply.Send(Error(h.Sender, h.Serial, errLimits, text), nil)
}
