package helper

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modectl/moded/pkg/facts"
)

// maxHello bounds the first lines, whatever the protocol.
const maxHello = 256

// ErrVersion says that the other side speaks another protocol.
var ErrVersion = errors.New("speaks another protocol")

// Protocol is what the brain and one helper must agree on.
type Protocol struct {
	// Name is the helper's program. It is the key of the number in the first
	// lines, and how errors call the helper.
	Name string
	// Number changes with every change of the question or the answer.
	Number int
	// MaxQuestion and MaxAnswer bound the lines, in bytes with their end. A
	// longer line is not read.
	MaxQuestion, MaxAnswer int
}

// hello is the first line of both sides.
func (p Protocol) hello(version string) map[string]any {
	line := map[string]any{p.Name: p.Number}
	if version != "" {
		line["version"] = version
	}
	return line
}

// readHello reads the other side's first line. Unknown fields are allowed in
// it, and in it alone: every version must understand it.
func (p Protocol) readHello(r *bufio.Reader) error {
	line, err := readLine(r, maxHello)
	if err != nil {
		return fmt.Errorf("cannot read its first line: %w", err)
	}
	var fields map[string]json.RawMessage
	err = json.Unmarshal(line, &fields)
	number, nerr := field[int](fields, p.Name)
	version, verr := field[string](fields, "version")
	if errors.Join(err, nerr, verr) != nil {
		return fmt.Errorf("its first line is not a %s's", p.Name)
	}
	if number != p.Number {
		return fmt.Errorf("%w: %d (version %q), not %d: restart moded and %s",
			ErrVersion, number, facts.Clean(version), p.Number, p.Name)
	}
	return nil
}

// field is a field of an object, the zero value when there is none.
func field[T any](fields map[string]json.RawMessage, name string) (v T, err error) {
	if raw, there := fields[name]; there {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}
