// Package fsmtest has fakes that behave for the engine's needs, and the one
// conformance suite that every action passes.
package fsmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// ErrDead is what everything answers in a world whose process was killed.
var ErrDead = errors.New("the process is dead")

// World is a toy machine: knobs with values, sessions, a ledger on "disk" and a
// history. It counts every touch as a tick and can die at one: from then on
// nothing that the dying process still does has an effect, which is what
// SIGKILL means to the world. Revive lets the next process in.
type World struct {
	mu sync.Mutex
	// Knobs are the machine: "units/a" to a value. Half-done moves read "…/half".
	Knobs map[string]string
	// Rests gives kinds a rest value.
	Rests map[string]string
	// Faults maps "units/a:do", ":undo", ":settled", ":capture" to what is
	// returned there; Hangs lists calls that never answer.
	Faults map[string]error
	Hangs  map[string]bool
	// Cautions are what a Do that succeeds says of itself, by the knob's id.
	Cautions map[string]string
	// Panics lists calls that panic.
	Panics map[string]bool
	// Absent lists knobs that do not exist.
	Absent map[string]bool
	People []fsm.Session
	// Answers are the judge's verdicts by guard name; absent means pass.
	Answers map[string]fsm.Outcome
	// Claims are who holds the mode: see SetHolds.
	Claims []fsm.Hold
	// OnAsk, when set, is called for each question to the judge.
	OnAsk func(q fsm.Question)

	Trace []string
	Saves int

	claimed chan struct{} // closed when Claims changes

	disk   []byte
	ticks  int
	dieAt  int
	dead   bool
	epoch  int
	boot   time.Time
	stop   bool
	log    []fsm.Transition
	nextID uint32
	chosen string
}

// NewWorld returns a world with the given knobs.
func NewWorld(knobs map[string]string) *World {
	return &World{Knobs: knobs, Rests: map[string]string{}, Faults: map[string]error{}, Hangs: map[string]bool{},
		Panics: map[string]bool{}, Absent: map[string]bool{}, Answers: map[string]fsm.Outcome{}, boot: time.Now(),
		claimed: make(chan struct{})}
}

// DieAt kills the process at the n-th tick from now; 0 means never.
func (w *World) DieAt(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticks, w.dieAt = 0, n
}

// Ticks returns how many ticks passed since DieAt or Revive.
func (w *World) Ticks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ticks
}

// Dead tells whether the process was killed.
func (w *World) Dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// Revive starts the next process on what the last one left. What still runs of
// the dead one stays without effect: its handles are of an older epoch.
func (w *World) Revive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead, w.ticks, w.dieAt = false, 0, 0
	w.epoch++
}

// SetStopping makes the machine shut down.
func (w *World) SetStopping(stopping bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = stopping
}

// Set turns a knob by hand.
func (w *World) Set(id, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Knobs[id] = value
}

// SetPeople replaces the sessions.
func (w *World) SetPeople(people ...fsm.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.People = people
}

// SetAnswer has the judge answer that to a guard; Pass is what it says of itself.
func (w *World) SetAnswer(guard string, outcome fsm.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Answers[guard] = outcome
}

// SetHolds replaces the holds and tells whoever waits for that.
func (w *World) SetHolds(holds ...fsm.Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Claims = holds
	close(w.claimed)
	w.claimed = make(chan struct{})
}

// Get reads a knob.
func (w *World) Get(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Knobs[id]
}

// Steps returns the trace and forgets it.
func (w *World) Steps() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	trace := w.Trace
	w.Trace = nil
	return trace
}

// Disk returns the ledger's document as it is on disk.
func (w *World) Disk() fsm.Document {
	w.mu.Lock()
	defer w.mu.Unlock()
	var d fsm.Document
	if len(w.disk) > 0 {
		if err := json.Unmarshal(w.disk, &d); err != nil {
			panic(err)
		}
	}
	return d
}

// DropDisk loses the ledger, as a reboot does.
func (w *World) DropDisk() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disk = nil
}

// Log returns the finished transitions, newest first.
func (w *World) Log() []fsm.Transition {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := slices.Clone(w.log)
	slices.Reverse(log)
	return log
}

// process is what one engine sees of the world.
type process struct {
	w     *World
	epoch int
}

// tickLocked counts a touch and tells whether the process is still alive.
func (p process) tickLocked() error {
	if p.w.dead || p.epoch != p.w.epoch {
		return ErrDead
	}
	p.w.ticks++
	if p.w.ticks == p.w.dieAt {
		p.w.dead = true
		return ErrDead
	}
	return nil
}

// Config returns what an engine needs to live in the world. Actions are made
// for the kinds that the engine knows.
func (w *World) Config(catalog *fsm.Catalog) fsm.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := process{w: w, epoch: w.epoch}
	actions := map[string]fsm.Action{}
	for _, kind := range []string{"gui", "gpus", "audio", "target", "units", "slices", "vllm", "k3s", "tune", "gate", "hook"} {
		actions[kind] = action{process: p, kind: kind}
	}
	return fsm.Config{Catalog: catalog, Actions: actions, Judge: p, Sessions: p, Host: p, Ledger: ledger{p}, History: history{p},
		Holds: p}
}

// Judge answers from Answers.
func (p process) Judge(_ context.Context, q fsm.Question) fsm.Judgement {
	p.w.mu.Lock()
	ask := p.w.OnAsk
	p.w.mu.Unlock()
	if ask != nil {
		ask(q)
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	j := fsm.Judgement{Facts: json.RawMessage(`{}`)}
	for _, g := range q.Guards {
		outcome := p.w.Answers[g.Name]
		if outcome == "" {
			outcome = fsm.Pass
		}
		j.Verdicts = append(j.Verdicts, fsm.Verdict{Guard: g.Name, Kind: g.Kind, Outcome: outcome,
			Code: string(outcome), Summary: g.Name + " says " + string(outcome), Overridable: !g.Final})
	}
	return j
}

// Held lists the holds.
func (p process) Held() ([]fsm.Hold, <-chan struct{}) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.w.Claims, p.w.claimed
}

// Graphical lists the people.
func (p process) Graphical(context.Context) ([]fsm.Session, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if err := p.w.Faults["sessions"]; err != nil {
		return nil, err
	}
	return slices.Clone(p.w.People), nil
}

// Boottime is the time since the world began.
func (p process) Boottime() time.Duration { return time.Since(p.w.boot) }

// Alarm is a timer.
func (p process) Alarm(ctx context.Context, at time.Duration) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		timer := time.NewTimer(at - p.Boottime())
		defer timer.Stop()
		select {
		case <-timer.C:
			close(ch)
		case <-ctx.Done():
		}
	}()
	return ch
}

// Stopping tells what SetStopping said.
func (p process) Stopping(context.Context) bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.w.stop
}

func (p process) fault(ctx context.Context, id, verb string) error {
	p.w.mu.Lock()
	hang, boom, err := p.w.Hangs[id+":"+verb], p.w.Panics[id+":"+verb], p.w.Faults[id+":"+verb]
	p.w.mu.Unlock()
	if boom {
		panic("toy panic in " + id + ":" + verb)
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func errorOf(id, verb string) error { return fmt.Errorf("toy fault in %s:%s", id, verb) }

// Break makes a call fail; Mend makes all calls good again.
func (w *World) Break(id, verb string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Faults[id+":"+verb] = errorOf(id, verb)
}

// Mend takes all faults, hangs and panics away.
func (w *World) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.Faults)
	clear(w.Hangs)
	clear(w.Panics)
}
