package host

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
)

// quiet is a connection to a manager on which the signals that somebody waits for
// come through, and no others. A manager tells everybody on its private socket of
// every property of every unit that changes, asked or not; while a desktop
// comes up, decoding that costs more than all that we do ourselves.
type quiet struct {
	net.Conn
	in    *bufio.Reader
	heard func(header []byte) bool
	begun bool // messages come, and no longer lines of the handshake
	rest  int  // bytes of the message that is being read
}

// newQuiet lets through the signals for which heard is true. It is shown their
// headers: path, interface and member as they are, one after the other.
func newQuiet(conn net.Conn, heard func(header []byte) bool) *quiet {
	return &quiet{Conn: conn, in: bufio.NewReaderSize(conn, 16<<10), heard: heard}
}

// Write notices the end of the handshake, which is before anybody else reads.
func (q *quiet) Write(p []byte) (int, error) {
	if !q.begun && bytes.HasPrefix(p, []byte("BEGIN")) {
		q.begun = true
	}
	return q.Conn.Write(p)
}

// Read gives the messages that are left.
func (q *quiet) Read(p []byte) (int, error) {
	if !q.begun {
		return q.in.Read(p)
	}
	for q.rest == 0 {
		if err := q.next(); err != nil {
			return 0, err
		}
	}
	n, err := q.in.Read(p[:min(len(p), q.rest)])
	q.rest -= n
	return n, err
}

// The head of every message: byte order, type, flags, version, the lengths of
// the body, a serial and the length of the header's fields; see "Message Format"
// in the D-Bus specification.
const (
	headSize   = 16
	typeSignal = 4
	maxFields  = 8 << 10
)

// next looks at the message that comes and drops it, or lets it be read.
func (q *quiet) next() error {
	head, err := q.in.Peek(headSize)
	if err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	kind, body, fields := head[1], int(order.Uint32(head[4:])), int(order.Uint32(head[12:]))
	if body > 128<<20 || fields > 64<<20 {
		return fmt.Errorf("a message of %d bytes is none", body)
	}
	size := headSize + (fields+7)/8*8 + body
	if kind != typeSignal || fields > maxFields {
		q.rest = size
		return nil
	}
	header, err := q.in.Peek(headSize + fields)
	if err != nil {
		return err
	}
	if q.heard(header) {
		q.rest = size
		return nil
	}
	_, err = q.in.Discard(size)
	return err
}
