package triggers

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// Watcher watches while Run runs. Its other methods may be called at any time,
// also by the engine; they do not block.
type Watcher struct {
	cfg  Config
	poke chan struct{}

	mu    sync.Mutex
	news  News
	ended []fsm.Transition

	// What follows is Run's own.
	engine     Engine
	mode       string
	settings   Settings
	people     facts.Sessions
	idle       idling
	conditions []*condition
	scene      scene
	pressure   pressure
	drift      drift
	attempt    *attempt
	attempted  chan struct{}
	held       <-chan struct{}
	// withdrawn is the transition that was withdrawn last.
	withdrawn uint32
	// recorded is when a refusal of each trigger last went to the history.
	recorded map[string]time.Time
}

// New makes a watcher that sees nothing before Run.
func New(cfg Config) *Watcher {
	w := &Watcher{cfg: cfg, poke: make(chan struct{}, 1), attempted: make(chan struct{}, 1), recorded: map[string]time.Time{}}
	w.drift.rechecked = make(chan []fsm.Difference, 1)
	w.pressure.done = make(chan error, 1)
	return w
}

// Tell says that something may have changed.
func (w *Watcher) Tell(news News) { w.tell(news) }

func (w *Watcher) tell(news News, ended ...fsm.Transition) {
	w.mu.Lock()
	w.news |= news
	w.ended = append(w.ended, ended...)
	w.mu.Unlock()
	select {
	case w.poke <- struct{}{}:
	default: // it is awake already
	}
}

// Changed and the others make the watcher an fsm.Observer.
func (w *Watcher) Changed(fsm.State) { w.tell(modes) }

// Finished hears how what was begun here has ended.
func (w *Watcher) Finished(t fsm.Transition) { w.tell(modes, t) }

// Started tells nothing that Changed does not.
func (*Watcher) Started(fsm.Transition) {}

// StepChanged is the engine's own affair.
func (*Watcher) StepChanged(uint32, int, fsm.Step) {}

// ModeChanged tells nothing that Changed does not.
func (*Watcher) ModeChanged(string, string, uint32) {}

func (w *Watcher) take() (News, []fsm.Transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	news, ended := w.news, w.ended
	w.news, w.ended = 0, nil
	return news, ended
}

// Run watches the machine for the engine, which has been started, until ctx
// ends. The watcher must be one of the engine's observers.
func (w *Watcher) Run(ctx context.Context, engine Engine) {
	w.engine = engine
	w.tell(modes)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.poke:
		case <-timer.C:
		case <-w.attempted:
			w.conclude(time.Now())
		case found := <-w.drift.rechecked:
			w.found(ctx, time.Now(), found)
		case err := <-w.pressure.done:
			w.watching(err)
		case <-w.held:
			w.released(time.Now())
		}
		w.turn(ctx)
		timer.Stop()
		if next := w.next(time.Now()); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// turn takes in what there is to know and does what is due.
func (w *Watcher) turn(ctx context.Context) {
	news, ended := w.take()
	now, state := time.Now(), w.engine.State()
	w.drift.hear(now, news)
	w.account(now, ended)
	settled := state.Open == nil && state.Mode != fsm.Transitioning
	if settled && (state.Mode != w.mode || news&Reloaded != 0) {
		w.arm(now, state.Mode, state.Mode != w.mode)
		news |= Sessions | Audio | Pressure
	}
	if news&Resumed != 0 {
		w.idle.restart(now, "the machine was woken up")
	}
	w.look(ctx, now, news, state)
	now = time.Now()
	if state.Open != nil {
		w.reconsider(state.Open)
	}
	if settled && state.Mode == w.mode {
		w.act(ctx, now)
	}
}

// arm prepares for a mode that the machine has come to, or for another
// configuration of it.
func (w *Watcher) arm(now time.Time, mode string, arrived bool) {
	w.mode, w.settings = mode, w.cfg.Settings(mode)
	if arrived {
		w.scene = newScene()
		w.drift.tried = nil
	} else {
		w.idle.patience = backoff{} // by the new configuration it may pass
	}
	for _, c := range w.conditions {
		w.quiet(c)
	}
	w.conditions = nil
	var idle []fsm.Edge
	for _, e := range w.engine.Catalog().Edges() {
		if e.From != mode {
			continue
		}
		if slices.Contains(e.Triggers, Idle) {
			idle = append(idle, e)
		}
		for _, trigger := range conditionTriggers {
			if slices.Contains(e.Triggers, trigger) {
				w.conditions = append(w.conditions, newCondition(trigger, e))
			}
		}
	}
	w.idle.arm(w.settings, idle)
	w.scene.audio = w.settings.Sound
	w.pressure.want = slices.ContainsFunc(w.conditions, func(c *condition) bool { return c.trigger == MemoryPressure })
	w.drift.arm(mode != fsm.Boot, !arrived, now)
	w.cfg.Machine.Follow(w.settings.Units)
}

// look asks the machine, as far as anything depends on the answer.
func (w *Watcher) look(ctx context.Context, now time.Time, news News, state fsm.State) {
	w.steer(ctx)
	if due := w.idle.lookAt(now, state.Open); news&(Sessions|Resumed) != 0 && w.needsSessions() || !due.IsZero() && !due.After(now) {
		w.people = w.cfg.Machine.Sessions(ctx)
		w.idle.look(time.Now(), w.people)
	}
	if len(w.conditions) == 0 {
		return
	}
	if news&Pressure != 0 && w.pressure.is {
		w.pressure.high = w.feel(ctx)
	}
	w.scene.take(w.people, w.cfg.Machine.Audio())
	for _, c := range w.conditions {
		if why := w.whyOf(c.trigger); why != "" {
			c.hold(now, why)
		} else {
			w.quiet(c)
		}
	}
}

func (w *Watcher) needsSessions() bool { return w.idle.armed() || len(w.conditions) > 0 }

// act begins what is due.
func (w *Watcher) act(ctx context.Context, now time.Time) {
	for _, c := range w.conditions {
		if c.due(now) {
			w.begin(ctx, now, c.attempt(now))
		}
	}
	if w.idle.due(now) {
		w.begin(ctx, now, w.idle.attempt())
	}
	if w.attempt == nil {
		w.recheck(ctx, now)
	}
}

// next is when there is something to do without news, or zero.
func (w *Watcher) next(now time.Time) time.Time {
	state := w.engine.State()
	soonest := w.idle.lookAt(now, state.Open)
	if state.Open != nil || w.attempt != nil {
		return soonest
	}
	for _, c := range w.conditions {
		soonest = earlier(soonest, c.next())
	}
	return earlier(soonest, w.drift.next())
}

// earlier is the earlier of two moments, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
