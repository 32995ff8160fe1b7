package fsm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what an Engine is made of. All fields but Notifier, Observer and
// Holds are needed.
type Config struct {
	Catalog  *Catalog
	Actions  map[string]Action
	Judge    Judge
	Sessions Sessions
	Host     Host
	Ledger   Ledger
	History  History
	Notifier Notifier
	Observer Observer
	// Holds are claims that the mode must not change; nil is none, ever.
	Holds Holds
}

// Engine owns the machine's mode. Its methods may be called from many
// goroutines; one transition runs at a time, in a goroutine of its own, on the
// engine's context and not on the caller's.
type Engine struct {
	cfg   Config
	ctx   context.Context
	stop  context.CancelCauseFunc
	tasks sync.WaitGroup

	// mu guards what follows. It is never held across an action, a guard, a
	// prompt or a job; it is held across the ledger's and the history's writes,
	// so that what is on disk and what is shown never disagree.
	mu      sync.Mutex
	catalog *Catalog
	law     *machine
	doc     Document
	run     *run
	gen     uint64
	// degraded is about the present mode, late about what could not be acquired
	// after it had settled, drift about how far the machine is from it, and
	// standing what Degrade was told.
	degraded []string
	late     []failure
	drift    []string
	standing []string
	last     *Transition
	verdicts []Verdict
	started  bool
	// bootCrash remembers how often boot was found open in which step.
	bootCrash OpenPlan
	// background is the acquires that go on after settling, or nil.
	background *background

	state atomic.Pointer[State]
}

// run is a transition under way.
type run struct {
	transition Transition
	plan       Plan
	phase      Phase
	cancel     context.CancelCauseFunc
	ctx        context.Context
	proceed    chan struct{}
	confirm    chan uint32
	deadline   time.Time
	step       int
	// notes are what steps that take their time say, by index; -1 is the run's.
	notes   map[int]string
	undoing bool
	// announced is true once observers have been told of the transition.
	announced bool
	// confirmed is true once Confirm has promised that the mode is kept.
	confirmed bool
	// stopped is true when background acquires were ended for it.
	stopped bool
	// forward is true for boot, which is never undone or cancelled.
	forward bool
	// trouble is what went wrong without taking the mode back.
	trouble []string
	request Request
	// frozen is what the sessions were when the request was authorised.
	frozen []Session
}

// Request is who wants which mode, why, with what override.
type Request struct {
	Mode          string
	Override      bool
	SkipCountdown bool
	// ConfirmWithin asks for a rollback unless somebody confirms in time.
	ConfirmWithin time.Duration
	Reason        string
	UID           uint32
	// Trigger is empty or "manual" for a person's request, else what began it.
	Trigger string
	// Authorize is asked once, when the effect is known and before anything is
	// claimed. It may take as long as a prompt takes. Nil means yes.
	Authorize func(ctx context.Context, effect Effect) error
}

// person tells whether somebody asked; all else happens by itself.
func (r Request) person() bool { return r.Trigger == "" || r.Trigger == triggerManual }

// Effect is what a request would do to people: what authorisation is about.
type Effect struct {
	From, To string
	Ends     []Session
	// Headless is true when the mode being left has no GUI.
	Headless      bool
	Override      bool
	SkipCountdown bool
	// Revert is true when the request undoes an unconfirmed transition; Owner
	// is then who began that.
	Revert bool
	Owner  uint32
}

// Causes of a run's end that are not failures of a step.
var (
	errCancelled = errors.New("cancelled")
	errShutdown  = errors.New("moded is stopping")
)

// New makes an engine at rest. Start must be called before anything else.
func New(cfg Config) *Engine {
	if cfg.Observer == nil {
		cfg.Observer = silent{}
	}
	if cfg.Notifier == nil {
		cfg.Notifier = silent{}
	}
	if cfg.Holds == nil {
		cfg.Holds = noHolds{}
	}
	ctx, stop := context.WithCancelCause(context.Background())
	e := &Engine{cfg: cfg, ctx: ctx, stop: stop, catalog: cfg.Catalog, doc: Document{Mode: Boot}}
	e.law = newMachine(cfg.Catalog, Boot)
	e.state.Store(&State{Mode: Boot})
	return e
}

// State returns the present state. It never blocks.
func (e *Engine) State() State { return *e.state.Load() }

// Catalog returns the catalog in force.
func (e *Engine) Catalog() *Catalog {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.catalog
}

// History returns the history that the engine writes.
func (e *Engine) History() History { return e.cfg.History }

