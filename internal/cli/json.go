package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/modectl/moded/dbus/manager1"
)

// printJSON prints a value, indented.
func (a *app) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("internal error: cannot write JSON: %w", err)
	}
	fmt.Fprintln(a.Stdout, escape(string(text)))
	return nil
}

// printJSONLine prints a value in one line: streams have one for each event.
func (a *app) printJSONLine(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("internal error: cannot write JSON: %w", err)
	}
	_, err = fmt.Fprintln(a.Stdout, escape(string(text)))
	return err
}

// escape writes invisible characters as \u sequences: facts are passed on as
// they came, and JSON does not mind bidirectional text, but terminals do. Such
// characters can only be inside strings.
func escape(text string) string {
	invisible := func(r rune) bool {
		return r > '~' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
	}
	if strings.IndexFunc(text, invisible) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !invisible(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// fullRecord is a Record whose facts are JSON in the JSON, not a string.
type fullRecord struct {
	manager1.Record
	Facts json.RawMessage `json:"facts,omitempty"`
}

// fullResources is the same for Resources.
type fullResources struct {
	manager1.Resources
	Facts json.RawMessage `json:"facts,omitempty"`
}

func factsJSON(text string) json.RawMessage {
	if text == "" || !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}
