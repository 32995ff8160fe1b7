package pipewire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Types of objects that the graph keeps.
const (
	typeClient   = "PipeWire:Interface:Client"
	typeNode     = "PipeWire:Interface:Node"
	typeLink     = "PipeWire:Interface:Link"
	typeMetadata = "PipeWire:Interface:Metadata"
)

// object is one element of a pw-dump document, with only what the graph uses.
// One without a type, or without info where there must be some, is removed.
type object struct {
	ID       uint32          `json:"id"`
	Type     string          `json:"type"`
	Info     *info           `json:"info"`
	Props    *props          `json:"props"`    // of metadata
	Metadata []metadataEntry `json:"metadata"` // changed keys only
}

type info struct {
	State      string `json:"state"`
	OutputNode uint32 `json:"output-node-id"`
	InputNode  uint32 `json:"input-node-id"`
	Props      props  `json:"props"`
}

// props are the properties of clients and nodes that matter here.
type props struct {
	Serial        text `json:"object.serial"`
	MetadataName  text `json:"metadata.name"`
	ClientID      text `json:"client.id"`
	ClientAPI     text `json:"client.api"`
	ClientName    text `json:"client.name"`
	NodeName      text `json:"node.name"`
	NodeDriver    text `json:"node.driver"`
	MediaClass    text `json:"media.class"`
	MediaType     text `json:"media.type"`
	MediaRole     text `json:"media.role"`
	MediaCategory text `json:"media.category"`
	StreamMonitor text `json:"stream.monitor"`
	AppName       text `json:"application.name"`
	AppBinary     text `json:"application.process.binary"`
	AppPID        text `json:"application.process.id"`
	SecPID        text `json:"pipewire.sec.pid"`
}

type metadataEntry struct {
	Subject uint32 `json:"subject"`
	Key     text   `json:"key"`
	Value   text   `json:"value"`
}

// text is a property's value. Each is a string inside PipeWire, but pw-dump
// prints those that look like something else bare: 48000, true, null, {…}.
type text string

// UnmarshalJSON takes any value, as the text that it was.
func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	*t = text(bytes.TrimSpace(raw))
	return nil
}

// number is the value as a number, 0 when it is none.
func (t text) number() uint32 {
	n, err := strconv.ParseUint(string(t), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

func (t text) is(want string) bool { return strings.EqualFold(string(t), want) }

// readDocument decodes the next array. It returns io.EOF at a clean end, and
// no other error is io.EOF. Objects are decoded one by one: the parameters of
// nodes, most of a dump, are never held.
func readDocument(d *json.Decoder) ([]object, error) {
	token, err := d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("cannot read pw-dump: %v", err)
	case token != json.Delim('['):
		return nil, fmt.Errorf("cannot read pw-dump: %v where a document begins", token)
	}
	var doc []object
	for d.More() {
		var o object
		if err := d.Decode(&o); err != nil {
			return nil, fmt.Errorf("cannot read an object of pw-dump: %v", err)
		}
		doc = append(doc, o)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("cannot read the end of a pw-dump document: %v", err)
	}
	return doc, nil
}
