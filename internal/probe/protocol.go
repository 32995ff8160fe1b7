package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// Protocol is the number that both sides must agree on.
const Protocol = 1

// The largest lines: what is longer is not read.
const (
	maxHello    = 256
	maxQuestion = 64 << 10
	maxAnswer   = 4 << 20
)

// Question names the parts that are asked for. The zero Question asks nothing.
type Question struct {
	Load   bool `json:"load,omitempty"`
	Memory bool `json:"memory,omitempty"`
	// Audio asks which users run an audio server, with jackd's clients.
	Audio bool `json:"audio,omitempty"`
	// Processes are names of programs to look for.
	Processes []string `json:"processes,omitempty"`
	// GPUs asks for the devices with their holders; Usage also for how busy
	// they are, which takes two looks 200 ms apart; NVML to ask NVIDIA's
	// library, over the last Window, which may take ten seconds.
	GPUs   bool          `json:"gpus,omitempty"`
	Usage  bool          `json:"usage,omitempty"`
	NVML   bool          `json:"nvml,omitempty"`
	Window time.Duration `json:"window,omitempty"`
	// Patient is set when a decision hangs on the answer: each part may then
	// take longer before it is given up as unknown.
	Patient bool `json:"patient,omitempty"`
}

// Answer has the parts that were asked for; each may be unknown on its own.
type Answer struct {
	Load    *facts.Load      `json:"load,omitempty"`
	Memory  *facts.Memory    `json:"memory,omitempty"`
	Process *facts.Processes `json:"process,omitempty"`
	GPUs    *facts.GPUs      `json:"gpus,omitempty"`
}

// ErrVersion says that the other side speaks another protocol.
var ErrVersion = errors.New("speaks another protocol")

// hello is the first line of both sides. Unknown fields are allowed in it, and
// in it alone: it is what must be understood by every version.
type hello struct {
	Protocol int    `json:"moded-probe"`
	Version  string `json:"version,omitempty"`
}

func readHello(r *bufio.Reader) error {
	line, err := readLine(r, maxHello)
	if err != nil {
		return fmt.Errorf("cannot read its first line: %w", err)
	}
	var h hello
	if err := json.Unmarshal(line, &h); err != nil {
		return errors.New("its first line is not a moded-probe's")
	}
	if h.Protocol != Protocol {
		return fmt.Errorf("%w: %d (version %q), not %d", ErrVersion, h.Protocol, facts.Clean(h.Version), Protocol)
	}
	return nil
}

// readLine reads one line of at most limit bytes, without its end.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		chunk, err := r.ReadSlice('\n')
		if len(line)+len(chunk) > limit {
			return nil, fmt.Errorf("line longer than %d bytes", limit)
		}
		line = append(line, chunk...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// decode reads a line strictly: one object, no field that is not known.
func decode[T any](line []byte) (T, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, err
	}
	if dec.More() {
		return v, errors.New("more than one object")
	}
	return v, nil
}

func writeLine[T any](w io.Writer, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}
