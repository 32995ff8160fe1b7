package fsm

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Value is where a knob stands, or should stand, as canonical JSON: object
// keys sorted, no insignificant space. Two equal values are equal strings, so
// Value may be compared with == and used as a map key. The empty Value means
// "nothing said". A Value is self-contained: an action needs no configuration
// to carry it out, which is what lets a ledger outlive the configuration that
// wrote it.
type Value string

// Snapshot is what a knob was before a step touched it. It has the form of a
// Value, but only the action that captured it understands it.
type Snapshot = Value

// NewValue encodes v canonically. It panics when v cannot be encoded as JSON,
// which for the plain structs, maps and strings that it is meant for is an
// internal error.
func NewValue[T any](v T) Value {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("internal error: cannot encode value: %v", err))
	}
	value, err := canonical(raw)
	if err != nil {
		panic(fmt.Sprintf("internal error: cannot encode value: %v", err))
	}
	return value
}

// Decode fills v from the value. Unknown fields are an error, so that a value
// written by a newer version is refused rather than half understood.
func (v Value) Decode(into any) error {
	dec := json.NewDecoder(bytes.NewReader([]byte(v)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("cannot decode value %s: %w", v, err)
	}
	return nil
}

// MarshalJSON puts the value into a document as the JSON that it is.
func (v Value) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return []byte(v), nil
}

// UnmarshalJSON reads any JSON value and keeps its canonical form.
func (v *Value) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		*v = ""
		return nil
	}
	value, err := canonical(raw)
	if err != nil {
		return err
	}
	*v = value
	return nil
}

// canonical re-encodes JSON through Go's maps, which sorts object keys.
func canonical(raw []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return "", fmt.Errorf("cannot read value: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		return "", fmt.Errorf("cannot write value: %w", err)
	}
	return Value(bytes.TrimSpace(out.Bytes())), nil
}