// Switch asks for a mode. It returns 0 when the machine is there already, or
// the id of the transition once all guards have passed; what happens then is
// told by State and the Observer. Errors are *RequestError.
func (e *Engine) Switch(ctx context.Context, req Request) (uint32, error) {
	if req.Trigger == "" {
		req.Trigger = triggerManual
	}
	claim, err := e.prepare(ctx, req)
	if err != nil || claim == nil {
		return 0, err
	}
	if claim.revert {
		return claim.id, e.revert(ctx, req, claim)
	}
	if err := authorize(ctx, req, claim.effect); err != nil {
		return 0, err
	}
	r, err := e.claim(req, claim)
	if err != nil {
		return 0, err
	}
	id := r.transition.ID
	return id, e.admit(r, claim)
}

// claim is a request on its way to a run.
type claim struct {
	gen    uint64
	from   Mode
	to     Mode
	edge   Edge
	plan   Plan
	effect Effect
	frozen []Session
	revert bool
	id     uint32
	// rested is true when no background acquires were under way before the plan
	// was made: it has seen all that they did.
	rested bool
}

// prepare is everything before authorisation: known? already there? legal?
// busy? who would be ended? It returns nil, nil when the machine is there.
func (e *Engine) prepare(ctx context.Context, req Request) (*claim, error) {
	c, err := e.legal(req)
	if err != nil || c == nil || c.revert {
		return c, err
	}
	sessions, err := e.graphical(ctx)
	if err != nil {
		return nil, err
	}
	c.frozen = sessions
	c.plan = req.home(planner{e.cfg.Actions}.plan(ctx, c.from, c.to, c.edge, sessions), e.Catalog().Default())
	c.effect.Ends = c.plan.Ends
	return c, nil
}

// graphical lists the sessions, or refuses: who cannot be seen cannot be asked
// about.
func (e *Engine) graphical(ctx context.Context) ([]Session, error) {
	sessions, err := bounded(ctx, readBound, e.cfg.Sessions.Graphical)
	if err != nil {
		return nil, requestErrorf(ErrRefused, "cannot see who is logged in (%v); is systemd-logind up?", err)
	}
	return sessions, nil
}

// legal checks the request against catalog, law and the open transition.
func (e *Engine) legal(req Request) (*claim, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to, ok := e.catalog.Mode(req.Mode)
	if !ok {
		return nil, requestErrorf(ErrUnknownMode, "there is no such mode; modes are %s",
			strings.Join(e.catalog.Names(), ", "))
	}
	if e.run == nil && e.doc.Open == nil && e.doc.Mode == to.Name {
		return nil, nil
	}
	if c := e.reverseLocked(req); c != nil {
		return c, nil
	}
	if err := e.freeLocked(); err != nil {
		return nil, err
	}
	edge, err := e.edgeLocked(req)
	if err != nil {
		return nil, err
	}
	from, _ := e.catalog.Mode(edge.From)
	c := &claim{gen: e.gen, from: from, to: to, edge: edge, rested: !e.background.busy()}
	c.effect = Effect{From: edge.From, To: edge.To, Headless: from.Headless,
		Override: req.Override, SkipCountdown: req.SkipCountdown}
	return c, nil
}

// reverseLocked recognises the one request that an unconfirmed transition
// allows: the way back.
func (e *Engine) reverseLocked(req Request) *claim {
	r := e.run
	if r == nil || r.phase != AwaitingConfirm || r.confirmed || req.Mode != r.transition.From {
		return nil
	}
	return &claim{gen: e.gen, revert: true, id: r.transition.ID, effect: Effect{
		From: r.transition.To, To: r.transition.From, Revert: true, Owner: r.transition.UID}}
}

// freeLocked tells what stands in the way of any transition at all.
func (e *Engine) freeLocked() error {
	switch {
	case !e.started:
		return requestErrorf(ErrBusy, "moded is starting; try again in a moment")
	case e.ctx.Err() != nil:
		return e.awakeLocked()
	case e.doc.SafeMode:
		return requestErrorf(ErrStuck, "moded crashed three times in the same step and changes nothing now; say modectl recover")
	case e.doc.Open != nil && e.doc.Open.StuckAt != "":
		err := requestErrorf(ErrStuck, "the last transition is stuck: %s; say modectl recover", e.doc.Open.StuckAt)
		err.ID = e.doc.Open.Transition.ID
		return err
	case e.run == nil && e.doc.Open != nil:
		err := requestErrorf(ErrStuck, "the last transition was left half way; say modectl recover")
		err.ID = e.doc.Open.Transition.ID
		return err
	case e.run != nil:
		t := e.run.transition
		err := requestErrorf(ErrBusy, "transition %d (%s to %s) is under way; wait for it, or say modectl cancel %d",
			t.ID, t.From, t.To, t.ID)
		err.ID = t.ID
		return err
	}
	return nil
}

