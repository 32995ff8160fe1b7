package fsmtest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modectl/moded/pkg/fsm"
)

// action is a toy action over the world's knobs. Its Do works in two touches,
// with the knob reading "half" in between. The gui takes people with it.
type action struct {
	process
	kind string
}

func (a action) id(key string) string {
	if key == "" {
		return a.kind
	}
	return a.kind + "/" + key
}

func (a action) Capture(ctx context.Context, key string, _ fsm.Value) (fsm.Snapshot, error) {
	if err := a.fault(ctx, a.id(key), "capture"); err != nil {
		return "", err
	}
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	return fsm.NewValue(a.w.Knobs[a.id(key)]), nil
}

func (a action) Do(ctx context.Context, key string, want fsm.Value) error {
	return a.move(ctx, key, "do", want)
}

func (a action) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	return a.move(ctx, key, "undo", was)
}

func (a action) move(ctx context.Context, key, verb string, to fsm.Value) error {
	id := a.id(key)
	if err := a.touch(id, verb, "half"); err != nil {
		return err
	}
	if err := a.fault(ctx, id, verb); err != nil {
		return err
	}
	if text, ok := a.w.Cautions[id]; ok && verb == "do" {
		fsm.Caution(ctx, text)
	}
	var value string
	if err := to.Decode(&value); err != nil {
		return err
	}
	return a.touch(id, "", value)
}

// touch is one tick that changes the machine.
func (a action) touch(id, verb, value string) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if verb != "" && a.epoch == a.w.epoch && !a.w.dead {
		a.w.Trace = append(a.w.Trace, id+":"+verb)
	}
	if err := a.tickLocked(); err != nil {
		return err
	}
	a.w.Knobs[id] = value
	if a.kind == "gui" && value == "off" {
		a.w.People = nil
	}
	return nil
}

func (a action) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	if err := a.fault(ctx, a.id(key), "settled"); err != nil {
		return false, err
	}
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if a.w.Absent[a.id(key)] {
		return false, fmt.Errorf("%s: %w", a.id(key), fsm.ErrMissing)
	}
	return fsm.NewValue(a.w.Knobs[a.id(key)]) == want, nil
}

// Rest is what Rests says for the kind. GUI and audio are released only to be
// off.
func (a action) Rest(_ string, want fsm.Value) fsm.Value {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	rest, ok := a.w.Rests[a.kind]
	if !ok || (a.kind == "gui" || a.kind == "audio") && want != fsm.NewValue(rest) {
		return ""
	}
	return fsm.NewValue(rest)
}

func (a action) Preflight(_ context.Context, key string, _ fsm.Value) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if a.w.Absent[a.id(key)] {
		return fmt.Errorf("%s: %w", a.id(key), fsm.ErrMissing)
	}
	return nil
}

// ledger keeps the document in the world's disk; each save is two ticks, one
// before and one after it is on disk.
type ledger struct{ process }

func (l ledger) Load() (fsm.Document, bool, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	var d fsm.Document
	if len(l.w.disk) == 0 {
		return d, false, nil
	}
	err := json.Unmarshal(l.w.disk, &d)
	return d, err == nil, err
}

func (l ledger) Save(_ context.Context, d fsm.Document) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if err := l.w.Faults["ledger:save"]; err != nil {
		return err
	}
	if err := l.tickLocked(); err != nil {
		return err
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	l.w.disk = raw
	l.w.Saves++
	return l.tickLocked()
}

// history keeps transitions in the world.
type history struct{ process }

func (h history) NextID() (uint32, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.nextID++
	return h.w.nextID, nil
}

func (h history) Append(t fsm.Transition) error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	if h.w.dead || h.epoch != h.w.epoch {
		return ErrDead
	}
	h.w.log = append(h.w.log, t)
	return nil
}

func (h history) List(limit int) ([]fsm.Transition, error) {
	log := h.w.Log()
	if limit > 0 && len(log) > limit {
		log = log[:limit]
	}
	return log, nil
}

func (h history) Get(id uint32) (fsm.Transition, error) {
	for _, t := range h.w.Log() {
		if t.ID == id {
			return t, nil
		}
	}
	return fsm.Transition{}, fsm.ErrNotFound
}

func (h history) SetChosen(mode string) error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.chosen = mode
	return nil
}

func (h history) Chosen() (string, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	return h.w.chosen, nil
}
