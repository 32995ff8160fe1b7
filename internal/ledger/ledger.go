// Package ledger keeps on disk what must survive the process: the one document
// of the engine, in the runtime directory, where it dies with the boot; and ids,
// history and the last chosen mode, in the state directory.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/modectl/moded/pkg/fsm"
)

// version of the document's form. Another one is foreign, and set aside.
const version = 1

const stateFile = "state.json"

// Stamps tell which boot a document belongs to. A reboot changes both; a
// soft-reboot keeps /run and the boot id and changes only the second.
type Stamps struct {
	BootID string `json:"boot-id"`
	// Userspace is PID 1's UserspaceTimestampMonotonic.
	Userspace uint64 `json:"userspace-monotonic"`
}

// file is the form of state.json.
type file struct {
	Version int `json:"version"`
	Stamps
	Document fsm.Document `json:"document"`
}

// DamagedError says that the document could not be read and where it is now.
type DamagedError struct {
	// Aside is the name that the file was given; empty when it could not even
	// be renamed.
	Aside  string
	Reason error
}

// Error says what was damaged and where it lies.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s could not be read (%v) and is now %s", stateFile, e.Reason, e.Aside)
}

// Unwrap returns the reason.
func (e *DamagedError) Unwrap() error { return e.Reason }

// Ledger is the fsm.Ledger on disk. It is safe for concurrent use.
type Ledger struct {
	stamps Stamps

	mu     sync.Mutex
	disk   disk
	broken error
	writes int
}

// Open opens the ledger in the runtime directory, which is made when it is not
// there.
func Open(runtimeDir string, stamps Stamps) (*Ledger, error) {
	d, err := openFolder(runtimeDir)
	if err != nil {
		return nil, fmt.Errorf("cannot open ledger: %w", err)
	}
	return &Ledger{stamps: stamps, disk: d}, nil
}

// Load returns the document of this boot. Damage is reported once, as a
// *DamagedError: the file has then been set aside. A document of another boot
// is history, and no document.
func (l *Ledger) Load() (fsm.Document, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	raw, err := l.disk.Read(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fsm.Document{}, false, nil
	}
	f, err := decode(raw, err)
	if err != nil {
		aside, moved := setAside(l.disk, stateFile)
		return fsm.Document{}, false, &DamagedError{Aside: aside, Reason: errors.Join(err, moved)}
	}
	if f.Stamps != l.stamps {
		return fsm.Document{}, false, nil
	}
	return f.Document, true, nil
}

// decode is strict: a document that is only half understood is foreign.
func decode(raw []byte, err error) (file, error) {
	var f file
	if err != nil {
		return f, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return f, errors.New("there is something after its end")
	}
	if f.Version != version {
		return f, fmt.Errorf("it has version %d, and this moded knows %d", f.Version, version)
	}
	if f.Document.Mode == "" {
		return f, errors.New("it names no mode")
	}
	return f, nil
}

// Save replaces the document and returns when it is safe. After a failure the
// ledger refuses all further saves: the kernel may have dropped what it could
// not write, and a later success would prove nothing.
func (l *Ledger) Save(_ context.Context, d fsm.Document) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return fmt.Errorf("the ledger is read-only since a write failed: %w", l.broken)
	}
	raw, err := json.Marshal(file{Version: version, Stamps: l.stamps, Document: d})
	if err != nil {
		return fmt.Errorf("cannot encode document: %w", err)
	}
	if err := replace(l.disk, stateFile, raw); err != nil {
		l.broken = err
		return err
	}
	l.writes++
	return nil
}

// Writes returns how many synced writes there have been.
func (l *Ledger) Writes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}
