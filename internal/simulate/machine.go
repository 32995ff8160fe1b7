package simulate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/modectl/moded/internal/atomicfile"
	"github.com/modectl/moded/pkg/fsm"
)

// File is the name of the machine's file in the runtime directory.
const File = "simulated-machine.json"

// Options says where the machine is kept and how fast its time is.
type Options struct {
	// Dir is the daemon's runtime directory: gates and environment files are
	// read below it as units of the real machine would read them.
	Dir string
	// Speed divides the time that everything takes; 0 means 1, the pace of a
	// machine that one likes to watch.
	Speed float64
}

// Machine is the simulated machine. All methods may be called from several
// goroutines. The zero Machine is not usable: see New.
type Machine struct {
	dir   string
	speed float64

	mu    sync.Mutex
	world world
	// happening is when the event that is being carried out was due.
	happening time.Time
	// changed is closed, and replaced, whenever something has happened.
	changed chan struct{}
	// results keeps how awaited events ended until their waiter has read it.
	results map[uint64]outcome
	// standing are the daemon's orders to agents: they live in its memory.
	standing map[string]fsm.Value
	// tell is called whenever something has happened, and alarm lets the next
	// thing happen: nil while nobody wants news.
	tell  func()
	alarm *time.Timer
}

// New returns the machine that dir keeps, or a fresh one when there is none.
// What was under way goes on where it was.
func New(o Options) (*Machine, error) {
	if o.Speed == 0 {
		o.Speed = 1
	}
	m := &Machine{
		dir: o.Dir, speed: o.Speed,
		changed: make(chan struct{}), results: map[uint64]outcome{}, standing: map[string]fsm.Value{},
	}
	err := m.load()
	if errors.Is(err, fs.ErrNotExist) {
		m.world = fresh(time.Now(), bootID())
		return m, m.save()
	}
	return m, err
}

func (m *Machine) load() error {
	raw, err := os.ReadFile(filepath.Join(m.dir, File))
	if err != nil {
		return fmt.Errorf("cannot read simulated machine: %w", err)
	}
	if err := json.Unmarshal(raw, &m.world); err != nil {
		return fmt.Errorf("cannot read simulated machine %s (remove it for a fresh one): %w", filepath.Join(m.dir, File), err)
	}
	for i := range m.world.GPUs {
		if m.world.GPUs[i].Settings == nil { // the file is of an older version
			m.world.GPUs[i].Settings = freshSettings()
		}
	}
	return nil
}

// save replaces the file. The machine is as durable as a killed daemon needs,
// not as a power cut would: nothing is synced.
func (m *Machine) save() error {
	raw, err := json.MarshalIndent(m.world, "", " ")
	if err != nil {
		return fmt.Errorf("cannot encode simulated machine: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(m.dir, File), raw, 0o600); err != nil {
		return fmt.Errorf("cannot write simulated machine: %w", err)
	}
	return nil
}

// Boot makes the machine a fresh one, as after a restart of the computer. What
// the daemon holds open dies with the old one: whoever waits is told.
func (m *Machine) Boot() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range slices.Concat(m.world.Pending, m.world.Hung) {
		m.finishLocked(e, outcome{result: "canceled"})
	}
	m.world = fresh(time.Now(), bootID())
	return m.commitLocked()
}

// Stamps are this boot's id and when its user space began: a ledger of other
// stamps is history.
func (m *Machine) Stamps() (bootID string, userspace time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.world.Boot, m.world.Userspace
}

// commitLocked keeps what has happened and wakes up who waits for it.
func (m *Machine) commitLocked() error {
	close(m.changed)
	m.changed = make(chan struct{})
	m.newsLocked()
	return m.save()
}

// look runs f on the machine as it is now.
func (m *Machine) look(f func(w *world)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.advanceLocked()
	f(&m.world)
	return err
}

// Boottime is the time since the machine's boot.
func (m *Machine) Boottime() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.world.Userspace)
}

// Alarm is closed when Boottime reaches at, or never once ctx is done.
func (m *Machine) Alarm(ctx context.Context, at time.Duration) <-chan struct{} {
	rang := make(chan struct{})
	timer := time.AfterFunc(at-m.Boottime(), func() { close(rang) })
	context.AfterFunc(ctx, func() { timer.Stop() })
	return rang
}

// Stopping tells whether the machine shuts down: the control command
// "shutdown" says so.
func (m *Machine) Stopping(context.Context) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.world.Stopping
}

func bootID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand panics instead
	return hex.EncodeToString(id[:])
}
