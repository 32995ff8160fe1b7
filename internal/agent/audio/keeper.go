package audio

import (
	"context"
	"sync"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/agent/userunits"
)

// Units is the user's service manager. Start and Stop return when the jobs are
// over.
type Units interface {
	States(ctx context.Context, units ...string) (map[string]userunits.State, error)
	Enabled(ctx context.Context, unit string) (bool, error)
	Start(ctx context.Context, units ...string) error
	Stop(ctx context.Context, units ...string) error
	Changed() <-chan struct{}
}

// PipeWire is the user's, while it runs. Follow returns nil when it went away.
type PipeWire interface {
	Follow(ctx context.Context, emit func(pipewire.Summary)) error
	Force(ctx context.Context, quantum, rate uint32) error
	// Measure looks what the drivers that run now run with.
	Measure(ctx context.Context) ([]pipewire.Clock, error)
}

const (
	lookTimeout = 3 * time.Second // to read the states of the units
	lookAgain   = 2 * time.Second // after that failed
	workTimeout = 2 * time.Minute // for jobs: a stop may take 90 s by default
	// applyWait is how long Apply waits to answer "settled": the daemon gives
	// up after 5 s.
	applyWait = 3500 * time.Millisecond

	firstRetry = 250 * time.Millisecond // after the stream broke
	lastRetry  = time.Minute
)

// Keeper keeps the audio of the user it runs as. Use New; Apply and Capture
// may be called from any goroutine while Run runs.
type Keeper struct {
	units  Units
	pw     PipeWire
	memory Memory
	report func(Report)

	asks      chan ask
	looks     chan chan manager1.AudioState
	summaries chan heard
	ends      chan ended
	works     chan worked
	measures  chan measured
	beside    sync.WaitGroup

	// What follows belongs to Run.
	seen      view
	kept      Remembered
	stream    stream
	due       bool // units changed since the order was last enforced
	fresh     bool // the order is new: its units were not started or stopped
	tries     tries
	pending   bool // something was forced that the graph has not shown yet
	measuring measuring
	waiting   []waiter
	last      *Report
}

type ask struct {
	order manager1.AudioOrder
	reply chan answer
}

type answer struct {
	settled bool
	detail  string
}

type waiter struct {
	reply chan answer
	until time.Time
}

// worked is what a change of the machine came to. started is nil unless units
// were started: then all that should be up.
type worked struct {
	err     error
	started []string
}

// New returns a Keeper that calls report, from Run's goroutine, once at first
// and then whenever something changed.
func New(units Units, pw PipeWire, memory Memory, report func(Report)) *Keeper {
	return &Keeper{
		units: units, pw: pw, memory: memory, report: report,
		asks: make(chan ask), looks: make(chan chan manager1.AudioState),
		summaries: make(chan heard), ends: make(chan ended), works: make(chan worked),
		measures: make(chan measured),
	}
}

// Apply makes order the standing one. It returns when the order is settled,
// when it is clear that it cannot be, or after some seconds, whichever comes
// first; then the keeper goes on, and the report says when it is done.
func (k *Keeper) Apply(ctx context.Context, order manager1.AudioOrder) (settled bool, detail string) {
	reply := make(chan answer, 1)
	select {
	case k.asks <- ask{order, reply}:
	case <-ctx.Done():
		return false, "the agent is busy"
	}
	select {
	case a := <-reply:
		return a.settled, a.detail
	case <-ctx.Done():
		return false, "the agent is still at it"
	}
}

// Capture says what the audio is. It changes and starts nothing.
func (k *Keeper) Capture(ctx context.Context) manager1.AudioState {
	reply := make(chan manager1.AudioState, 1)
	select {
	case k.looks <- reply:
		return <-reply
	case <-ctx.Done():
		return manager1.AudioState{State: unknown, PipeWire: unknown}
	}
}

// Run keeps the audio until ctx ends; then what it began beside itself has
// ended too.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.beside.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	k.kept = k.memory.Load()
	k.seen.forced = k.kept.Forced
	k.look(ctx)
	for {
		k.follow(ctx)
		k.enforce(ctx)
		k.measure(ctx)
		k.answer(time.Now())
		k.tell()
		if err := k.next(ctx); err != nil {
			return err
		}
	}
}

// next waits for one thing to happen and notes it.
func (k *Keeper) next(ctx context.Context) error {
	alarm := k.alarm(time.Now())
	defer alarm.Stop()
	select {
	case <-k.units.Changed():
		k.look(ctx)
	case h := <-k.summaries:
		k.hear(h)
	case e := <-k.ends:
		k.streamEnded(e)
	case w := <-k.works:
		k.workEnded(ctx, w)
	case m := <-k.measures:
		k.measureEnded(m)
	case a := <-k.asks:
		k.take(a)
	case reply := <-k.looks:
		k.look(ctx)
		reply <- k.seen.state()
	case <-alarm.C:
		if k.seen.lost != nil {
			k.look(ctx)
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// alarm rings when the stream, the manager, the quantum or the measurement is to
// be tried again, or a caller of Apply has waited long enough: never, when there
// is none of these.
func (k *Keeper) alarm(now time.Time) *time.Timer {
	at := k.stream.retryAt
	if k.seen.lost != nil {
		at = now.Add(lookAgain)
	}
	times := []time.Time{k.forceAgain(), k.measuring.again}
	for _, w := range k.waiting {
		times = append(times, w.until)
	}
	for _, t := range times {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if at.IsZero() {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTimer(max(0, at.Sub(now)))
}

// look reads the states of the units.
func (k *Keeper) look(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, lookTimeout)
	defer stop()
	states, err := k.units.States(ctx, audioUnits...)
	if err == nil && !sameStates(states, k.seen.units) {
		k.due = true
	}
	if err == nil {
		k.seen.units = states
	}
	k.seen.lost = err
}

// take makes an order the standing one.
func (k *Keeper) take(a ask) {
	for _, w := range k.waiting {
		w.reply <- answer{false, "another order came"}
	}
	k.seen.order, k.seen.failed = a.order, nil
	k.fresh, k.tries = true, tries{}
	k.unmeasured()
	k.waiting = []waiter{{a.reply, time.Now().Add(applyWait)}}
}

// answer replies to Apply when there is something to say.
func (k *Keeper) answer(now time.Time) {
	settled, detail := k.seen.judge()
	open := k.waiting[:0]
	for _, w := range k.waiting {
		if settled || k.seen.failed != nil && !k.seen.busy || !now.Before(w.until) {
			w.reply <- answer{settled, short(detail)}
			continue
		}
		open = append(open, w)
	}
	k.waiting = open
}

func (k *Keeper) remember(change func(*Remembered)) {
	change(&k.kept)
	k.seen.forced = k.kept.Forced
	if err := k.memory.Save(k.kept); err != nil {
		k.seen.failed = err
	}
}

func sameStates(a, b map[string]userunits.State) bool {
	if len(a) != len(b) {
		return false
	}
	for unit, s := range a {
		if b[unit] != s {
			return false
		}
	}
	return true
}
