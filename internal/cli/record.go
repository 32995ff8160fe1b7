package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/version"
	"github.com/modectl/moded/pkg/facts"
)

// record is what a file of facts holds.
type record struct {
	facts *facts.Facts
	mode  string // the machine was in, when the file tells
}

// maxRecord is more than the largest answer of a daemon.
const maxRecord = 16 << 20

// readRecord reads a file of facts, or standard input for "-". What the file has
// no part for is unknown.
func (a *app) readRecord(file string) (record, error) {
	name := manager1.Clean(file, manager1.MaxLine)
	if file == "-" {
		name = "standard input"
	}
	raw, err := a.readFile(file)
	if err != nil {
		return record{}, exitf(exitUsage, "cannot read facts: %s", manager1.CleanLines(err.Error()))
	}
	rec, err := parseRecord(raw)
	if err != nil {
		return record{}, exitf(exitUsage, "cannot read facts in %s: %s", name, manager1.CleanLines(err.Error()))
	}
	return rec, nil
}

func (a *app) readFile(file string) ([]byte, error) {
	in := a.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRecord+1))
	if err == nil && len(raw) > maxRecord {
		err = errors.New("that is more than 16 MiB")
	}
	return raw, err
}

// envelope is what facts come in: the JSON of status or of history show.
type envelope struct {
	Mode      string          `json:"mode"`    // of status: the present one; of a transition: where it ended
	From      string          `json:"from"`    // of a transition
	Outcome   *string         `json:"outcome"` // of a transition
	Version   string          `json:"version"` // of status
	Resources json.RawMessage `json:"resources"`
	Facts     json.RawMessage `json:"facts"`
	Status    json.RawMessage `json:"last-transition"` // there in status alone
}

func parseRecord(raw []byte) (record, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return record{}, notJSON(raw, err)
	}
	rec := record{mode: e.Mode}
	if e.Outcome != nil {
		rec.mode = e.From
	}
	text := raw
	switch {
	case e.Resources != nil:
		var r envelope
		if err := json.Unmarshal(e.Resources, &r); err != nil || r.Facts == nil {
			return rec, errors.New("its resources have no facts")
		}
		text = r.Facts
	case e.Facts != nil:
		text = e.Facts
	case e.Status != nil:
		return rec, errors.New("this is a status without facts; record it with: modectl status --resources --json")
	case e.Outcome != nil:
		return rec, errors.New("this transition has no facts")
	}
	var err error
	rec.facts, err = parseFacts(text, e.Version)
	return rec, err
}

// notJSON says in a person's words what is wrong with the whole.
func notJSON(raw []byte, err error) error {
	switch text := strings.TrimSpace(string(raw)); {
	case len(text) == 0:
		return errors.New("it is empty")
	case text[0] == '[':
		return errors.New("this is a list; modectl history show N --json gives one transition with its facts")
	}
	return fmt.Errorf("it is no JSON: %w", err)
}

func parseFacts(raw []byte, writer string) (*facts.Facts, error) {
	f := &facts.Facts{}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		return nil, newer(err, writer)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the facts")
	}
	if f.At.IsZero() {
		return nil, errors.New("they do not say when they were seen (at): nothing was recorded")
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	for _, p := range f.Parts() {
		if _, there := parts[p.Name]; !there {
			p.Unknown = "the file does not speak of it"
		}
	}
	return f, nil
}

// newer explains a key that this version does not know.
func newer(err error, writer string) error {
	_, key, unknown := strings.Cut(err.Error(), "unknown field ")
	switch {
	case !unknown:
		return err
	case writer != "" && writer != version.Version:
		return fmt.Errorf("unknown key %s: moded %s wrote the file, this is modectl %s; judge it with that version", key, writer, version.Version)
	}
	return fmt.Errorf("unknown key %s: a newer version may have written the file, this is modectl %s", key, version.Version)
}