// awakeLocked refuses what would begin while the engine stops.
func (e *Engine) awakeLocked() error {
	if e.ctx.Err() != nil {
		return requestErrorf(ErrBusy, "moded is stopping; try again in a moment")
	}
	return nil
}

// edgeLocked finds the edge, or says the way. From boot the default mode may
// be asked for; root with the override flag may always ask for the default.
func (e *Engine) edgeLocked(req Request) (Edge, error) {
	from, home := e.doc.Mode, e.catalog.Default()
	if from == Boot && req.Mode == home {
		return Edge{Event: eventDefault, From: Boot, To: home}, nil
	}
	if edge, ok := e.catalog.Edge(from, req.Mode, req.Trigger); ok {
		return edge, nil
	}
	if req.Override && req.UID == 0 && req.Mode == home {
		return Edge{Event: eventForced, From: from, To: home}, nil
	}
	return Edge{}, requestErrorf(ErrNotAllowed, "%s to %s is not an edge: %s",
		from, req.Mode, e.catalog.wayText(from, req.Mode))
}

func authorize(ctx context.Context, req Request, effect Effect) error {
	if req.Authorize == nil {
		return nil
	}
	return req.Authorize(ctx, effect)
}

// claim takes the machine for the request, unless anything has changed since
// it was looked at: a prompt is not part of the transaction.
func (e *Engine) claim(req Request, c *claim) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.freeLocked(); err != nil {
		return nil, err
	}
	if e.gen != c.gen {
		return nil, requestErrorf(ErrBusy, "the machine changed while you were being asked; look again and try once more")
	}
	if !e.law.can(on(c.edge.Event, c.edge.From, c.edge.To)) {
		return nil, requestErrorf(ErrNotAllowed, "the law does not allow %s from %s", c.edge.Event, c.edge.From)
	}
	id, err := e.nextID()
	if err != nil {
		return nil, err
	}
	r := e.takeRunLocked(id, req, c)
	e.publishLocked()
	return r, nil
}

// nextID is for what can be refused: a transition is not begun without an id.
func (e *Engine) nextID() (uint32, error) {
	id, err := e.cfg.History.NextID()
	if err != nil {
		err = requestErrorf(ErrRefused, "cannot give the transition an id: %v; mend the state directory", err)
	}
	return id, err
}

// takeRunLocked makes the run that has the machine from here on. It is for the
// caller to publish.
func (e *Engine) takeRunLocked(id uint32, req Request, c *claim) *run {
	r := newRun(e.ctx, id, req, c)
	e.run = r
	e.gen++
	return r
}

func newRun(ctx context.Context, id uint32, req Request, c *claim) *run {
	r := &run{plan: c.plan, phase: Guarding, request: req, frozen: c.frozen,
		proceed: make(chan struct{}), confirm: make(chan uint32, 1)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.transition = Transition{ID: id, From: c.edge.From, To: c.edge.To, Event: c.edge.Event,
		Reason: req.Reason, UID: req.UID, Trigger: req.Trigger, Override: req.Override, Started: time.Now()}
	return r
}

// admit asks all guards and either starts the run or refuses it.
func (e *Engine) admit(r *run, c *claim) error {
	judgement := e.judge(r, c, false)
	verdicts := append(slices.Clone(r.plan.Verdicts), judgement.Verdicts...)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.verdicts = verdicts
	r.transition.Verdicts, r.transition.Facts = verdicts, judgement.Facts
	if err := cancelCause(r.ctx); err != nil {
		e.closeLocked(r, Cancelled, err.Error())
		return requestErrorf(ErrRefused, "%s", err.Error())
	}
	if blocked(verdicts, r.request.Override) {
		e.closeLocked(r, Refused, refusal(verdicts, r.request.Override))
		return &RequestError{Kind: ErrRefused, Text: r.transition.Message, ID: r.transition.ID, Verdicts: verdicts}
	}
	e.publishLocked()
	e.announceLocked(r)
	e.tasks.Go(func() { e.transit(r, c) })
	return nil
}

func (e *Engine) announceLocked(r *run) {
	r.announced = true
	e.cfg.Observer.Started(r.transition)
}

type silent struct{}

func (silent) Changed(State)                      {}
func (silent) Started(Transition)                 {}
func (silent) StepChanged(uint32, int, Step)      {}
func (silent) Finished(Transition)                {}
func (silent) ModeChanged(string, string, uint32) {}
func (silent) Notify(Notice)                      {}
