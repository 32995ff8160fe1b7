// Package workload is the brain's side of moded-workload, the one helper with a
// network: it asks services on this machine whether they are ready. The
// helper's own side, with all that speaks HTTP, is package serve: the brain
// does not link it.
//
// A connection carries one question. Each side begins with a line that names
// its protocol, since an upgrade leaves an old brain beside a new helper; then
// come a Question and an Answer, one line of JSON each.
package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Protocol is the number that both sides must agree on.
const Protocol = 1

// maxLine bounds what is read of the other side.
const maxLine = 16 << 10

// Question is what the helper is asked.
type Question struct {
	// Ready is the URL of a service on this machine: is it ready?
	Ready string `json:"ready"`
}

// Answer is what it found.
type Answer struct {
	Ready bool `json:"ready"`
	// Detail is why not, in a few words that are fit to be shown.
	Detail string `json:"detail,omitempty"`
}

// ErrVersion says that the other side speaks another protocol.
var ErrVersion = errors.New("speaks another protocol: restart moded and moded-workload")

// Hello is the first line of both sides. Unknown fields are allowed in it, and
// in it alone: every version must understand it.
type Hello struct {
	Protocol int    `json:"moded-workload"`
	Version  string `json:"version,omitempty"`
}

// ReadHello reads the other side's first line.
func ReadHello(r *bufio.Reader) error {
	line, err := readLine(r)
	if err != nil {
		return fmt.Errorf("cannot read its first line: %w", err)
	}
	var h Hello
	if err := json.Unmarshal(line, &h); err != nil {
		return errors.New("its first line is not a moded-workload's")
	}
	if h.Protocol != Protocol {
		return ErrVersion
	}
	return nil
}

// Read reads one line strictly: one object, no field that is not known.
func Read[T any](r *bufio.Reader) (v T, err error) {
	line, err := readLine(r)
	if err != nil {
		return v, err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	return v, dec.Decode(&v)
}

// Write writes one line.
func Write[T any](w io.Writer, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		chunk, err := r.ReadSlice('\n')
		line = append(line, chunk...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("line longer than %d bytes", maxLine)
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// clean keeps the other side's words on one line and short: they end up in
// logs, on terminals and in the history.
func clean(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
