// Package journal takes moded's log to journald with structured fields, and
// tells the story of each transition there. Messages are constant; data is in
// fields, where a journalctl filter finds it:
//
//	journalctl -u moded MODED_TRANSITION=12
//	journalctl -u moded MODED_TO=compute -p warning
//
// Each kind of news has a MESSAGE_ID with an explanation in the catalog
// (systemd/moded.catalog; journalctl -x).
package journal

import (
	"fmt"
	"os"
	"strings"

	sdjournal "github.com/coreos/go-systemd/v22/journal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// New returns a logger that writes to journald when stderr is connected to it,
// and as JSON lines to stderr otherwise: never as console text, whose encoder
// would pass control characters on.
func New(level zapcore.LevelEnabler) *zap.Logger {
	if onJournal, err := sdjournal.StderrIsJournalStream(); err == nil && onJournal && sdjournal.Enabled() {
		return zap.New(&core{LevelEnabler: level, send: sdjournal.Send})
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.Lock(os.Stderr), level))
}

// core is a zapcore.Core over journald's native protocol.
type core struct {
	zapcore.LevelEnabler
	fields []zapcore.Field
	send   func(message string, priority sdjournal.Priority, vars map[string]string) error
}

// With returns a core that adds fields to each entry.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	clone := *c
	clone.fields = append(clone.fields[:len(clone.fields):len(clone.fields)], fields...)
	return &clone
}

// Check adds the core to the entry when its level is on.
func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write sends one entry. The native protocol carries any bytes in a value, but
// a reader's terminal does not: control characters are taken out.
func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range c.fields {
		f.AddTo(enc)
	}
	for _, f := range fields {
		f.AddTo(enc)
	}
	vars := make(map[string]string, len(enc.Fields)+1)
	vars["SYSLOG_IDENTIFIER"] = "moded"
	for key, value := range enc.Fields {
		vars[fieldName(key)] = Safe(fmt.Sprint(value))
	}
	if err := c.send(entry.Message, priority(entry.Level), vars); err != nil {
		return fmt.Errorf("cannot write to the journal: %w", err)
	}
	return nil
}

// Sync has nothing to do: each entry is sent at once.
func (c *core) Sync() error { return nil }

// fieldName turns a zap key into journald's form. MESSAGE_ID is journald's own.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
	if name == "MESSAGE_ID" {
		return name
	}
	return "MODED_" + name
}

func priority(level zapcore.Level) sdjournal.Priority {
	switch {
	case level >= zapcore.DPanicLevel:
		return sdjournal.PriCrit
	case level == zapcore.ErrorLevel:
		return sdjournal.PriErr
	case level == zapcore.WarnLevel:
		return sdjournal.PriWarning
	case level == zapcore.DebugLevel:
		return sdjournal.PriDebug
	default:
		return sdjournal.PriInfo
	}
}

// Safe takes control characters, bidirectional overrides and zero-width
// characters out of a text from outside, and cuts it at 1024 runes.
func Safe(text string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > 1024 {
			return -1
		}
		switch {
		case r < 0x20 || r >= 0x7f && r < 0xa0,
			r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
