package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"path/filepath"

	"github.com/modectl/moded/pkg/fsm"
)

const (
	idFile     = "last-id"
	chosenFile = "chosen-mode"
	// maxFacts is how much of a transition's facts is kept, and maxHistory how
	// much of all.
	maxFacts   = 64 << 10
	maxHistory = 4 << 20
)

// History is the fsm.History on disk: a file for each transition. It is safe
// for concurrent use.
type History struct {
	mu    sync.Mutex
	state disk // ids and the chosen mode
	log   disk // the transitions
	sizes map[uint32]int
}

// OpenHistory opens the history in the state directory, which is made when it
// is not there.
func OpenHistory(stateDir string) (*History, error) {
	state, err := openFolder(stateDir)
	if err != nil {
		return nil, fmt.Errorf("cannot open history: %w", err)
	}
	log, err := openFolder(filepath.Join(stateDir, "history"))
	if err != nil {
		return nil, fmt.Errorf("cannot open history: %w", err)
	}
	return newHistory(state, log)
}

func newHistory(state, log disk) (*History, error) {
	h := &History{state: state, log: log, sizes: map[uint32]int{}}
	names, err := log.Names()
	if err != nil {
		return nil, fmt.Errorf("cannot list history: %w", err)
	}
	for _, name := range trimNew(names) {
		if id, ok := idOf(name); ok {
			raw, err := log.Read(name)
			if err != nil {
				continue
			}
			h.sizes[id] = len(raw)
		}
	}
	return h, nil
}

func fileOf(id uint32) string { return fmt.Sprintf("%010d.json", id) }

func idOf(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".json")
	id, err := strconv.ParseUint(digits, 10, 32)
	return uint32(id), ok && err == nil && len(digits) == 10
}

// NextID returns an id that no transition had before, on any boot. It is safe
// on disk before it is returned.
func (h *History) NextID() (uint32, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.lastLocked() + 1
	if err := replace(h.state, idFile, []byte(strconv.FormatUint(uint64(next), 10))); err != nil {
		return 0, err
	}
	return next, nil
}

// lastLocked is the highest id in sight: a lost or damaged id file must not
// give an id out twice.
func (h *History) lastLocked() uint32 {
	var last uint32
	if raw, err := h.state.Read(idFile); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 32); err == nil {
			last = uint32(n)
		}
	}
	for id := range h.sizes {
		last = max(last, id)
	}
	return last
}

// Append keeps a transition; one with the same id is replaced. The oldest go
// when there are too many.
func (h *History) Append(t fsm.Transition) error {
	if len(t.Facts) > maxFacts {
		t.Facts = json.RawMessage(fmt.Sprintf(`{"truncated":true,"bytes":%d}`, len(t.Facts)))
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("cannot encode transition %d: %w", t.ID, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	name := fileOf(t.ID)
	if err := h.log.Write(name+".new", raw); err != nil {
		return fmt.Errorf("cannot write transition %d: %w", t.ID, err)
	}
	if err := h.log.Rename(name+".new", name); err != nil {
		return fmt.Errorf("cannot write transition %d: %w", t.ID, err)
	}
	h.sizes[t.ID] = len(raw)
	return h.pruneLocked()
}

func (h *History) pruneLocked() error {
	total := 0
	for _, size := range h.sizes {
		total += size
	}
	for _, id := range h.idsLocked() {
		if total <= maxHistory {
			return nil
		}
		if err := h.log.Remove(fileOf(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove transition %d: %w", id, err)
		}
		total -= h.sizes[id]
		delete(h.sizes, id)
	}
	return nil
}

// idsLocked lists the ids, oldest first.
func (h *History) idsLocked() []uint32 {
	ids := make([]uint32, 0, len(h.sizes))
	for id := range h.sizes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// List returns at most limit transitions, newest first; 0 means all. Files that
// cannot be read are left out.
func (h *History) List(limit int) ([]fsm.Transition, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := h.idsLocked()
	slices.Reverse(ids)
	var list []fsm.Transition
	for _, id := range ids {
		if limit > 0 && len(list) == limit {
			break
		}
		if t, err := h.readLocked(id); err == nil {
			list = append(list, t)
		}
	}
	return list, nil
}

func (h *History) readLocked(id uint32) (fsm.Transition, error) {
	var t fsm.Transition
	raw, err := h.log.Read(fileOf(id))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("cannot decode transition %d: %w", id, err)
	}
	return t, nil
}

// Get returns one transition, or fsm.ErrNotFound.
func (h *History) Get(id uint32) (fsm.Transition, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := h.readLocked(id)
	if errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("transition %d: %w", id, fsm.ErrNotFound)
	}
	return t, err
}

// SetChosen keeps the mode that a person chose last.
func (h *History) SetChosen(mode string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return replace(h.state, chosenFile, []byte(mode+"\n"))
}

// Chosen returns it, or "" when nobody chose.
func (h *History) Chosen() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	raw, err := h.state.Read(chosenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	mode := strings.TrimSpace(string(raw))
	if err == nil && !fsm.ValidName(mode) {
		return "", fmt.Errorf("%s does not hold a mode", chosenFile)
	}
	return mode, err
}
