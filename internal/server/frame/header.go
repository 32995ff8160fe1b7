package frame

import (
	"encoding/binary"
	"errors"

	"github.com/godbus/dbus/v5"
)

// Sizes of the wire format:
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages
const (
	fixed      = 16      // bytes before the header fields
	maxFields  = 1 << 26 // of the array of header fields
	maxMessage = 1 << 27
)

// errMalformed says that the peer does not speak D-Bus. A bus never sends such
// a thing, so the connection is given up.
var errMalformed = errors.New("malformed message")

// Header is what a message says about itself, read without its body.
type Header struct {
	Type        dbus.Type
	Flags       dbus.Flags
	Serial      uint32
	Sender      string
	Destination string
	Path        string
	Interface   string
	Member      string
	// Signature is the body's.
	Signature string
	// Size is the whole message's, in bytes.
	Size uint64

	order  binary.ByteOrder
	fields uint64 // bytes of header fields, without padding
}

// ExpectsReply tells whether it is a call whose caller waits.
func (h *Header) ExpectsReply() bool {
	return h.Type == dbus.TypeMethodCall && h.Flags&dbus.FlagNoReplyExpected == 0
}

// parseFixed reads the first 16 bytes. All sums are 64 bits wide: lengths come
// from outside and must not wrap.
func parseFixed(b []byte) (Header, error) {
	h := Header{Type: dbus.Type(b[1]), Flags: dbus.Flags(b[2])}
	switch b[0] {
	case 'l':
		h.order = binary.LittleEndian
	case 'B':
		h.order = binary.BigEndian
	default:
		return h, errMalformed
	}
	body := uint64(h.order.Uint32(b[4:]))
	h.Serial = h.order.Uint32(b[8:])
	h.fields = uint64(h.order.Uint32(b[12:]))
	h.Size = fixed + pad8(h.fields) + body
	if b[3] != 1 || h.fields > maxFields || h.Size > maxMessage {
		return h, errMalformed
	}
	return h, nil
}

func pad8(n uint64) uint64 { return (n + 7) &^ 7 }

// parseFields reads the header fields from b, which begins where they do. It
// answers false when there is something that it does not understand.
func (h *Header) parseFields(b []byte) bool {
	c := cursor{b: b, order: h.order}
	for c.pos < len(b) {
		c.align(8)
		code, kind := c.byte(), c.signature()
		switch kind {
		case "s", "o":
			h.set(dbus.HeaderField(code), c.string())
		case "g":
			h.set(dbus.HeaderField(code), c.signature())
		case "u":
			c.uint32()
		default:
			return false
		}
		if c.bad {
			return false
		}
	}
	return true
}

func (h *Header) set(code dbus.HeaderField, text string) {
	switch code {
	case dbus.FieldPath:
		h.Path = text
	case dbus.FieldInterface:
		h.Interface = text
	case dbus.FieldMember:
		h.Member = text
	case dbus.FieldDestination:
		h.Destination = text
	case dbus.FieldSender:
		h.Sender = text
	case dbus.FieldSignature:
		h.Signature = text
	}
}

// cursor reads values of the wire format. Once something does not fit it is
// bad, and everything else reads as zero.
type cursor struct {
	b     []byte
	pos   int
	order binary.ByteOrder
	bad   bool
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)-c.pos) {
		c.bad = true
		return nil
	}
	at := c.pos
	c.pos += int(n)
	return c.b[at:c.pos]
}

func (c *cursor) align(n int) { c.take(uint64((n - c.pos%n) % n)) }

func (c *cursor) byte() byte {
	if b := c.take(1); !c.bad {
		return b[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	c.align(4)
	if b := c.take(4); !c.bad {
		return c.order.Uint32(b)
	}
	return 0
}

func (c *cursor) string() string {
	n := uint64(c.uint32())
	s := string(c.take(n))
	c.take(1) // the NUL
	return s
}

func (c *cursor) signature() string {
	n := uint64(c.byte())
	s := string(c.take(n))
	c.take(1)
	return s
}
